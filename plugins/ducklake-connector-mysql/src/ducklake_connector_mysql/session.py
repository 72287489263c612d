"""A session over one database: a connection and a snapshot for each table."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.extraction import Extraction, ExtractRequest, Landed
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, SourceError, did_you_mean
from ducklake_connector_mysql import wire
from ducklake_connector_mysql.checksum import checksums
from ducklake_connector_mysql.declared import DeclaredColumn, columns_of, engine_of, indexed_columns, list_tables
from ducklake_connector_mysql.decode import Decoder
from ducklake_connector_mysql.plans import ColumnPlan, escaped, identifier, plan_column, travelling
from ducklake_connector_mysql.probe import MySqlKeyProbe, is_indexed
from ducklake_connector_mysql.results import columns_of_result
from ducklake_connector_mysql.server import ask
from ducklake_connector_sql.proof import prove_count, prove_values
from ducklake_connector_sql.selection import select_columns
from ducklake_connector_sql.server import closed_if_it_fails
from ducklake_connector_sql.steps import Step, begin

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_mysql.options import MySqlOptions
    from ducklake_connector_mysql.server import Server

PIECE = 4 * 2**20
"""Bytes that are read before they are decoded."""


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A table or query as it is going to be read.

    Attributes:
        source: What stands behind FROM.
        declared: Its columns as declared.
        plans: Those that are read.
        engine: The table's storage engine; None for a view or a query.
        transactional: Whether it knows transactions.
        notes: Remarks for the user.
    """

    source: str
    declared: tuple[DeclaredColumn, ...]
    plans: tuple[ColumnPlan, ...]
    engine: str | None
    transactional: bool
    notes: tuple[str, ...]


