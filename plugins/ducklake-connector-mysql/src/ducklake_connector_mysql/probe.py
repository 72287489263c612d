"""What an increment asks the server about its key, and about transactions that are open."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ducklake_connector_mysql.plans import escaped, identifier
from ducklake_connector_sql.cursor import Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, KeyKind, Lookback, render, text_of
from ducklake_connector_sql.steps import KeyProbe, KeyRange

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_mysql.declared import Query

IDLE = dt.timedelta(minutes=10)
"""A transaction that has been open for longer is named at each run: everything since is read again until it ends."""

_CLOCK = "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)"

# The server tells when transactions began in its own zone, in whole seconds. Where the hour occurs twice, the earlier one counts.
_OLDEST = """
    SELECT CAST(LEAST(CONVERT_TZ(began, 'SYSTEM', '+00:00'),
                      began - INTERVAL TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(),
                                                     CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) SECOND) AS CHAR),
           own
    FROM (
        SELECT MIN(CASE WHEN trx_mysql_thread_id <> CONNECTION_ID() AND trx_is_read_only = 0 THEN trx_started END) AS began,
               COALESCE(SUM(trx_mysql_thread_id = CONNECTION_ID()), 0) AS own
        FROM information_schema.INNODB_TRX
    ) AS seen
"""
_OWN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_CUT = "... truncated..."
"""Stands in InnoDB's report in place of transactions, where there are too many."""
_CONNECTION = re.compile(r"^(?:MySQL|MariaDB) thread id ([0-9]+),", re.MULTILINE)
"""The first such line of a transaction stands before its statement."""
_STALE = 0.11
"""Seconds after which InnoDB looks anew: it shows what it saw last as long as somebody has asked within a tenth of a second."""
_LOOKS = 40
_REPLICA = "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'system user' AND COMMAND <> 'Daemon' LIMIT 1"
_INDEXED = """
    SELECT 1 FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s AND SEQ_IN_INDEX = 1 LIMIT 1
"""
_REFUSED = frozenset({1044, 1142, 1227})


