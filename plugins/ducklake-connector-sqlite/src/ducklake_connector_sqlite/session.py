"""A session over a SQLite database: a read transaction for each table."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, did_you_mean
from ducklake_connector_sql.batches import read_batches, schema_of
from ducklake_connector_sql.cursor import Cursor
from ducklake_connector_sqlite.database import connect, explained
from ducklake_connector_sqlite.increment import Key
from ducklake_connector_sqlite.schema import Rows, indexed_columns, list_columns, list_tables, quote
from ducklake_connector_sqlite.types import Planned, plan_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_sqlite.schema import SqliteColumn


class SqliteSession(Session):
    """An open database.

    Args:
        context: What core lends.
        path: The database's file.
    """

    def __init__(self, context: ConnectorContext, path: Path) -> None:
        self.context = context
        self._path = path
        self._connections: list[sqlite3.Connection] = []
        with closing(connect(path, context.source)) as connection, explained(context.source, path):
            self._tables = list_tables(connection)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views as they were when the session was opened."""
        return self._tables

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the table holds now; see `Session.get_schema`."""
        with self._transaction(table) as connection:
            planned = self._plan(connection, table, self._columns(connection, table))
        return schema_of(planned.readings)

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """By SQLite's own lists; see `Session.indexed_columns`."""
        with self._transaction(table) as connection:
            self._columns(connection, table)
            with explained(self._place(table), self._path):
                return indexed_columns(connection, table)

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the values and begin to read, in one transaction; see `Session.extract`."""
        table, place = request.table, self._place(request.table)
        state, overlap, rows = None, None, Rows()
        with ExitStack() as stack:
            connection = stack.enter_context(self._transaction(table))
            columns = self._columns(connection, table)
            if request.mode == "incremental":
                with explained(place, self._path):
                    key, before, low, rows = _where_to_go_on(connection, request, place, columns)
                columns = [*columns, key.column] if key.is_rowid else columns
                planned = self._plan(connection, table, columns, rows, before.as_text if before else ())
                with explained(place, self._path):
                    cursor = key.advanced(connection, request, before, planned.readings)
                    overlap = key.overlap(connection, cursor.kind, low)
                    notes = [] if before else key.warnings(connection, cursor.kind)
                state = dataclasses.replace(cursor, as_text=planned.as_text).to_state()
                planned = dataclasses.replace(planned, notes=[*planned.notes, *notes])
            else:
                planned = self._plan(connection, table, columns)
            names = ", ".join(column.expression for column in columns)
            with explained(place, self._path):
                rows_read = connection.execute(f"SELECT {names} FROM main.{quote(table)} AS t{rows.where}", rows.parameters)
            transaction = stack.pop_all()

        def stream() -> Iterator[pa.RecordBatch]:
            with transaction, explained(place, self._path):
                yield from read_batches(place, planned.readings, rows_read.fetchmany, request.batch_size, request.batch_bytes)

        return Extraction(
            schema=schema_of(planned.readings),
            streams=[stream()],
            source_types={column.name: column.declared for column in columns if column.declared},
            state=state,
            overlap=overlap,
            notes=tuple(planned.notes),
        )

    def cancel(self) -> None:
        """Interrupt what SQLite does."""
        for connection in list(self._connections):
            connection.interrupt()

    def close(self) -> None:
        """Close what a stream that was never read to its end has left open."""
        while self._connections:
            self._connections.pop().close()

    @contextmanager
    def _transaction(self, table: str) -> Iterator[sqlite3.Connection]:
        """A connection of its own, so that what one table reads is one state of the database."""
        connection = connect(self._path, self._place(table))
        self._connections.append(connection)
        try:
            with explained(self._place(table), self._path):
                connection.execute("BEGIN")
            yield connection
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
                connection.close()

    def _columns(self, connection: sqlite3.Connection, table: str) -> list[SqliteColumn]:
        with explained(self._place(table), self._path):
            columns = list_columns(connection, table) if any(known.name == table for known in self._tables) else []
        if not columns:
            raise DataError(
                f"{self._place(table)}: no such table", hint=did_you_mean(table, [known.name for known in self._tables], "tables")
            )
        return columns

    def _plan(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: Sequence[SqliteColumn],
        rows: Rows = Rows(),  # noqa: B008 - frozen
        as_text: Sequence[str] = (),
    ) -> Planned:
        with explained(self._place(table), self._path):
            return plan_columns(connection, self._place(table), table, columns, rows, as_text)

    def _place(self, table: str) -> str:
        return f"{self.context.source}.{table}"


def _where_to_go_on(
    connection: sqlite3.Connection, request: ExtractRequest, place: str, columns: Sequence[SqliteColumn]
) -> tuple[Key, Cursor | None, str | None, Rows]:
    """The key, what the last extraction left, the lowest key to read, and the rows that are read."""
    key = Key.of(connection, request, place, columns)
    if request.state is None:
        return key, None, None, Rows()
    before = Cursor.from_state(request.state, key.column.name, place)
    low = before.low(request.lookback, place)
    return key, before, low, key.rows(before.kind, low)