class MySqlSession(Session):
    """The tables of one database.

    Args:
        context: What core lends.
        options: The source's.
        server: Its server.
    """

    def __init__(self, context: ConnectorContext, options: MySqlOptions, server: Server) -> None:
        self._context = context
        self._options = options
        self._server = server
        self._open = ExitStack()
        self._running: dict[str, Any] = {}
        with closed_if_it_fails(self.close), server.connection(context.source) as connection, server.explained(context.source):
            self._tables = list_tables(functools.partial(ask, connection), self._database)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views as they were when the session was opened."""
        return list(self._tables.values())

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the database declares now; see `Session.get_schema`."""
        place = self._place(table)
        with self._server.connection(place) as connection, self._server.explained(place):
            planned = self._plan(connection, ExtractRequest(table))
        return Decoder(place, planned.plans).schema

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """By `information_schema`; see `Session.indexed_columns`."""
        place = self._place(table)
        if table not in self._tables:
            raise self._no_such_table(table)
        with self._server.connection(place) as connection, self._server.explained(place):
            return indexed_columns(functools.partial(ask, connection), self._database, table)

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the key, open a snapshot and begin to read; see `Session.extract`."""
        place = self._place(request.table)
        if request.state is not None:
            request = dataclasses.replace(request, as_text=request.as_text | frozenset(request.state.get("as_text", ())))
        with ExitStack() as stack:
            connection = stack.enter_context(self._server.connection(place))
            stack.enter_context(self._server.explained(place))
            query = functools.partial(ask, connection)
            step = self._look(connection, request, place) if request.mode == "incremental" else None
            self._server.begin(connection)
            planned = self._plan(connection, request)
            condition: tuple[str, Sequence[Any]] = ("", ())
            if step is not None:
                probe = self._probe(connection, request, planned, step.column)
                step = step.in_snapshot(probe, next((plan.type for plan in planned.plans if plan.name == step.column), None))
                condition = probe.condition(step.kind, step.range)
            limit = min(wire.ROW_BYTES, int(query("SELECT @@session.max_allowed_packet", ())[0][0]))
            planned = dataclasses.replace(planned, plans=travelling(place, planned.plans, limit))
            tag = f"ducklake {uuid.uuid4().hex}"
            stack.enter_context(self._ending(connection, tag))
            fields = wire.fields(planned.plans)
            wire.execute(connection, _statement(connection, request, planned, condition, fields, tag))
            transaction = stack.pop_all()
        self._open.push(transaction)
        decoder = Decoder(place, planned.plans)
        counted: list[int] = []
        sums = checksums(planned.plans) if request.verify == "full" and planned.transactional else {}
        expected: dict[str, Any] = {}

        def stream() -> Iterator[pa.RecordBatch]:
            with transaction:
                yield from self._batches(connection, request, planned, decoder)
                # The server's own count of the rows of this very statement, so of the same view.
                counted.append(int(query("SELECT FOUND_ROWS()", ())[0][0]))
                self._running.pop(tag)
                if sums:
                    asked = _statement(connection, request, planned, condition, [server for server, _ in sums.values()])
                    expected.update(zip(sums, ask(connection, escaped(asked))[0], strict=True))
                self._check_still(connection, request, planned)

        def prove(landed: Landed) -> None:
            if request.verify == "off":
                return
            prove_count(place, landed, counted[0])
            ours = {word: lake for word, (_, lake) in sums.items() if word.partition(" (")[0] not in decoder.nulled}
            prove_values(place, landed, ours, expected)

        return Extraction(
            schema=decoder.schema,
            streams=[stream()],
            source_types={plan.name: plan.declared for plan in planned.plans},
            state=step.state() if step else None,
            overlap=step.overlap(ordered=step.kind != "text") if step else None,
            notes=(*planned.notes, *(step.notes if step else ())),
            prove=prove,
            remarks=lambda: decoder.remarks,
            more=step.more if step else False,
        )

    def cancel(self) -> None:
        """End at the server what is running there; called from another thread."""
        for tag, connection in list(self._running.items()):
            self._server.kill(connection, tag)

    def close(self) -> None:
        """Close what a stream that was never read to its end has left open."""
        self._open.close()
        self._server.close()

    @contextlib.contextmanager
    def _ending(self, connection: Any, tag: str) -> Iterator[None]:
        """A statement that is ended at the server unless it came to its end, before this thread goes on."""
        import pymysql

        self._running[tag] = connection
        try:
            yield
        except (pymysql.MySQLError, wire.Interrupted, OSError):
            self._running.pop(tag, None)  # it has ended, or the server is gone
            raise
        finally:
            if tag in self._running:
                self._server.kill(connection, tag)
                self._running.pop(tag, None)

    @property
    def _database(self) -> str:
        return self._options.connection.database

    def _no_such_table(self, table: str) -> DataError:
        hint = did_you_mean(table, self._tables, "tables")
        return DataError(f"{self._place(table)}: no such table", hint=hint, code="no_such_table")

    def _place(self, table: str) -> str:
        return f"{self._context.source}.{table}"

    def _batches(self, connection: Any, request: ExtractRequest, planned: Planned, decoder: Decoder) -> Iterator[pa.RecordBatch]:
        beside = sum(plan.parsed is None for plan in planned.plans)
        size = max(64 * 1024, min(PIECE, request.batch_bytes))
        if not beside:
            return decoder.batches(wire.texts(connection, size), request.batch_size)
        fields = beside + (beside < len(planned.plans))
        return decoder.batches_of_rows(wire.rows(connection, fields), request.batch_size, size)

    def _plan(self, connection: Any, request: ExtractRequest) -> Planned:
        table, place, query = request.table, self._place(request.table), functools.partial(ask, connection)
        engine, transactional, certain = None, True, False
        if request.query is not None:
            source = f"({request.query.strip().rstrip(';')}\n) AS q"
            declared = columns_of_result(connection, source)
        elif table in self._tables:
            source = f"{identifier(self._database)}.{identifier(table)}"
            declared = columns_of(query, self._database, table)
            engine, transactional = engine_of(query, self._database, table)
            certain = self._tables[table].kind == "table"
        else:
            raise self._no_such_table(table)
        if not declared:
            raise DataError(f"{place}: no column may be read", hint=f"GRANT SELECT on {table} to the user of `connection`")
        kept, notes = select_columns(request, [column.name for column in declared], place)
        plans = tuple(
            plan_column(
                column,
                on_invalid=request.policy(column.name),
                as_text=column.name in request.as_text,
                booleans=self._options.tinyint1 == "boolean",
                certain=certain,
            )
            for column in declared
            if column.name in kept
        )
        notes += [plan.note for plan in plans if plan.note]
        if not transactional:
            notes.append(f"its engine {engine} knows no snapshots: the table was locked against changes while it was read")
            if request.verify == "full":
                notes.append("verify: full compares only the count, since checksums would be of another moment")
        return Planned(source, declared, plans, engine, transactional, tuple(notes))

    def _look(self, connection: Any, request: ExtractRequest, place: str) -> Step:
        planned = self._plan(connection, request)
        names = [plan.name for plan in planned.plans]
        column = next((name for name in names if name.casefold() == (request.key_column or "").casefold()), names[0])
        probe = self._probe(connection, request, planned, column, first=request.state is None)
        return begin(request, names, [plan.type for plan in planned.plans], probe, place)

    def _probe(self, connection: Any, request: ExtractRequest, planned: Planned, column: str, *, first: bool = False) -> MySqlKeyProbe:
        query = functools.partial(ask, connection)
        kind = next((plan.type for plan in planned.plans if plan.name == column), planned.plans[0].type)
        notes = []
        named = first and request.query is None and self._tables[request.table].kind == "table"
        if named and not is_indexed(query, self._database, request.table, column):
            notes.append(f"no index begins with the key column {column!r}: every increment scans the whole table")
        return MySqlKeyProbe(query, planned.source, column, kind, planned.engine, notes)

    def _check_still(self, connection: Any, request: ExtractRequest, planned: Planned) -> None:
        """The table is locked against ALTER while it is read, but not between the look at its columns and the first row."""
        if self._plan(connection, request).declared != planned.declared:
            place = self._place(request.table)
            raise SourceError(f"{place}: the table was altered while it was read", retryable=True, hint="run the command again")


def _statement(
    connection: Any,
    request: ExtractRequest,
    planned: Planned,
    condition: tuple[str, Sequence[Any]],
    fields: Sequence[str],
    tag: str = "ducklake",
) -> str:
    """A SELECT over the rows that are read, its parameters written out by PyMySQL; the tag shows in the server's list of what runs."""
    conditions = [part for part in (f"({escaped(request.where)}\n)" if request.where else "", condition[0]) if part]
    statement = escaped(f"SELECT /* {tag} */ {', '.join(fields)} FROM {planned.source}")
    if conditions:
        statement = f"{statement} WHERE {' AND '.join(conditions)}"
    with connection.cursor() as cursor:
        return str(cursor.mogrify(statement, tuple(condition[1])))
