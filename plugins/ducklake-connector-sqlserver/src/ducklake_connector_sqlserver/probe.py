"""What an increment asks the server about its key, and about transactions that are open."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ducklake_connector_sql.cursor import Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, KeyKind, Lookback, render, text_of
from ducklake_connector_sql.steps import KeyProbe, KeyRange
from ducklake_connector_sqlserver.tsql import identifier, rowversion, text

if TYPE_CHECKING:
    from ducklake_connector_sqlserver.declared import Ask, DeclaredColumn

IDLE = dt.timedelta(minutes=10)
"""A transaction that has been open for longer is named at each run: everything since is read again until it ends."""

CLOCK = "SELECT CONVERT(varchar(27), SYSUTCDATETIME(), 121)"
ACTIVE = "SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint)"
REPLICA = "SELECT CASE WHEN CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS varchar(16)) = 'READ_ONLY' THEN 1 ELSE 0 END"

# Transactions of all databases of the server count: one that is at work elsewhere may still write here. Those that only read, those of
# the system, and those of this source, which never write, do not. When they began stands there in the server's own zone.
OLDEST = """
SELECT CONVERT(varchar(27), DATEADD(minute, -DATEPART(tz, SYSDATETIMEOFFSET()), CAST(MIN(a.transaction_begin_time) AS datetime2(7))), 121)
FROM sys.dm_tran_active_transactions AS a
LEFT JOIN sys.dm_tran_session_transactions AS s ON s.transaction_id = a.transaction_id
LEFT JOIN sys.dm_exec_sessions AS e ON e.session_id = s.session_id
WHERE a.transaction_type IN (1, 4) AND COALESCE(s.session_id, 0) <> @@SPID AND COALESCE(e.program_name, N'') <> {application}
"""
_EARLIER = dt.timedelta(hours=1, seconds=1)
"""By so much a transaction may have begun before what is told: clocks that were put back in autumn, and times rounded up."""


@dataclasses.dataclass
class SqlServerKeyProbe(KeyProbe):
    """The questions about one key column.

    Attributes:
        ask: Runs statements, in the snapshot or outside.
        source: What stands behind FROM.
        column: The key column.
        application: By which the server lists the connections of this source.
        refused: Whether an error says that a right lacks.
        first: Remarks for the first extraction.
        own: Whether the column is of a table of this database, so that its row versions are numbers of this database's counter.
    """

    ask: Ask
    source: str
    column: DeclaredColumn
    application: str
    refused: Callable[[BaseException], bool]
    first: Sequence[str] = ()
    own: bool = True

    def clock(self) -> dt.datetime:
        """The server's clock, in UTC."""
        return dt.datetime.fromisoformat(self.ask(CLOCK)[0][0]).replace(tzinfo=dt.UTC)

    def highest(self, kind: KeyKind, now: dt.datetime) -> str | None:
        """The highest key that is not beyond the server's clock; of row versions the highest below every open transaction's.

        Args:
            kind: Of the key.
            now: The server's clock.
        """
        if self._by_version:
            # Asked before the rows: what is assigned from here on is not lower.
            lowest = self.ask(ACTIVE)[0][0] % 2**64
            return self._extreme(kind, "DESC", [f"{self._name} < {rowversion(lowest)}"])
        return self._extreme(kind, "DESC", self._ordinary(kind, now))

    def lowest(self, kind: KeyKind, low: str | None) -> str | None:
        """The lowest key; see `KeyProbe.lowest`.

        Args:
            kind: Of the key.
            low: Keys below it are passed over.
        """
        bounds = [f"{self._name} >= {self._value(kind, low)}"] if low is not None else []
        return self._extreme(kind, "ASC", [*self._ordinary(kind, self.clock()), *bounds])

    def horizon(self, probe: Probe, lookback: Lookback) -> Horizon:
        """By MIN_ACTIVE_ROWVERSION() for row versions, else by the transactions that are open, if the login may see them.

        Args:
            probe: The look at the table just before.
            lookback: As it holds for the table.
        """
        span = max(lookback, TIME_LOOKBACK) if isinstance(lookback, dt.timedelta) else TIME_LOOKBACK
        late = f"rows count as late for {int(span.total_seconds() // 60)} minutes"
        if self.ask(REPLICA)[0][0]:
            note = f"the database is a replica or read only, open transactions of its primary are not seen: {late}"
            return Horizon(probe.clock - span, note=note)
        if self._by_version:
            return Horizon(probe.clock, quiet=True)
        try:
            ((oldest,),) = self.ask(OLDEST.format(application=text(self.application)))
        except Exception as error:
            if not self.refused(error):
                raise
            helps = "GRANT VIEW SERVER STATE to the login lets them be seen, a rowversion key needs none"
            note = f"open transactions are not seen: {late}; {helps}"
            return Horizon(probe.clock - span, note=note)
        now = self.clock()
        if oldest is None:
            return Horizon(now, quiet=True)
        began = dt.datetime.fromisoformat(oldest).replace(tzinfo=dt.UTC)
        since = min(now, began - _EARLIER)
        minutes = int((now - began).total_seconds() // 60)
        note = f"a transaction has been open for {minutes} minutes: what came since is read again until it ends"
        return Horizon(since, note=note if now - began > IDLE else None, urgent=True)

    def reaches(self, kind: KeyKind, text: str) -> bool:
        """Whether some row has a key at or above one; see `KeyProbe.reaches`.

        Args:
            kind: Of the key.
            text: The key.
        """
        return bool(self.ask(self._first_row("1", [f"{self._name} >= {self._value(kind, text)}"])))

    def notes(self, kind: KeyKind) -> Sequence[str]:
        """Remarks on the key, for the first extraction.

        Args:
            kind: Of the key.
        """
        name, notes = self.column.name, list(self.first)
        if kind == "float":
            notes.append(f"the key column {name!r} holds floating-point numbers: two keys may be the same number")
        if self.column.kind == "uniqueidentifier":
            notes.append(
                f"the key column {name!r} is a uniqueidentifier: only those of NEWSEQUENTIALID() find what is new, random ones do not"
            )
        elif kind == "text":
            notes.append(f"the key column {name!r} is text: new rows must come later in the order of its collation")
        return notes

    def condition(self, kind: KeyKind, rows: KeyRange) -> str | None:
        """Which rows are read; None for all.

        Args:
            kind: Of the key.
            rows: Which.
        """
        if rows.everything:
            return None
        bounds = [(">=", rows.low), ("<", rows.below)]
        parts = [f"{self._name} {operator} {self._value(kind, key)}" for operator, key in bounds if key is not None]
        if not parts:
            return f"{self._name} IS NOT NULL"
        condition = " AND ".join(parts)
        return f"({condition} OR {self._name} IS NULL)" if rows.nulls else condition

    @property
    def _name(self) -> str:
        return identifier(self.column.name)

    @property
    def _by_version(self) -> bool:
        return self.own and self.column.is_version

    def _ordinary(self, kind: KeyKind, now: dt.datetime) -> list[str]:
        """That a time is not beyond the server's clock, and that there is a key."""
        if kind not in ("date", "timestamp"):
            return [f"{self._name} IS NOT NULL"]
        offset = self.column.kind == "datetimeoffset"
        limit = render(now.date()) if kind == "date" else render(now if offset else now.replace(tzinfo=None))
        return [f"{self._name} <= {self._value(kind, limit)}"]

    def _extreme(self, kind: KeyKind, order: str, conditions: Sequence[str]) -> str | None:
        found = self.ask(f"{self._first_row(self._text(), conditions)} ORDER BY {self._name} {order}")
        return text_of(kind, self._read(found[0][0])) if found else None

    def _first_row(self, what: str, conditions: Sequence[str]) -> str:
        return f"SELECT TOP (1) {what} FROM {self.source} WHERE {' AND '.join(conditions)}"

    def _text(self) -> str:
        """A key as text that loses nothing, or as the number that it is."""
        match self.column.kind:
            case "timestamp" | "rowversion":
                return f"CAST({self._name} AS bigint)"
            case "float" | "real":
                return f"CONVERT(varchar(40), CAST({self._name} AS float), 3)"
            case "money" | "smallmoney":
                return f"CONVERT(varchar(40), {self._name}, 2)"
            case "datetime" | "smalldatetime":
                return f"CONVERT(varchar(23), {self._name}, 121)"
            case "datetime2":
                return f"CONVERT(varchar(27), {self._name}, 121)"
            case "datetimeoffset":
                return f"CONVERT(varchar(27), CAST(SWITCHOFFSET({self._name}, '+00:00') AS datetime2(7)), 121)"
            case "date":
                return f"CONVERT(varchar(10), {self._name}, 23)"
            case "uniqueidentifier":
                return f"CONVERT(char(36), {self._name})"
        return f"CONVERT(nvarchar(4000), {self._name})"

    def _read(self, found: object) -> object:
        """What the server told, as `keys.text_of` takes it; times are cut to microseconds, so that the key is never above the true one."""
        match self.column.kind:
            case "timestamp" | "rowversion" if isinstance(found, int):
                return found % 2**64
            case "datetime2" if isinstance(found, str):
                return found[:26]
            case "datetimeoffset" if isinstance(found, str):
                return f"{found[:26]}+00:00"
        return found

    def _value(self, kind: KeyKind, key: str) -> str:
        """A key in SQL, made the key's own type by the server where its text does not say it."""
        match self.column.kind:
            case "timestamp" | "rowversion":
                return rowversion(max(0, int(key)))
            case "datetime" | "smalldatetime":
                # As datetime2 the column would be a third of a millisecond more than it shows.
                return f"CONVERT(datetime, {text(key[:23])}, 121)"
            case "datetime2":
                return f"CAST({text(key)} AS datetime2(7))"
            case "datetimeoffset":
                return f"CAST({text(key.removesuffix('+00') + ' +00:00')} AS datetimeoffset(7))"
            case "date":
                return f"CAST({text(key)} AS date)"
            case "decimal" | "numeric" | "money" | "smallmoney":
                return self._decimal(key)
            case "uniqueidentifier":
                return f"CAST({text(key)} AS uniqueidentifier)"
        if kind == "integer":
            return str(int(key))
        if kind == "float":
            return f"CAST({text(repr(float(key)))} AS float)"
        return text(key)

    def _decimal(self, key: str) -> str:
        """A decimal of the column's own type, unless a lookback or window has more digits; a plain number might become a float."""
        money = {"money": (19, 4), "smallmoney": (10, 4)}
        precision, scale = money.get(self.column.kind, (self.column.precision, self.column.scale))
        digits = len(key.partition(".")[2])
        return f"CAST({text(key)} AS decimal({f'38, {digits}' if digits > scale else f'{precision}, {scale}'}))"
