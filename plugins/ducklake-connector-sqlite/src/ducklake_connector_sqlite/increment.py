"""What of a table is new: the key, the rows to read, and how far the table has come, all in one read transaction.

SQLite has one writer at a time, so no open transaction can commit a key below one that is visible, as long as keys
grow with every write; for times, which applications take from clocks of their own, there is the lookback.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import sqlite3
from collections.abc import Sequence

from ducklake.api.extraction import ExtractRequest, Overlap
from ducklake.errors import DataError
from ducklake_connector_sql.batches import Reading
from ducklake_connector_sql.cursor import Cursor, Horizon, Probe
from ducklake_connector_sql.keys import KeyKind, gone_back, key_among, kind_of, lookback_of, parse, render, text_of
from ducklake_connector_sqlite.schema import Rows, SqliteColumn, has_index, is_binary_utf8, is_rowid_alias, list_rowid, quote

_ROWIDS = ("rowid", "_rowid_", "oid")


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """The key column of a table.

    Attributes:
        place: `source.table`.
        table: The table.
        column: The column.
        nullable: Whether a row may have none.
        is_rowid: Whether it is SQLite's own number of the row, which is no column of the table.
    """

    place: str
    table: str
    column: SqliteColumn
    nullable: bool
    is_rowid: bool

    @classmethod
    def of(cls, connection: sqlite3.Connection, request: ExtractRequest, place: str, columns: Sequence[SqliteColumn]) -> Key:
        """Find the key column.

        Args:
            connection: In the transaction.
            request: Names it.
            place: `source.table`.
            columns: The table's.

        Raises:
            DataError: There is none of that name.
        """
        table, wanted = request.table, request.key_column or ""
        names = [column.name for column in columns]
        if wanted.lower() in _ROWIDS and wanted.lower() not in map(str.lower, names) and (rowid := list_rowid(connection, table, wanted)):
            return cls(place, table, rowid, nullable=False, is_rowid=True)
        name = key_among(wanted, names, place, known=request.state is not None)
        column = next(column for column in columns if column.name == name)
        return cls(place, table, column, nullable=not is_rowid_alias(connection, table, name), is_rowid=False)

    def above(self, kind: KeyKind, low: str) -> tuple[str, tuple[object, ...]]:
        """A condition for the rows at or above a key, and its parameters.

        Args:
            kind: What the keys are.
            low: A key as `render` writes it.
        """
        c = self.column.expression
        if kind == "timestamp":
            # The first half is for the index; with a T, texts do not sort like the times that they say.
            return f"{c} >= ? AND replace({c}, 'T', ' ') >= ?", (low, low)
        if kind in ("text", "date"):
            return f"{c} COLLATE BINARY >= ?", (low,)
        value = parse(kind, low)
        return f"{c} >= ?", (value if isinstance(value, int) else float(value),)  # type: ignore[arg-type]

    def rows(self, kind: KeyKind, low: str | None) -> Rows:
        """The rows that an increment reads.

        Args:
            kind: What the keys are.
            low: The lowest key; None for all rows.
        """
        if low is None:
            return Rows()
        condition, parameters = self.above(kind, low)
        return Rows(f" WHERE ({condition}) OR {self.column.expression} IS NULL" if self.nullable else f" WHERE {condition}", parameters)

    def check_reached(self, connection: sqlite3.Connection, before: Cursor) -> None:
        """See that the table still goes as far as it did.

        Args:
            connection: In the transaction.
            before: What the last extraction left.

        Raises:
            DataError: It ends below the watermark.
        """
        if before.watermark is None:
            return
        condition, parameters = self.above(before.kind, before.watermark)
        statement = f"SELECT 1 FROM main.{quote(self.table)} AS t WHERE {condition} LIMIT 1"
        if connection.execute(statement, parameters).fetchone() is None:
            raise gone_back(self.column.name, before.watermark, self.place)

    def check_order(self, connection: sqlite3.Connection) -> None:
        """See that a key that lands as text is nothing but text, since SQLite sorts numbers apart.

        Args:
            connection: In the transaction.

        Raises:
            DataError: It holds numbers too.
        """
        statement = f"SELECT 1 FROM main.{quote(self.table)} AS t WHERE {self.column.expression} < '' LIMIT 1"
        if connection.execute(statement).fetchone() is not None:
            raise DataError(
                f"{self.place}.{self.column.name}: the key column holds text and numbers, which have no common order",
                hint="mend it at the source, choose another key_column, or write mode: full for this table",
                code="bad_key",
            )

    def probe(self, connection: sqlite3.Connection, kind: KeyKind) -> Probe:
        """The highest key, leaving out infinities and times beyond the clock.

        Args:
            connection: In the transaction.
            kind: What the keys are.
        """
        c = self.column.expression
        now = clock(connection)
        condition: tuple[str, tuple[object, ...]] = (f"{c} IS NOT NULL", ())
        if kind == "timestamp":
            condition = (f"replace({c}, 'T', ' ') <= ?", (render(now.replace(tzinfo=None)),))
        elif kind == "date":
            condition = (f"{c} <= ?", (render(now.date()),))
        elif kind == "float":
            condition = (f"{c} < 9e999", ())
        order = f"{c} COLLATE BINARY" if kind == "text" else c
        statement = f"SELECT {c} FROM main.{quote(self.table)} AS t WHERE {condition[0]} ORDER BY {order} DESC LIMIT 1"
        row = connection.execute(statement, condition[1]).fetchone()
        return Probe(text_of(kind, row[0]) if row else None, clock(connection))

    def advanced(
        self, connection: sqlite3.Connection, request: ExtractRequest, before: Cursor | None, readings: Sequence[Reading]
    ) -> Cursor:
        """What this extraction leaves to the next one.

        Args:
            connection: In the transaction.
            request: What is extracted.
            before: What the last one left.
            readings: How the columns are read.

        Raises:
            DataError: The key holds something else than before, or nothing that has an order, or the table went back.
            ConfigurationError: The lookback does not go with the key.
        """
        landed = next(reading.type for reading in readings if reading.name == self.column.name)
        kind = kind_of(self.column.name, landed, self.place)
        cursor = before or Cursor(self.column.name, kind)
        cursor.check_kind(kind, self.place)
        self.check_reached(connection, cursor)
        lookback_of(kind, request.lookback, f"{self.place}.{self.column.name}")
        if kind == "text":
            self.check_order(connection)
        probe = self.probe(connection, kind)
        return dataclasses.replace(cursor, kind=kind).advanced(probe, Horizon(probe.clock, quiet=True))

    def overlap(self, connection: sqlite3.Connection, kind: KeyKind, low: str | None) -> Overlap:
        """What core compares with what has landed.

        Args:
            connection: In the transaction.
            kind: What the keys are.
            low: The lowest key that is read.
        """
        ordered = kind != "text" or is_binary_utf8(connection)
        return Overlap(self.column.name, low if ordered else None)

    def warnings(self, connection: sqlite3.Connection, kind: KeyKind) -> list[str]:
        """Remarks on the key, for the first extraction.

        Args:
            connection: In the transaction.
            kind: What the keys are.
        """
        name, notes = self.column.name, []
        if self.is_rowid:
            notes.append(f"the key {name!r} lands as a column; VACUUM may give rows other numbers, and then they land again")
        elif self.nullable and not has_index(connection, self.table, name):
            notes.append(f"no index begins with the key column {name!r}: every increment scans the whole table")
        if kind == "float":
            notes.append(f"the key column {name!r} holds floating-point numbers: two keys may be the same number")
        if kind == "text":
            notes.append(f"the key column {name!r} is text: new rows must come later in the order of texts, byte by byte")
        return notes


def clock(connection: sqlite3.Connection) -> dt.datetime:
    """SQLite's clock, in UTC.

    Args:
        connection: Any.
    """
    (now,) = connection.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").fetchone()
    return dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
