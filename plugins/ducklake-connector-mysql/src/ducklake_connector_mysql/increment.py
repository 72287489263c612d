"""What of a table is new: the look at its key before the snapshot, and what was open then."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import Overlap
from ducklake.errors import DataError
from ducklake_connector_mysql.plans import escaped, identifier
from ducklake_connector_sql.cursor import Cursor, Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, KeyKind, Lookback, gone_back, key_among, kind_of, lookback_of, render, text_of

if TYPE_CHECKING:
    from ducklake.api.extraction import ExtractRequest
    from ducklake_connector_mysql.declared import Query
    from ducklake_connector_mysql.plans import ColumnPlan

_CLOCK = "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)"

# The server tells when transactions began in its own zone, in whole seconds. Where the hour occurs twice, the earlier one counts.
_OLDEST = """
    SELECT CAST(LEAST(CONVERT_TZ(MIN(trx_started), 'SYSTEM', '+00:00'),
                      MIN(trx_started) - INTERVAL TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(),
                                                                CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) SECOND) AS CHAR)
    FROM information_schema.INNODB_TRX
    WHERE trx_mysql_thread_id <> CONNECTION_ID() AND trx_is_read_only = 0
"""
_REPLICA = "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'system user' AND COMMAND <> 'Daemon' LIMIT 1"
_INDEXED = """
    SELECT 1 FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s AND SEQ_IN_INDEX = 1 LIMIT 1
