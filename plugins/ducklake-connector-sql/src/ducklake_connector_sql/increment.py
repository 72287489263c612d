"""One increment of a table: what is asked before its snapshot, and which rows it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import ExtractRequest, Overlap
from ducklake.errors import DataError
from ducklake_connector_sql.batches import Reading
from ducklake_connector_sql.cursor import Cursor, Probe
from ducklake_connector_sql.keys import gone_back, key_among, kind_of, lookback_of
from ducklake_connector_sql.probes import bound, has_index, highest, reaches

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause

    from ducklake_connector_sql.connector import BaseSqlConnector
    from ducklake_connector_sql.types import ReflectedColumn


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """A table of the database.

    Attributes:
        schema: Its schema, or None.
        name: Its name there.
        kind: `table` or `view`.
    """

    schema: str | None
    name: str
    kind: str

    def source(self, columns: Sequence[str]) -> FromClause:
        """The table for SQLAlchemy, every name quoted.

        Args:
            columns: Its columns.
        """
        from sqlalchemy import column, quoted_name, table

        schema = quoted_name(self.schema, quote=True) if self.schema is not None else None
        return table(quoted_name(self.name, quote=True), *(column(quoted_name(name, quote=True)) for name in columns), schema=schema)


@dataclasses.dataclass(frozen=True, slots=True)
class Increment:
    """What an increment reads, and what it leaves to the next one.

    Attributes:
        place: `source.table`.
        key: The key column as reflected.
        located: The table.
        before: The cursor that the last extraction left.
        cursor: The cursor to leave.
        low: The lowest key to read, or None.
        ordered: Whether the database orders keys as the lake does; it does not for text, and SQLite not for dates, which are text there.
        notes: Remarks for the user.
    """

    place: str
    key: ReflectedColumn
    located: Located
    before: Cursor
    cursor: Cursor
    low: str | None
    ordered: bool
    notes: tuple[str, ...]

    @classmethod
    def begin(
        cls,
        connector: BaseSqlConnector[Any],
        connection: Connection,
        request: ExtractRequest,
        located: Located,
        columns: Sequence[tuple[ReflectedColumn, Reading]],
    ) -> Increment:
        """Look at the key.

        Args:
            connector: Whose probes to use.
            connection: In autocommit, before the snapshot.
            request: What is to be extracted.
            located: The table.
            columns: Its columns.

        Raises:
            DataError: The key is gone, holds something else now, or cannot be one.
            ConfigurationError: The lookback does not go with the key.
        """
        place = f"{connector.context.source}.{request.table}"
        name = key_among(request.key_column or "", [reading.name for _, reading in columns], place, known=request.state is not None)
        key, reading = next((column, reading) for column, reading in columns if reading.name == name)
        kind = kind_of(name, reading.type, place)
        before = Cursor(name, kind)
        if request.state is not None:
            before = Cursor.from_state(request.state, name, place)
            before.check_kind(kind, place)
            before = dataclasses.replace(before, kind=kind)
        low = before.low(request.lookback, place)
        source = located.source([reading.name for _, reading in columns])
        top = highest(connection, source, source.c[name], key, kind, connector.clock(connection))
        probe = Probe(top, connector.clock(connection))
        horizon = connector.horizon(connection, probe, lookback_of(kind, request.lookback, place))
        notes = []
        if request.state is None:
            notes = [note for note in (horizon.note, _about_order(name, kind)) if note]
            if located.kind == "table" and not has_index(connection, located.name, located.schema, name):
                notes.append(f"no index begins with the key column {name!r}: every increment scans the whole table")
        ordered = kind in ("integer", "decimal", "float") or (kind != "text" and connection.dialect.name != "sqlite")
        return cls(place, key, located, before, before.advanced(probe, horizon), low, ordered, tuple(notes))

    def within(
        self, connection: Connection, source: FromClause, readings: Sequence[Reading]
    ) -> tuple[Increment, ColumnElement[bool] | None]:
        """Which rows are read: all in the first extraction, then those from `low` on and those without a key.

        Args:
            connection: In the snapshot.
            source: The table, as the rows are selected from it.
            readings: Its columns as the snapshot has them.

        Returns:
            This increment with what the snapshot says, and the condition.

        Raises:
            DataError: The table changed since `begin`, or holds nothing any more at the watermark.
        """
        from sqlalchemy import or_

        kind, settled = self.cursor.kind, self
        now = next((reading.type for reading in readings if reading.name == self.key.name), None)
        if now is None or kind_of(self.key.name, now, self.place) != kind:
            raise DataError(f"{self.place}: the table was altered while it was looked at", hint="run the command again")
        key, old, new = source.c[self.key.name], self.before.watermark, self.cursor.watermark
        if old is not None and not reaches(connection, source, key, self.key, kind, old):
            raise gone_back(self.key.name, old, self.place)
        if new not in (None, old) and not reaches(connection, source, key, self.key, kind, str(new)):
            # Deleted between the look and the snapshot: the watermark must not be higher than what was read.
            settled = dataclasses.replace(self, cursor=dataclasses.replace(self.cursor, watermark=old))
        if self.low is None:
            return settled, None
        return settled, or_(key >= bound(self.key, kind, self.low, connection.dialect.name), key.is_(None))

    @property
    def overlap(self) -> Overlap:
        """What core compares with: all that has landed where the database orders keys in its own way."""
        return Overlap(self.key.name, self.low if self.ordered else None)


def _about_order(name: str, kind: str) -> str | None:
    if kind == "float":
        return f"the key column {name!r} holds floating-point numbers: two keys may be the same number"
    if kind == "text":
        return f"the key column {name!r} is text: new rows must come later in the database's order of texts (its collation)"
    return None
