"""A session over one database: for each table a connection to look at it, and one in a snapshot that is read from."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.extraction import Extraction, ExtractRequest, Landed
from ducklake.api.tables import SourceTable
from ducklake.errors import ConfigurationError, DataError, SourceError, did_you_mean
from ducklake_connector_sql.proof import prove_count
from ducklake_connector_sql.selection import select_columns
from ducklake_connector_sql.server import closed_if_it_fails
from ducklake_connector_sql.steps import Step, begin
from ducklake_connector_sqlserver.declared import Ask, DeclaredColumn, Table
from ducklake_connector_sqlserver.odbc import ArrowChannel, Channel, RowChannel, Wire
from ducklake_connector_sqlserver.plans import ColumnPlan, key_type
from ducklake_connector_sqlserver.settle import Settler

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_sqlserver.isolation import Isolation
    from ducklake_connector_sqlserver.options import SqlServerOptions
    from ducklake_connector_sqlserver.probe import SqlServerKeyProbe
    from ducklake_connector_sqlserver.server import Line, Server

FEWEST = 16
"""Rows that a buffer of the driver has to have room for; where values are so long that it has not, rows are read one after the other."""


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A table or query as it is going to be read.

    Attributes:
        source: What stands behind FROM.
        declared: Its columns as declared.
        plans: Those that are read.
        notes: Remarks for the user.
    """

    source: str
    declared: tuple[DeclaredColumn, ...]
    plans: tuple[ColumnPlan, ...]
    notes: tuple[str, ...]

    def where(self, conditions: Sequence[str]) -> str:
        """FROM, and WHERE if there is a condition."""
        return f"FROM {self.source}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A table in its snapshot, ready to be read.

    Attributes:
        line: The connection.
        planned: Its columns.
        step: The increment; None for all rows.
        conditions: Which rows are read.
        rows: How many there are, as the server counts them; None where nothing keeps them from changing meanwhile.
        wires: How the columns are handed over, measured.
    """

    line: Line
    planned: Planned
    step: Step | None
    conditions: tuple[str, ...]
    rows: int | None
    wires: tuple[Wire, ...]


class SqlServerSession(Session):
    """The tables of one database.

    Args:
        context: What core lends.
        options: The source's.
        server: Its server.
    """

    def __init__(self, context: ConnectorContext, options: SqlServerOptions, server: Server) -> None:
        self._context = context
        self._options = options
        self._server = server
        self._dialect = server.dialect
        self._open = ExitStack()
        self._running: dict[str, Line] = {}
        with closed_if_it_fails(self.close), server.line(context.source) as line, server.explained(context.source):
            self._tables = self._dialect.tables(line.channel.ask)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views as they were when the session was opened; `schema.table` outside the default schema."""
        return [SourceTable(name, kind=table.kind) for name, table in self._tables.items()]

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the catalog declares now; see `Session.get_schema`."""
        place, request = self._place(table), ExtractRequest(table)
        with self._server.line(place) as line, self._server.explained(place):
            planned = self._plan(line.channel.ask, request)
        return Settler(place, planned.plans, request).schema

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """By the catalog; see `Session.indexed_columns`."""
        place, located = self._place(table), self._located(table)
        with self._server.line(place) as line, self._server.explained(place):
            return self._dialect.indexed_columns(line.channel.ask, located)

    def change_column(self, table: str) -> str | None:
        """The `rowversion` of a table; that of a view may be of one table of several. See `Session.change_column`."""
        place, located = self._place(table), self._located(table)
        if located.kind != "table":
            return None
        with self._server.line(place) as line, self._server.explained(place):
            columns = self._dialect.columns(line.channel.ask, located)
        return next((column.name for column in columns if column.is_version), None)

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the key, open a snapshot, count and measure, and begin to read; see `Session.extract`."""
        place = self._place(request.table)
        if request.verify == "full":
            raise ConfigurationError(
                f"{place}: verify: full is not known for sqlserver: the server has no checksum that the lake could compute too",
                hint="write verify: count, which counts the rows on both sides",
                code="unsupported",
            )
        if request.state is not None:
            request = dataclasses.replace(request, as_text=request.as_text | frozenset(request.state.get("as_text", ())))
        with ExitStack() as stack:
            with self._line(place, RowChannel) as control, self._server.explained(place):
                isolation = self._dialect.isolation(control.channel.ask)
                for statement in isolation.each:
                    control.channel.execute(statement)
                step = self._look(control.channel.ask, request, place) if request.mode == "incremental" else None
            opened = self._begin(stack, request, place, isolation, step)
            transaction = stack.pop_all()
        self._open.push(transaction)
        planned, step = opened.planned, opened.step
        settler = Settler(place, planned.plans, request)
        sent = [opened.rows] if opened.rows is not None else []

        def stream() -> Iterator[pa.RecordBatch]:
            with transaction, self._server.explained(place):
                rows = 0
                for batch in self._batches(opened, request):
                    rows += batch.num_rows
                    yield settler(batch)
                if opened.rows is None:
                    sent.append(max(rows, self._sent(opened.line.channel)))
                self._check(opened, request, settler)

        def prove(landed: Landed) -> None:
            if request.verify != "off":
                prove_count(place, landed, sent[0])

        return Extraction(
            schema=settler.schema,
            streams=[stream()],
            source_types={plan.name: plan.column.declared for plan in planned.plans},
            state=step.state() if step else None,
            overlap=step.overlap(ordered=self._ordered(planned, step.column)) if step else None,
            notes=tuple(note for note in (*planned.notes, *(step.notes if step else ()), isolation.note) if note),
            prove=prove,
            remarks=lambda: settler.remarks,
            more=step.more if step else False,
        )

    def cancel(self) -> None:
        """End what is running, here at once and at the server if the login may; called from another thread."""
        for line in list(self._running.values()):
            self._server.kill(line)

    def close(self) -> None:
        """Close what a stream that was never read to its end has left open."""
        self._open.close()
        self._server.close()

    @contextlib.contextmanager
    def _line(self, place: str, kind: type[Channel]) -> Iterator[Line]:
        """A connection that `cancel` knows."""
        with self._server.line(place, kind) as line:
            self._running[line.tag] = line
            try:
                yield line
            finally:
                if self._running.pop(line.tag, None) is not None and line.channel.busy:
                    self._server.kill(line)  # an interrupt came while the driver was waiting

    def _begin(self, stack: ExitStack, request: ExtractRequest, place: str, isolation: Isolation, step: Step | None) -> Opened:
        """Open the snapshot; where its longest values do not fit into buffers of many rows, another one for reading row by row."""
        kinds: list[type[Channel]] = [ArrowChannel, RowChannel]
        for kind in kinds:
            attempt = stack.enter_context(ExitStack())
            opened = self._in_snapshot(attempt.enter_context(self._line(place, kind)), request, place, isolation, step)
            if kind is RowChannel or sum(wire.width for wire in opened.wires) * FEWEST <= request.batch_bytes:
                break
            attempt.close()
        return opened

    def _in_snapshot(self, line: Line, request: ExtractRequest, place: str, isolation: Isolation, step: Step | None) -> Opened:
        channel = line.channel
        with self._server.explained(place):
            for statement in isolation.begin:
                channel.execute(statement)
            planned = self._plan(channel.ask, request)
            conditions = [f"({request.where}\n)"] if request.where else []
            if step is not None:
                probe = self._probe(channel.ask, request, planned, step.column)
                known = {plan.name: key_type(plan) for plan in planned.plans}
                step = step.in_snapshot(probe, known.get(step.column))
                if (within := probe.condition(step.kind, step.range)) is not None:
                    conditions.append(within)
            unbounded = [plan for plan in planned.plans if plan.unbounded]
            rows = None
            measures: Sequence[int] = ()
            if unbounded or (isolation.snapshot and request.verify != "off"):
                ((rows, *measures),) = channel.ask(f"SELECT {self._dialect.count(unbounded)} {planned.where(conditions)}")
        lengths = dict(zip((plan.name for plan in unbounded), measures, strict=True))
        wires = [dataclasses.replace(plan.wire, longest=lengths.get(plan.name, plan.wire.longest)) for plan in planned.plans]
        return Opened(line, planned, step, tuple(conditions), rows if isolation.snapshot else None, tuple(wires))

    def _batches(self, opened: Opened, request: ExtractRequest) -> Iterator[pa.RecordBatch]:
        expressions = ", ".join(f"{plan.expression} AS c{at}" for at, plan in enumerate(opened.planned.plans))
        statement = f"SELECT {expressions} {opened.planned.where(opened.conditions)}"
        return opened.line.channel.batches(statement, opened.wires, request.batch_size, request.batch_bytes)

    def _sent(self, channel: Channel) -> int:
        """The server's own count of the rows that it has sent, where there is no snapshot to count in."""
        return int(channel.ask(self._dialect.sent)[0][0] or 0) if self._dialect.sent else 0

    def _check(self, opened: Opened, request: ExtractRequest, settler: Settler) -> None:
        """Whether the table is still what it was, and every text what the server has."""
        place, channel = self._place(request.table), opened.line.channel
        if self._plan(channel.ask, request).declared != opened.planned.declared:
            raise SourceError(f"{place}: the table was altered while it was read", retryable=True, hint="run the command again")
        for plan in opened.planned.plans:
            if not (found := settler.replaced.get(plan.name)):
                continue
            ((held,),) = channel.ask(f"SELECT {self._dialect.broken(plan)} {opened.planned.where(opened.conditions)}")
            if held != found:
                raise DataError(
                    f"{place}.{plan.name}: a text holds half of a surrogate pair, which is no character and would be changed",
                    hint=f"mend it at the source, or read it by a query as CAST({plan.name} AS varbinary(max))",
                    code="invalid_value",
                )

    def _place(self, table: str) -> str:
        return f"{self._context.source}.{table}"

    def _located(self, table: str) -> Table:
        if table in self._tables:
            return self._tables[table]
        raise DataError(f"{self._place(table)}: no such table", hint=did_you_mean(table, self._tables, "tables"), code="no_such_table")

    def _plan(self, ask: Ask, request: ExtractRequest) -> Planned:
        table, place = request.table, self._place(request.table)
        if request.query is not None:
            source, declared = self._dialect.derived(request.query), self._dialect.query_columns(ask, request.query, place)
        else:
            located = self._located(table)
            source, declared = self._dialect.source(located), self._dialect.columns(ask, located)
        if not declared:
            raise DataError(f"{place}: no such table any more, or no column that may be seen", code="no_such_table")
        kept, notes = select_columns(request, [column.name for column in declared], place)
        plans = tuple(
            self._dialect.plan(column, self._options, as_text=column.name in request.as_text) for column in declared if column.name in kept
        )
        return Planned(source, declared, plans, (*notes, *(plan.note for plan in plans if plan.note)))

    def _look(self, ask: Ask, request: ExtractRequest, place: str) -> Step:
        """Look at the key before the snapshot."""
        planned = self._plan(ask, request)
        names = [plan.name for plan in planned.plans]
        column = next((name for name in names if name.casefold() == (request.key_column or "").casefold()), names[0])
        probe = self._probe(ask, request, planned, column, first=request.state is None)
        return begin(request, names, [key_type(plan) for plan in planned.plans], probe, place)

    def _probe(self, ask: Ask, request: ExtractRequest, planned: Planned, name: str, *, first: bool = False) -> SqlServerKeyProbe:
        column = next((plan.column for plan in planned.plans if plan.name == name), planned.plans[0].column)
        own = request.query is None and self._tables[request.table].kind == "table"
        notes = []
        if first and own and not self._dialect.indexed(ask, self._tables[request.table], name):
            notes.append(f"no index begins with the key column {name!r}: every increment scans the whole table")
        return self._dialect.probe(ask, planned.source, column, self._server.application, self._server.refused, notes, own)

    def _ordered(self, planned: Planned, name: str) -> bool:
        """Whether the server orders keys as the lake does what has landed of them; texts of `datetime2` are of one length."""
        plan = next(plan for plan in planned.plans if plan.name == name)
        return str(plan.type) != "string" or plan.column.kind == "datetime2"