"""
IDLE = dt.timedelta(minutes=10)
"""A transaction that has been open for longer is named in a warning: everything since is read again until it ends."""


def clock(query: Query) -> dt.datetime:
    """The server's clock, in UTC.

    Args:
        query: Runs statements.
    """
    return dt.datetime.fromisoformat(query(_CLOCK, ())[0][0]).replace(tzinfo=dt.UTC)


def horizon(query: Query, probe: Probe, lookback: Lookback, engine: str | None) -> Horizon:
    """Since when transactions may be open that a snapshot taken now would not show.

    Args:
        query: Runs statements in autocommit.
        probe: The look at the table just before.
        lookback: As it holds for the table.
        engine: The table's, if it knows no transactions.
    """
    import pymysql

    span = max(lookback, TIME_LOOKBACK) if isinstance(lookback, dt.timedelta) else TIME_LOOKBACK
    late = f"rows count as late for {int(span.total_seconds() // 60)} minutes"
    if engine is not None:
        return Horizon(probe.clock - span, note=f"its engine {engine} knows no transactions and no snapshots: {late}")
    try:
        oldest = query(_OLDEST, ())[0][0]
        replica = bool(query(_REPLICA, ()))
    except pymysql.MySQLError as error:
        if error.args[0] not in (1227, 1044, 1142):
            raise
        note = f"open transactions are not seen: {late}; GRANT PROCESS ON *.* to the user of `connection` lets them be seen"
        return Horizon(probe.clock - span, note=note)
    if replica:
        return Horizon(probe.clock - span, note=f"the server is a replica, where open transactions of its primary are not seen: {late}")
    now = clock(query)
    if oldest is None:
        return Horizon(now, quiet=True)
    since = dt.datetime.fromisoformat(oldest).replace(tzinfo=dt.UTC) - dt.timedelta(seconds=1)
    age = now - since
    note = None
    if age > IDLE:
        note = (
            f"a transaction has been open for {int(age.total_seconds() // 60)} minutes: what has landed since is read again until it ends"
        )
    return Horizon(min(since, now), note=note)


@dataclasses.dataclass(frozen=True, slots=True)
class Increment:
    """What an increment reads, and what it leaves to the next one.

    Attributes:
        place: `source.table`.
        key: How the key column is read.
        kind: What its values are.
        source: What stands behind FROM.
        before: What the last extraction left.
        cursor: What this one leaves.
        low: The lowest key to read, or None for all rows.
        notes: Remarks for the user.
    """

    place: str
    key: ColumnPlan
    kind: KeyKind
    source: str
    before: Cursor
    cursor: Cursor
    low: str | None
    notes: tuple[str, ...]

    @classmethod
    def begin(
        cls, query: Query, request: ExtractRequest, place: str, source: str, plans: Sequence[ColumnPlan], engine: str | None, indexed: bool
    ) -> Increment:
        """Look at the key, then at what is open.

        Args:
            query: Runs statements in autocommit, before the snapshot.
            request: What is to be extracted.
            place: `source.table`.
            source: What stands behind FROM.
            plans: The table's columns.
            engine: The table's, if it knows no transactions.
            indexed: Whether an index begins with the key, or that is not known.

        Raises:
            DataError: The key is gone, holds something else now, or cannot be one.
            ConfigurationError: The lookback does not go with the key.
        """
        name = key_among(request.key_column or "", [plan.name for plan in plans], place, known=request.state is not None)
        key = next(plan for plan in plans if plan.name == name)
        kind = kind_of(name, key.type, place)
        before = Cursor(name, kind)
        if request.state is not None:
            before = Cursor.from_state(request.state, name, place)
            before.check_kind(kind, place)
            before = dataclasses.replace(before, kind=kind)
        low = before.low(request.lookback, place)
        probe = Probe(_highest(query, source, key, kind), clock(query))
        seen = horizon(query, probe, lookback_of(kind, request.lookback, f"{place}.{name}"), engine)
        notes = [seen.note] if seen.note else []
        if request.state is None:
            if not indexed:
                notes.append(f"no index begins with the key column {name!r}: every increment scans the whole table")
            if kind == "float":
                notes.append(f"the key column {name!r} holds floating-point numbers: two keys may be the same number")
            if kind == "text":
                notes.append(f"the key column {name!r} is text: new rows must come later in the order of its collation")
        return cls(place, key, kind, source, before, before.advanced(probe, seen), low, tuple(notes))

    def check_unchanged(self, plans: Sequence[ColumnPlan]) -> None:
        """See that the key still is what it was at the look.

        Args:
            plans: The table's columns in the snapshot.

        Raises:
            DataError: It is not.
        """
        if self.key not in plans:
            raise DataError(f"{self.place}: the table was altered while it was looked at", hint="run the command again")

    def within(self, query: Query) -> Increment:
        """This increment with what the snapshot says.

        Args:
            query: Runs statements in the snapshot.

        Raises:
            DataError: The table holds nothing any more at the watermark.
        """
        old, new = self.before.watermark, self.cursor.watermark
        if old is not None and not self._reaches(query, old):
            raise gone_back(self.key.name, old, self.place)
        if new not in (None, old) and not self._reaches(query, str(new)):
            # Deleted between the look and the snapshot: the watermark must not be higher than what was read.
            return dataclasses.replace(self, cursor=dataclasses.replace(self.cursor, watermark=old))
        return self

    def condition(self) -> tuple[str, list[Any]]:
        """Which rows are read, with its parameters; empty for all."""
        if self.low is None:
            return "", []
        name = escaped(identifier(self.key.name))
        missing = f" OR {name} IS NULL" if self.key.nulls else ""
        return f"({name} >= {bound(self.key, self.kind)}{missing})", [_value(self.kind, self.low)]

    @property
    def overlap(self) -> Overlap:
        """What core compares with: all that has landed where the server orders keys in its own way."""
        return Overlap(self.key.name, None if self.kind == "text" else self.low)

    def _reaches(self, query: Query, watermark: str) -> bool:
        condition = f"{escaped(identifier(self.key.name))} >= {bound(self.key, self.kind)}"
        return bool(query(f"SELECT 1 FROM {escaped(self.source)} WHERE {condition} LIMIT 1", [_value(self.kind, watermark)]))


def is_indexed(query: Query, database: str, table: str, column: str) -> bool:
    """Whether an index begins with a column.

    Args:
        query: Runs statements.
        database: The table's.
        table: Its name.
        column: The column.
    """
    return bool(query(_INDEXED, [database, table, column]))


def bound(key: ColumnPlan, kind: KeyKind) -> str:
    """A key as a parameter, made the key's own type by the server.

    Args:
        key: The key column.
        kind: What its values are.
    """
    match kind:
        case "timestamp":
            return "CAST(%s AS DATETIME(6))"
        case "date":
            return "CAST(%s AS DATE)"
        case "decimal":
            return f"CAST(%s AS DECIMAL({key.type.precision},{key.type.scale}))"
    return "%s"


def _value(kind: KeyKind, text: str) -> int | float | str:
    """A parameter that PyMySQL writes as the number that it is."""
    if kind == "integer":
        return int(text)
    return float(text) if kind == "float" else text


def _highest(query: Query, source: str, key: ColumnPlan, kind: KeyKind) -> str | None:
    """The highest key, leaving out what lies beyond the server's clock."""
    name = escaped(identifier(key.name))
    top = f"MAX({name})" + {"float": "+0e0", "integer": "+0"}.get(kind, "")
    statement = f"SELECT {top if kind == 'text' else f'CAST({top} AS CHAR)'} FROM {escaped(source)}"
    parameters: list[str] = []
    if kind in ("timestamp", "date"):
        now = clock(query)
        statement = f"{statement} WHERE {name} <= {bound(key, kind)}"
        parameters.append(render(now.replace(tzinfo=None) if kind == "timestamp" else now.date()))
    return text_of(kind, query(statement, parameters)[0][0])
