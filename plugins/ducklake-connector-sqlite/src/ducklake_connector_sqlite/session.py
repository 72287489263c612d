"""A session over a SQLite database: a read transaction for each table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, did_you_mean
from ducklake_connector_sql.batches import Reading, read_batches, schema_of
from ducklake_connector_sqlite.database import connect, explained
from ducklake_connector_sqlite.schema import list_columns, list_tables, quote
from ducklake_connector_sqlite.types import plan_columns

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
            readings, _, _ = self._plan(connection, table)
        return schema_of(readings)

    def extract(self, request: ExtractRequest) -> Extraction:
        """Look at the values and begin to read, in one transaction; see `Session.extract`."""
        table, place = request.table, self._place(request.table)
        with ExitStack() as stack:
            connection = stack.enter_context(self._transaction(table))
            readings, columns, notes = self._plan(connection, table)
            names = ", ".join(column.expression for column in columns)
            with explained(place, self._path):
                cursor = connection.execute(f"SELECT {names} FROM main.{quote(table)} AS t")
            transaction = stack.pop_all()

        def stream() -> Iterator[pa.RecordBatch]:
            with transaction, explained(place, self._path):
                yield from read_batches(place, readings, cursor.fetchmany, request.batch_size, request.batch_bytes)

        return Extraction(
            schema=schema_of(readings),
            streams=[stream()],
            source_types={column.name: column.declared for column in columns if column.declared},
            notes=tuple(notes),
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

    def _plan(self, connection: sqlite3.Connection, table: str) -> tuple[list[Reading], list[SqliteColumn], list[str]]:
        place = self._place(table)
        with explained(place, self._path):
            columns = list_columns(connection, table) if any(known.name == table for known in self._tables) else []
            if not columns:
                raise DataError(f"{place}: no such table", hint=did_you_mean(table, [known.name for known in self._tables], "tables"))
            readings, notes = plan_columns(connection, place, table, columns)
        return readings, columns, notes

    def _place(self, table: str) -> str:
        return f"{self.context.source}.{table}"