class MySqlKeyProbe(KeyProbe):
    """The questions about one key column.

    Args:
        query: Runs statements, in the snapshot or outside.
        source: What stands behind FROM.
        column: The key column.
        kind: Its lake type.
        engine: The table's storage engine; None for a view or a query.
        notes: Remarks for the first extraction.
    """

    def __init__(self, query: Query, source: str, column: str, kind: pa.DataType, engine: str | None, notes: Sequence[str] = ()) -> None:
        self._query = query
        self._source = escaped(source)
        self._name = escaped(identifier(column))
        self._column = column
        self._type = kind
        self._engine = engine
        self._notes = notes

    def clock(self) -> dt.datetime:
        """The server's clock, in UTC."""
        return dt.datetime.fromisoformat(self._query(_CLOCK, ())[0][0]).replace(tzinfo=dt.UTC)

    def highest(self, kind: KeyKind, now: dt.datetime) -> str | None:
        """The highest key that is not beyond the server's clock; see `KeyProbe.highest`.

        Args:
            kind: Of the key.
            now: The server's clock.
        """
        return self._extreme("MAX", kind, now, None)

    def lowest(self, kind: KeyKind, low: str | None) -> str | None:
        """The lowest key; see `KeyProbe.lowest`.

        Args:
            kind: Of the key.
            low: Keys below it are passed over.
        """
        return self._extreme("MIN", kind, self.clock(), low)

    def horizon(self, probe: Probe, lookback: Lookback) -> Horizon:
        """By `information_schema.INNODB_TRX`, if the user may see it; see `KeyProbe.horizon`.

        Args:
            probe: The look at the table just before.
            lookback: As it holds for the table.
        """
        import pymysql

        span = max(lookback, TIME_LOOKBACK) if isinstance(lookback, dt.timedelta) else TIME_LOOKBACK
        late = f"rows count as late for {int(span.total_seconds() // 60)} minutes"
        if self._engine not in (None, "InnoDB"):
            return Horizon(probe.clock - span, note=f"its engine {self._engine} is not InnoDB, so open transactions are not seen: {late}")
        try:
            oldest, seen = self._oldest()
            replica = self._query(_REPLICA, ())
        except pymysql.MySQLError as error:
            if error.args[0] not in _REFUSED:
                raise
            note = f"open transactions are not seen: {late}; GRANT PROCESS ON *.* to the user of `connection` lets them be seen"
            return Horizon(probe.clock - span, note=note)
        if replica:
            return Horizon(probe.clock - span, note=f"the server is a replica, open transactions of its primary are not seen: {late}")
        if not seen:
            return Horizon(probe.clock - span, note=f"somebody asks INNODB_TRX so often that it shows nothing new: {late}")
        now = self.clock()
        if oldest is None:
            return Horizon(now, quiet=True)
        since = min(now, dt.datetime.fromisoformat(oldest).replace(tzinfo=dt.UTC) - dt.timedelta(seconds=1))
        minutes = int((now - since).total_seconds() // 60)
        note = f"a transaction has been open for {minutes} minutes: what came since is read again until it ends"
        return Horizon(since, note=note if now - since > IDLE else None, urgent=True)

    def _oldest(self) -> tuple[str | None, bool]:
        """When the oldest open transaction began, and whether what the server showed was of now: our own transaction is in it."""
        self._query(_OWN, ())
        try:
            if self._is_alone():
                return None, True
            for _ in range(_LOOKS):
                oldest, own = self._query(_OLDEST, ())[0]
                if int(own):
                    return oldest, True
                time.sleep(_STALE)
            return None, False
        finally:
            self._query("COMMIT", ())

    def _is_alone(self) -> bool:
        """Whether InnoDB's report, which is always of now but says less, shows no other transaction than ours."""
        import pymysql

        ((own,),) = self._query("SELECT CONNECTION_ID()", ())
        try:
            ((_, _, report),) = self._query("SHOW ENGINE INNODB STATUS", ())
        except pymysql.MySQLError:
            return False  # the table is asked instead
        return only_one_is_open(str(report), int(own))

    def reaches(self, kind: KeyKind, text: str) -> bool:
        """Whether some row has a key at or above one; see `KeyProbe.reaches`.

        Args:
            kind: Of the key.
            text: The key.
        """
        statement = f"SELECT 1 FROM {self._source} WHERE {self._name} >= {self._bound(kind)} LIMIT 1"
        return bool(self._query(statement, [_value(kind, text)]))

    def notes(self, kind: KeyKind) -> Sequence[str]:
        """Remarks on the key, for the first extraction.

        Args:
            kind: Of the key.
        """
        notes = list(self._notes)
        if kind == "float":
            notes.append(f"the key column {self._column!r} holds floating-point numbers: two keys may be the same number")
        if kind == "text":
            notes.append(f"the key column {self._column!r} is text: new rows must come later in the order of its collation")
        return notes

    def condition(self, kind: KeyKind, rows: KeyRange) -> tuple[str, list[int | float | str]]:
        """Which rows are read, with its parameters; empty for all.

        Args:
            kind: Of the key.
            rows: Which.
        """
        bounds = [(">=", rows.low), ("<", rows.below)]
        parts = [f"{self._name} {operator} {self._bound(kind)}" for operator, text in bounds if text is not None]
        parameters = [_value(kind, text) for _, text in bounds if text is not None]
        if not parts:
            return ("" if rows.nulls else f"{self._name} IS NOT NULL"), []
        condition = " AND ".join(parts)
        return (f"({condition} OR {self._name} IS NULL)" if rows.nulls else condition), parameters

    def _extreme(self, function: str, kind: KeyKind, now: dt.datetime, low: str | None) -> str | None:
        found = f"{function}({self._name})" + {"float": "+0e0", "integer": "+0"}.get(kind, "")
        conditions: list[str] = []
        parameters: list[int | float | str] = []
        if kind in ("timestamp", "date"):
            # A zero date is below every other; the first real one is asked for.
            first = "0001-01-01 00:00:00" if kind == "timestamp" else "0001-01-01"
            conditions = [f"{self._name} <= {self._bound(kind)}", f"{self._name} >= {self._bound(kind)}"]
            parameters = [render(now.replace(tzinfo=None) if kind == "timestamp" else now.date()), first]
        if low is not None:
            conditions.append(f"{self._name} >= {self._bound(kind)}")
            parameters.append(_value(kind, low))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT {found if kind == 'text' else f'CAST({found} AS CHAR)'} FROM {self._source}{where}"
        return text_of(kind, self._query(statement, parameters)[0][0])

    def _bound(self, kind: KeyKind) -> str:
        """A parameter, made the key's own type by the server."""
        match kind:
            case "timestamp":
                return "CAST(%s AS DATETIME(6))"
            case "date":
                return "CAST(%s AS DATE)"
            case "decimal":
                return f"CAST(%s AS DECIMAL({self._type.precision},{self._type.scale}))"
        return "%s"


def only_one_is_open(report: str, connection: int) -> bool:
    """Whether InnoDB's report lists the transaction of one connection as open, and no other.

    Args:
        report: What SHOW ENGINE INNODB STATUS says; it may repeat parts of statements.
        connection: The connection's id.
    """
    if _CUT in report:
        return False
    open_ones = [block for block in report.split("\n---TRANSACTION ")[1:] if not block.partition("\n")[0].endswith(", not started")]
    found = _CONNECTION.search(open_ones[0]) if len(open_ones) == 1 else None
    return found is not None and int(found[1]) == connection


def is_indexed(query: Query, database: str, table: str, column: str) -> bool:
    """Whether an index begins with a column.

    Args:
        query: Runs statements.
        database: The table's.
        table: Its name.
        column: The column.
    """
    return bool(query(_INDEXED, [database, table, column]))


def _value(kind: KeyKind, text: str) -> int | float | str:
    """A parameter that PyMySQL writes as the number that it is; times without their zone, which is UTC."""
    match kind:
        case "integer":
            return int(text)
        case "float":
            return float(text)
        case "timestamp":
            return text.removesuffix("+00")
    return text
