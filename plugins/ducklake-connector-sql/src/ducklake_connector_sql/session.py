"""A session over a database: tables by reflection, rows by a cursor that does not hold them all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import Session
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, did_you_mean
from ducklake_connector_sql.batches import Reading, read_batches, schema_of
from ducklake_connector_sql.errors import explained
from ducklake_connector_sql.increment import Increment, Located
from ducklake_connector_sql.types import ReflectedColumn

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, FromClause, Select

    from ducklake_connector_sql.connector import BaseSqlConnector
    from ducklake_connector_sql.types import ColumnPlan

_OF_THE_SERVER = frozenset({"information_schema", "pg_catalog", "pg_toast", "performance_schema", "mysql", "sys"})


class SqlSession(Session):
    """The tables of one database.

    Args:
        connector: Whose.
    """

    def __init__(self, connector: BaseSqlConnector[Any]) -> None:
        self._connector = connector
        self._source = connector.context.source
        self._open = ExitStack()
        self._running: list[Connection] = []
        with connector.connection(self._source) as connection, explained(self._source, connector.secrets()):
            self._tables = _list(connection)

    def tables(self) -> Sequence[SourceTable]:
        """Tables and views; `schema.table` outside the default schema."""
        return [SourceTable(name, kind=located.kind) for name, located in self._tables.items()]

    def get_schema(self, table: str) -> pa.Schema:
        """The schema by what the database declares now; see `Session.get_schema`."""
        with self._connector.connection(self._place(table)) as connection:
            return schema_of([reading for _, _, reading in self._plan(connection, table)])

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """As far as the dialect knows indexes; see `Session.indexed_columns`."""
        place, located = self._place(table), self._located(table)
        with self._connector.connection(place) as connection, explained(place, self._connector.secrets()):
            return _indexed(connection, located)

    def extract(self, request: ExtractRequest) -> Extraction:
        """Reflect and read in one snapshot; see `Session.extract`."""
        table, place, secrets = request.table, self._place(request.table), self._connector.secrets()
        incremental = request.mode == "incremental"
        increment = None
        with ExitStack() as stack:
            connection = stack.enter_context(self._connector.connection(place, snapshot=not incremental))
            if incremental:
                increment = self._increment(connection, request)
                with explained(place, secrets):
                    self._connector.begin(connection)
            planned = self._plan(connection, table)
            with explained(place, secrets):
                columns = [(column, plan) for column, plan, _ in planned]
                source = self._tables[table].source([column.name for column, _ in columns])
                statement = _select(source, columns, connection.dialect.name)
                if increment is not None:
                    increment, condition = increment.within(connection, source, [reading for _, _, reading in planned])
                    statement = statement if condition is None else statement.where(condition)
                streaming = connection.execution_options(stream_results=True, max_row_buffer=request.batch_size)
                result = streaming.execute(statement)
            transaction = stack.pop_all()
        self._running.append(connection)
        self._open.push(transaction)

        def stream() -> Iterator[pa.RecordBatch]:
            try:
                with transaction, explained(place, secrets):
                    readings = [reading for _, _, reading in planned]
                    yield from read_batches(place, readings, result.fetchmany, request.batch_size, request.batch_bytes)
            finally:
                self._running.remove(connection)

        return Extraction(
            schema=schema_of([reading for _, _, reading in planned]),
            streams=[stream()],
            source_types={column.name: column.declared for column, _, _ in planned},
            state=increment.cursor.to_state() if increment else None,
            overlap=increment.overlap if increment else None,
            notes=(*(plan.note for _, plan, _ in planned if plan.note), *(increment.notes if increment else ())),
        )

    def cancel(self) -> None:
        """Ask the drivers to stop what runs, where they can."""
        for connection in list(self._running):
            driver = connection.connection.driver_connection
            stop = getattr(driver, "cancel", None) or getattr(driver, "interrupt", None)
            if stop is not None:
                with suppress(Exception):
                    stop()

    def close(self) -> None:
        """Close what a stream that was never read to its end has left open."""
        self._open.close()

    def _plan(self, connection: Connection, table: str) -> list[tuple[ReflectedColumn, ColumnPlan, Reading]]:
        located = self._located(table)
        with explained(self._place(table), self._connector.secrets()):
            columns = _columns(connection, located)
        planned = []
        for column in columns:
            plan = self._connector.plan_column(column, connection.dialect.name)
            planned.append((column, plan, Reading(column.name, plan.type, plan.convert)))
        return planned

    def _increment(self, connection: Connection, request: ExtractRequest) -> Increment:
        """Look at the key before the snapshot."""
        planned = self._plan(connection, request.table)
        located = self._tables[request.table]
        with explained(self._place(request.table), self._connector.secrets()):
            return Increment.begin(self._connector, connection, request, located, [(column, reading) for column, _, reading in planned])

    def _located(self, table: str) -> Located:
        if table not in self._tables:
            raise DataError(f"{self._place(table)}: no such table", hint=did_you_mean(table, self._tables, "tables"))
        return self._tables[table]

    def _place(self, table: str) -> str:
        return f"{self._source}.{table}"


def _list(connection: Connection) -> dict[str, Located]:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    default = inspector.default_schema_name
    schemas = [default]
    if connection.dialect.name not in ("sqlite", "mysql", "mariadb"):  # there a schema is another database
        schemas += [name for name in inspector.get_schema_names() if name != default and name.lower() not in _OF_THE_SERVER]
    found: dict[str, Located] = {}
    for schema in schemas:
        names = [(name, "table") for name in inspector.get_table_names(schema)] + [
            (name, "view") for name in inspector.get_view_names(schema)
        ]
        with suppress(RuntimeError):  # a dialect that knows none
            names += [(name, "view") for name in inspector.get_materialized_view_names(schema)]
        for name, kind in sorted(names):
            shown = name if schema == default else f"{schema}.{name}"
            if shown in found:
                raise DataError(f"two tables are called {shown!r}: one by its name, one by schema and name", hint="read one through a view")
            found[shown] = Located(schema, name, kind)
    return found


def _indexed(connection: Connection, located: Located) -> dict[str, bool]:
    """The first column of each index over all rows, and whether it alone is the primary key."""
    from sqlalchemy import inspect

    if located.kind != "table":
        return {}
    inspector = inspect(connection)
    found: dict[str, bool] = {}
    with suppress(NotImplementedError), warnings.catch_warnings():  # a dialect that knows none
        warnings.simplefilter("ignore")  # an index over an expression is left out
        for index in inspector.get_indexes(located.name, located.schema):
            partial = any(option.endswith("_where") and value for option, value in index.get("dialect_options", {}).items())
            names = index["column_names"]
            if names and names[0] is not None and not partial:
                found[str(names[0])] = False
    with suppress(NotImplementedError):
        keys = inspector.get_pk_constraint(located.name, located.schema)["constrained_columns"]
        found |= {str(name): len(keys) == 1 for name in keys[:1]}
    return found


def _columns(connection: Connection, located: Located) -> list[ReflectedColumn]:
    from sqlalchemy import inspect

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a type that SQLAlchemy does not know lands as text, with a note
        reflected = inspect(connection).get_columns(located.name, located.schema)
    columns = []
    for column in reflected:
        try:
            declared = column["type"].compile(connection.dialect)
        except Exception:
            declared = type(column["type"]).__name__
        columns.append(ReflectedColumn(str(column["name"]), column["type"], "unknown type" if declared == "NULL" else declared))
    return columns


def _select(source: FromClause, columns: Sequence[tuple[ReflectedColumn, ColumnPlan]], dialect: str) -> Select[*tuple[Any, ...]]:
    """The statement: every name quoted, every type conversion of SQLAlchemy left out, columns by position."""
    from sqlalchemy import cast, select, type_coerce
    from sqlalchemy import types as sa
    from sqlalchemy.dialects import mysql

    text = sa.Text() if dialect == "postgresql" else mysql.CHAR()
    expressions = []
    for at, ((_, plan), item) in enumerate(zip(columns, source.columns, strict=True)):
        match plan.projection:
            case "text":
                expression: Any = cast(item, text)
            case "double":
                expression = cast(item, sa.Double())
            case "unsigned":
                expression = cast(item, mysql.INTEGER(unsigned=True))
            case _:
                expression = item
        expressions.append(type_coerce(expression, sa.NullType()).label(f"c{at}"))
    return select(*expressions).select_from(source)
