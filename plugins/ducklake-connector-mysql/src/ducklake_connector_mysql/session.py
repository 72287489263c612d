"""A session over one database: a connection and a snapshot for each table."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, did_you_mean
from ducklake_connector_mysql import wire
from ducklake_connector_mysql.declared import DeclaredColumn, columns_of, list_tables, without_transactions
from ducklake_connector_mysql.decode import Decoder
from ducklake_connector_mysql.increment import Increment, is_indexed
from ducklake_connector_mysql.plans import ColumnPlan, escaped, identifier, plan_column, travelling
from ducklake_connector_mysql.results import columns_of_result
from ducklake_connector_mysql.server import ask

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
        engine: The table's storage engine, if it knows no transactions.
    """

    source: str
    declared: tuple[DeclaredColumn, ...]
    plans: tuple[ColumnPlan, ...]
    engine: str | None


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
        with server.connection(context.source) as connection, server.explained(context.source):
            self._tables = list_tables(functools.partial(ask, connection), self._database)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views as they were when the session was opened."""
        return [SourceTable(name, kind=kind) for name, kind in self._tables.items()]

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the database declares now; see `Session.get_schema`."""
        place = self._place(table)
        with self._server.connection(place) as connection, self._server.explained(place):
            planned = self._plan(connection, ExtractRequest(table))
        return Decoder(place, planned.plans).schema

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the key, open a snapshot and begin to read; see `Session.extract`."""
        place = self._place(request.table)
        with ExitStack() as stack:
            connection = stack.enter_context(self._server.connection(place))
            stack.enter_context(self._server.explained(place))
            query = functools.partial(ask, connection)
            increment = self._look(connection, request, place) if request.mode == "incremental" else None
            self._server.begin(connection)
            planned = self._plan(connection, request)
            if increment is not None:
                increment.check_unchanged(planned.plans)
                increment = increment.within(query)
            limit = min(wire.ROW_BYTES, int(query("SELECT @@session.max_allowed_packet", ())[0][0]))
            planned = dataclasses.replace(planned, plans=travelling(place, planned.plans, limit))
            tag = f"ducklake {uuid.uuid4().hex}"
            self._running[tag] = connection
            stack.callback(self._running.pop, tag, None)
            wire.execute(connection, self._statement(connection, request, planned, increment, tag))
            transaction = stack.pop_all()
        self._open.push(transaction)
        decoder = Decoder(place, planned.plans)
        counted: list[int] = []

        def stream() -> Iterator[pa.RecordBatch]:
            with transaction:
                yield from self._batches(connection, request, planned, decoder)
                counted.append(int(query("SELECT FOUND_ROWS()", ())[0][0]))
                self._check_still(connection, request, planned)

        def prove() -> None:
            # The server's own count of the rows of this very statement, so of the same view.
            if counted != [decoder.rows]:
                found = counted[0] if counted else "no"
                raise DataError(f"{place}: {decoder.rows} rows were read of {found} that the server sent", hint="run the command again")

        return Extraction(
            schema=decoder.schema,
            streams=[stream()],
            source_types={plan.name: plan.declared for plan in planned.plans},
            state=increment.cursor.to_state() if increment else None,
            overlap=increment.overlap if increment else None,
            notes=(*self._notes(request, planned), *(increment.notes if increment else ())),
            verify=prove,
        )

    def cancel(self) -> None:
        """End at the server what is running there; called from another thread."""
        for tag, connection in list(self._running.items()):
            self._server.kill(connection, tag)

    def close(self) -> None:
        """Close what a stream that was never read to its end has left open."""
        self._open.close()

    @property
    def _database(self) -> str:
        return self._options.connection.database

    def _place(self, table: str) -> str:
        return f"{self._context.source}.{table}"

    def _batches(self, connection: Any, request: ExtractRequest, planned: Planned, decoder: Decoder) -> Iterator[pa.RecordBatch]:
        beside = sum(plan.parsed is None for plan in planned.plans)
        size = max(64 * 1024, min(PIECE, request.batch_bytes))
        if not beside:
            return decoder.batches(wire.texts(connection, size), request.batch_size)
        fields = beside + (beside < len(planned.plans))
        return decoder.batches_of_rows(wire.rows(connection, fields), request.batch_size, size)

    def _statement(self, connection: Any, request: ExtractRequest, planned: Planned, increment: Increment | None, tag: str) -> str:
        condition, parameters = increment.condition() if increment else ("", [])
        where = getattr(request, "where", None)
        conditions = [*([f"({escaped(where)})"] if where else []), *([condition] if condition else [])]
        statement = escaped(wire.select(planned.plans, planned.source, tag))
        if conditions:
            statement = f"{statement} WHERE {' AND '.join(conditions)}"
        with connection.cursor() as cursor:
            return str(cursor.mogrify(statement, tuple(parameters)))

    def _plan(self, connection: Any, request: ExtractRequest) -> Planned:
        table, place, query = request.table, self._place(request.table), functools.partial(ask, connection)
        engine = None
        if statement := getattr(request, "query", None):
            source = f"({statement.strip().rstrip(';')}\n) AS q"
            declared = columns_of_result(connection, source)
        else:
            if table not in self._tables:
                raise DataError(f"{place}: no such table", hint=did_you_mean(table, self._tables, "tables"), code="no_such_table")
            source, declared = f"{identifier(self._database)}.{identifier(table)}", columns_of(query, self._database, table)
            engine = without_transactions(query, self._database, table)
            if not declared:
                raise DataError(
                    f"{place}: the table has no columns that may be read", hint=f"GRANT SELECT on {table} to the user of `connection`"
                )
        certain = not getattr(request, "query", None) and self._tables[table] == "table"
        as_text = getattr(request, "as_text", frozenset())
        plans = [
            plan_column(
                column,
                on_invalid="text" if column.name in as_text else _policy(request, column.name),
                booleans=self._options.tinyint1 == "boolean",
                certain=certain,
            )
            for column in self._chosen(declared, request, place)
        ]
        return Planned(source, declared, tuple(plans), engine)

    def _chosen(self, declared: Sequence[DeclaredColumn], request: ExtractRequest, place: str) -> Sequence[DeclaredColumn]:
        wanted, without = getattr(request, "columns", ()), getattr(request, "exclude", ())
        names = [column.name for column in declared]
        for name in (*wanted, *without):
            if name not in names:
                raise DataError(f"{place}: no column {name!r}", hint=did_you_mean(name, names, "columns"), code="no_such_column")
        chosen = [column for column in declared if (not wanted or column.name in wanted) and column.name not in without]
        if not chosen:
            raise DataError(f"{place}: no column is left to read", hint="look at extract.columns and extract.exclude")
        return chosen

    def _look(self, connection: Any, request: ExtractRequest, place: str) -> Increment:
        planned = self._plan(connection, request)
        query = functools.partial(ask, connection)
        named = not getattr(request, "query", None) and self._tables[request.table] == "table"
        column = next((plan.name for plan in planned.plans if plan.name.casefold() == (request.key_column or "").casefold()), "")
        indexed = not named or is_indexed(query, self._database, request.table, column)
        return Increment.begin(query, request, place, planned.source, planned.plans, planned.engine, indexed)

    def _check_still(self, connection: Any, request: ExtractRequest, planned: Planned) -> None:
        """The table is locked against ALTER while it is read, but not between the look at its columns and the first row."""
        if self._plan(connection, request).declared != planned.declared:
            raise DataError(f"{self._place(request.table)}: the table was altered while it was read", hint="run the command again")

    def _notes(self, request: ExtractRequest, planned: Planned) -> list[str]:
        notes = [plan.note for plan in planned.plans if plan.note]
        if planned.engine is not None and request.mode == "full":
            notes.append(f"its engine {planned.engine} knows no snapshots: the table was locked against changes while it was read")
        return notes


def _policy(request: ExtractRequest, column: str) -> Any:
    policy = getattr(request, "policy", None)
    return policy(column) if policy else "fail"
