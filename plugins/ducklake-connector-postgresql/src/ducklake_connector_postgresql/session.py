"""A session over one PostgreSQL database."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ducklake.api.connector import Session
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.sql import quote
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, DuckLakeError, did_you_mean
from ducklake_connector_postgresql.catalog import KINDS, Column, Table, columns_of, columns_of_query, indexed_columns, list_tables
from ducklake_connector_postgresql.errors import explained
from ducklake_connector_postgresql.pool import Pool
from ducklake_connector_postgresql.probe import PostgresqlProbe, moment, open_transactions
from ducklake_connector_postgresql.ranges import page_ranges, workers_for
from ducklake_connector_postgresql.reading import Reading
from ducklake_connector_postgresql.types import ColumnPlan, key_type, plan_column
from ducklake_connector_sql.keys import TIME_LOOKBACK, key_among
from ducklake_connector_sql.selection import select_columns
from ducklake_connector_sql.server import closed_if_it_fails
from ducklake_connector_sql.steps import KeyRange, Step, begin

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake_connector_postgresql.connector import PostgresqlConnector
    from ducklake_connector_sql.cursor import Horizon


@dataclasses.dataclass(frozen=True, slots=True)
class _Planned:
    """Which columns are read, and how."""

    plans: list[ColumnPlan]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        return [plan.column.name for plan in self.plans]

    @property
    def key_types(self) -> list[pa.DataType]:
        return [key_type(plan.column) for plan in self.plans]

    def lands_as(self, column: str) -> pa.DataType:
        return next(plan.type for plan in self.plans if plan.column.name == column)


class PostgresqlSession(Session):
    """The tables of one database.

    Args:
        connector: Whose.
        requests: The names and patterns of `tables:`.
    """

    def __init__(self, connector: PostgresqlConnector, requests: Sequence[str]) -> None:
        self._source = connector.context.source
        self._log = connector.context.log
        self._pool = Pool(connector.options.connection, connector.context)
        self._shared: tuple[Connection, str, Horizon] | None = None
        self._lock = threading.Lock()
        with closed_if_it_fails(self.close), explained(self._source):
            connection = self._pool.lend(self._source)
            self._tables = list_tables(connection)
        self._named = set(requests)
        self._pool.give_back(connection)
        if unsafe := connector.options.connection.unsafe:
            self._log.warning("%s: %s", self._source, unsafe)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views, `schema.table` outside the default schema; parts of partitioned tables only where they are named."""
        offered = [(name, table) for name, table in self._tables.items() if not table.part or name in self._named]
        return [SourceTable(name, kind=KINDS[table.relkind], rows_estimate=table.rows) for name, table in offered]

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the catalog declares now; see `Session.get_schema`."""
        import pyarrow as pa

        connection = self._pool.lend(self._place(table))
        with explained(self._place(table)):
            planned = self._plan(connection, ExtractRequest(table))
        self._pool.give_back(connection)
        return pa.schema([pa.field(plan.column.name, plan.type) for plan in planned.plans])

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """By the catalog; see `Session.indexed_columns`."""
        located = self._located(table)
        connection = self._pool.lend(self._place(table))
        with explained(self._place(table)):
            found = indexed_columns(connection, located)
        self._pool.give_back(connection)
        return found

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the key, open the snapshot, plan; see `Session.extract`."""
        import pyarrow as pa

        place = self._place(request.table)
        self._pool.drop_all(place)  # what an attempt before this one has left
        control = self._pool.lend(place)
        try:
            with explained(place):
                shared = self._shared_snapshot() if request.one_snapshot else None
                probe, step = self._look(control, request, place, shared[1] if shared else None)
                self._pool.snapshot(control, shared[0] if shared else None)
                planned = self._plan(control, request)
                if step is not None and probe is not None:
                    known = dict(zip(planned.names, planned.key_types, strict=True))
                    step = step.in_snapshot(probe, known.get(step.column))
                reading, others = self._reading(control, request, place, planned, probe, step, shared[0] if shared else None)
        except BaseException:
            self._pool.drop_all(place)
            raise
        return Extraction(
            schema=pa.schema([pa.field(plan.column.name, plan.type) for plan in planned.plans]),
            streams=reading.streams(others),
            source_types={plan.column.name: plan.column.declared for plan in planned.plans},
            state=step.state() if step else None,
            overlap=step.overlap(ordered=not pa.types.is_string(planned.lands_as(step.column))) if step else None,
            notes=(*(plan.note for plan in planned.plans if plan.note), *planned.notes, *(step.notes if step else ())),
            prove=reading.prove,
            remarks=reading.remarks,
            more=step.more if step else False,
        )

    def cancel(self) -> None:
        """Cancel at the server whatever runs."""
        self._pool.cancel()

    def close(self) -> None:
        """Close all connections."""
        self._pool.drop_all()

    def _reading(
        self,
        control: Connection,
        request: ExtractRequest,
        place: str,
        planned: _Planned,
        probe: PostgresqlProbe | None,
        step: Step | None,
        exported: str | None,
    ) -> tuple[Reading, list[Connection]]:
        source = self._from(request)
        conditions = [f"(\n{request.where}\n)"] if request.where else []
        if probe is not None and (within := probe.condition(step.range if step else KeyRange())):
            conditions.append(within)
        parts: list[str] = []
        others: list[Connection] = []
        table = self._tables.get(request.table)
        if table is not None and request.query is None and (not conditions or (request.parallel and step is None)):
            parts = page_ranges(control, table, workers_for(request.parallel), table.sql)
        if parts:
            others = self._workers(control, place, min(len(parts), workers_for(request.parallel)), exported)
        if len(others) < 2:
            for other in others:
                self._pool.give_back(other)
            parts, others = [], []
        references = [self._reference(request, name) for name in planned.names]
        return Reading(self._pool, control, place, request, planned.plans, references, source, conditions, parts or [""]), others

    def _workers(self, control: Connection, place: str, count: int, exported: str | None) -> list[Connection]:
        """Connections in the snapshot of another one; fewer where the server does not give so many."""
        if exported is None:
            with control.cursor() as cursor:
                cursor.execute("SELECT pg_export_snapshot()")
                (exported,) = cursor.fetchone() or ("",)
        found: list[Connection] = []
        for _ in range(count):
            try:
                connection = self._pool.lend(place)
            except DuckLakeError as error:
                self._log.warning("%s; reading with %d connections", error.problem.message, max(1, len(found)))
                break
            self._pool.snapshot(connection, exported)
            found.append(connection)
        return found

    def _look(
        self, control: Connection, request: ExtractRequest, place: str, fixed: Horizon | None
    ) -> tuple[PostgresqlProbe | None, Step | None]:
        """Look at the key before the snapshot."""
        if request.mode != "incremental":
            return None, None
        planned = self._plan(control, request)
        name = key_among(request.key_column or "", planned.names, place, known=request.state is not None)
        column = next(plan.column for plan in planned.plans if plan.column.name == name)
        table = self._tables.get(request.table) if request.query is None else None
        probe = PostgresqlProbe(
            control,
            self._pool.backends(),
            self._from(request),
            self._reference(request, name),
            column,
            table,
            request.where,
            fixed,
        )
        return probe, begin(request, planned.names, planned.key_types, probe, place)

    def _shared_snapshot(self) -> tuple[str, Horizon]:
        """The snapshot that all tables share, and what was open when it was taken."""
        with self._lock:
            if self._shared is None:
                connection = self._pool.lend(self._source)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT clock_timestamp()::text")
                    (clock,) = cursor.fetchone() or ("",)
                horizon = open_transactions(connection, self._pool.backends(), moment(clock), TIME_LOOKBACK)
                self._pool.snapshot(connection)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_export_snapshot()")
                    (exported,) = cursor.fetchone() or ("",)
                self._shared = (connection, exported, horizon)
            return self._shared[1], self._shared[2]

    def _plan(self, connection: Connection, request: ExtractRequest) -> _Planned:
        place = self._place(request.table)
        columns = self._columns(connection, request)
        if not columns:
            raise DataError(f"{place}: the table has no columns", hint="leave it out of `tables`", code="no_columns")
        kept, notes = select_columns(request, [column.name for column in columns], place)
        texts = {*request.as_text, *(request.state or {}).get("as_text", ())}
        plans = [plan_column(column, as_text=column.name in texts) for column in columns if column.name in kept]
        return _Planned(plans, notes)

    def _columns(self, connection: Connection, request: ExtractRequest) -> list[Column]:
        if request.query is not None:
            return columns_of_query(connection, request.query)
        return columns_of(connection, self._located(request.table))

    def _located(self, table: str) -> Table:
        if table not in self._tables:
            hint = did_you_mean(table, self._tables, "tables")
            raise DataError(f"{self._place(table)}: no such table", hint=hint, code="no_such_table")
        return self._tables[table]

    def _from(self, request: ExtractRequest) -> str:
        return f"(\n{request.query}\n) AS q" if request.query is not None else self._table(request).sql

    def _reference(self, request: ExtractRequest, column: str) -> str:
        return f"q.{quote(column)}" if request.query is not None else f"{self._table(request).sql}.{quote(column)}"

    def _table(self, request: ExtractRequest) -> Table:
        return self._tables[request.table]

    def _place(self, table: str) -> str:
        return f"{self._source}.{table}"
