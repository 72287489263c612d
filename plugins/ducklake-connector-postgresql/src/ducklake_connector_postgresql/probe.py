"""What an increment asks PostgreSQL about its key, and about transactions that may still write below it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ducklake.api.sql import quote
from ducklake_connector_sql.cursor import Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, KeyKind, Lookback, render, text_of
from ducklake_connector_sql.steps import KeyProbe, KeyRange

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake_connector_postgresql.catalog import Column, Table

LONG_IDLE = dt.timedelta(minutes=15)
"""A transaction that does nothing for so long is worth a remark: it holds the watermark back."""

OPEN = """
SELECT clock_timestamp()::text, pg_is_in_recovery(),
       (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),
       (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL),
       count(*) FILTER (WHERE query = '<insufficient privilege>'),
       min(xact_start)::text,
       min(state_change) FILTER (WHERE state LIKE 'idle in transaction%%')::text
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> ALL (%s) AND backend_type IS DISTINCT FROM 'autovacuum worker'
"""
INDEX = """
SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = %s AND indkey[0] = %s AND indpred IS NULL AND indisvalid)
"""


@dataclasses.dataclass
class PostgresqlProbe(KeyProbe):
    """Questions about one key column.

    Attributes:
        connection: In autocommit, then in the snapshot.
        own: Backends that belong to this extraction.
        source: What to read FROM, whose columns may be named.
        reference: The key in SQL.
        column: The key as declared.
        table: The table; None for a query.
        where: A condition that all rows have to meet, or None.
        fixed: What is known of open transactions where the snapshot is older than this look.
    """

    connection: Connection
    own: Collection[int]
    source: str
    reference: str
    column: Column
    table: Table | None
    where: str | None = None
    fixed: Horizon | None = None

    def clock(self) -> dt.datetime:
        """See `KeyProbe.clock`."""
        return moment(self._text("SELECT clock_timestamp()::text") or "")

    def highest(self, kind: KeyKind, now: dt.datetime) -> str | None:
        """See `KeyProbe.highest`."""
        return self._extreme(kind, "DESC", [self._ordinary(kind, now)])

    def lowest(self, kind: KeyKind, low: str | None) -> str | None:
        """See `KeyProbe.lowest`."""
        bounds = [self._ordinary(kind, self.clock())]
        if kind in ("date", "timestamp", "float") or (kind == "decimal" and self.connection.server_version >= 140000):
            bounds.append(f"{self.reference} > {self.literal('-infinity')}")
        if low is not None:
            bounds.append(f"{self.reference} >= {self.literal(low)}")
        return self._extreme(kind, "ASC", bounds)

    def reaches(self, kind: KeyKind, text: str) -> bool:
        """See `KeyProbe.reaches`."""
        return (
            self._text(f"SELECT 1::text FROM {self.source} WHERE {self._all([f'{self.reference} >= {self.literal(text)}'])} LIMIT 1")
            is not None
        )

    def horizon(self, probe: Probe, lookback: Lookback) -> Horizon:
        """See `KeyProbe.horizon`."""
        found = open_transactions(
            self.connection, self.own, probe.clock, lookback, foreign=self.table is not None and self.table.relkind == "f"
        )
        if self.fixed is None:
            return found
        return dataclasses.replace(found, since=min(found.since, self.fixed.since), quiet=False)

    def notes(self, kind: KeyKind) -> Sequence[str]:
        """See `KeyProbe.notes`."""
        name, declared, found = self.column.name, self.column.type.name, []
        if self.table is not None and self.table.relkind in ("r", "p", "m"):
            with self.connection.cursor() as cursor:
                cursor.execute(INDEX, (self.table.oid, self.column.number))
                if not (cursor.fetchone() or (True,))[0]:
                    found.append(f"no index begins with the key column {name!r}: every increment scans the whole table")
        if kind == "float":
            found.append(f"the key column {name!r} holds floating-point numbers: two keys may be the same number")
        if declared == "uuid":
            found.append(
                f"the key column {name!r} is a uuid: only those that grow with time (version 7) find what is new, random ones do not"
            )
        elif kind == "text":
            found.append(f"the key column {name!r}: new rows must come later in the server's order of {self.column.declared}")
        return found

    def condition(self, keys: KeyRange) -> str | None:
        """A range of keys in SQL; None for everything.

        Args:
            keys: Which rows to read.
        """
        if keys.everything:
            return None
        bounds = [f"{self.reference} >= {self.literal(keys.low)}"] if keys.low is not None else []
        bounds += [f"{self.reference} < {self.literal(keys.below)}"] if keys.below is not None else []
        within = " AND ".join(bounds) or "true"
        return f"({within} OR {self.reference} IS NULL)" if keys.nulls else within

    def literal(self, text: str) -> str:
        """A key as the server's own type.

        Args:
            text: As `keys.render` writes it.
        """
        with self.connection.cursor() as cursor:
            value: str = cursor.mogrify("%s", (text,)).decode()
        return f"{value}::{_cast(self.column)}"

    def _ordinary(self, kind: KeyKind, now: dt.datetime) -> str | None:
        """A condition that leaves out what is no key to go on from at the upper end."""
        if kind == "timestamp":
            limit = render(now if self.column.type.name == "timestamptz" else now.replace(tzinfo=None))
            return f"{self.reference} <= {self.literal(limit)}"
        if kind == "date":
            return f"{self.reference} <= {self.literal(render(now.date()))}"
        if kind == "float":
            return f"{self.reference} < {self.literal('Infinity')}"
        if kind == "decimal":
            greatest = "Infinity" if self.connection.server_version >= 140000 else "NaN"  # NaN stands above infinity
            return f"{self.reference} < '{greatest}'::numeric"
        if self.column.type.name == "interval" and self.connection.server_version >= 170000:
            return f"{self.reference} < 'infinity'::interval"
        return None

    def _extreme(self, kind: KeyKind, order: str, bounds: Sequence[str | None]) -> str | None:
        conditions = self._all([bound for bound in [f"{self.reference} IS NOT NULL", *bounds] if bound])
        text = self._text(
            f"SELECT ({self.reference})::text FROM {self.source} WHERE {conditions} ORDER BY {self.reference} {order} LIMIT 1"
        )
        return text_of(kind, text)

    def _all(self, conditions: Sequence[str]) -> str:
        return " AND ".join([*conditions, *([f"(\n{self.where}\n)"] if self.where else [])])

    def _text(self, statement: str) -> str | None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None


def open_transactions(
    connection: Connection, own: Collection[int], since: dt.datetime, lookback: Lookback, *, foreign: bool = False
) -> Horizon:
    """Since when transactions may be open that a snapshot taken now would not show.

    Where that cannot be seen, the lookback is taken for it, at least 15 minutes, with a note that names what would help.

    Args:
        connection: In autocommit.
        own: Backends that belong to this extraction.
        since: The server's clock after the look at the key.
        lookback: As it holds for the table.
        foreign: Whether the rows lie on another server.
    """
    with connection.cursor() as cursor:
        cursor.execute(OPEN, (list(own),))
        clock, standby, prepared, subscribed, masked, oldest, idle = cursor.fetchone() or ()
    now = moment(clock)
    blind = None
    if standby:
        blind = "this server is a standby, which does not see the transactions of its primary"
    elif foreign:
        blind = "a foreign table: transactions of the server behind it are not seen"
    elif subscribed:
        blind = "this database subscribes to another one, whose transactions arrive late"
    elif prepared:
        blind = "there are prepared transactions (pg_prepared_xacts), whose rows come when they are committed"
    elif masked:
        blind = "open transactions of other users are hidden: GRANT pg_read_all_stats TO the user shows them"
    if blind is not None:
        span = max(lookback, TIME_LOOKBACK) if isinstance(lookback, dt.timedelta) else TIME_LOOKBACK
        return Horizon(since - span, note=f"{blind}; rows count as late for {int(span.total_seconds() // 60)} minutes")
    if oldest is None:
        return Horizon(now, quiet=True)
    age = now - moment(idle) if idle else dt.timedelta(0)
    note = None
    if age >= LONG_IDLE:
        note = f"a transaction has been idle for {int(age.total_seconds() // 60)} minutes: the watermark waits for it, more is read again"
    return Horizon(moment(oldest), note=note, urgent=note is not None)


def _cast(column: Column) -> str:
    """The type to which a key is cast: without length or precision, so that nothing is cut."""
    schema, dot, name = column.type.name.rpartition(".")
    if name == "bpchar":
        return "text"
    return f"{quote(schema)}.{quote(name)}" if dot else f"pg_catalog.{quote(name)}"


def moment(text: str) -> dt.datetime:
    """A time as the server writes it.

    Args:
        text: With its offset.
    """
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
