"""Reading the lake with SQL: exactly one SELECT over views of exactly the files that the catalog lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api.engine import EngineError
from ducklake.api.sql import quote
from ducklake.errors import BindError, ConfigurationError, did_you_mean
from ducklake.layers.scan import scan_table
from ducklake.run.guard import engine_failure

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.engine import EngineSession
    from ducklake.api.tables import Schema
    from ducklake.catalog.queries import LakeSnapshot, TableState
    from ducklake.layers.store import LakePaths
    from ducklake.plugins.manager import PluginManager

_LOSSY_IN_ARROW = frozenset({"TIME WITH TIME ZONE", "BIT", "BIGNUM", "HUGEINT", "UHUGEINT", "INTERVAL"})
_LISTINGS = ("information_schema", "duckdb_", "pg_catalog", "sqlite_master", "show ", "show\n", "pragma")


def run_query(paths: LakePaths, manager: PluginManager, session: EngineSession, tables: LakeSnapshot, sql: str) -> tuple[Schema, pa.Table]:
    """Run one SELECT.

    Args:
        paths: Of the lake.
        manager: For the storage writers.
        session: A new one; it is locked down here.
        tables: The snapshot that is read.
        sql: What the user typed.

    Raises:
        ConfigurationError: It is not exactly one SELECT.
        BindError: A table or column does not exist.
        DataError: It failed.
    """
    try:
        sql = session.single_select(sql)
    except EngineError as error:
        hint = 'write one SELECT, for example "SELECT * FROM raw.shop.pedidos LIMIT 10"'
        raise ConfigurationError(f"query: {error}", hint=hint, code="query") from error
    wanted = [table for table in tables.values() if _mentioned(table, sql)]
    for table in wanted:
        session.define(table.ref, scan_table(paths, manager.writer(table.format).cls(), table))
    session.restrict([paths.absolute(file.path) for table in wanted for file in table.current_files])
    try:
        schema = session.describe(f"SELECT * FROM (\n{sql}\n)")
        return schema, session.stream(_exact(sql, schema)).read_all()
    except EngineError as error:
        if error.kind == "bind":
            raise BindError(f"query: {error}", hint=_hint(error, tables), code="query") from error
        raise engine_failure("query", error) from error


def _exact(sql: str, schema: Schema) -> str:
    """The statement with columns as text where Arrow would lose part of the value, as it does of an offset."""
    lossy = [column.name for column in schema if column.type in _LOSSY_IN_ARROW]
    if not lossy or len(set(schema.names)) < len(schema):
        return sql
    casts = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in lossy)
    return f"SELECT * REPLACE ({casts}) FROM (\n{sql}\n)"


def _mentioned(table: TableState, sql: str) -> bool:
    """Whether a statement may read a table; views of the others would only cost time."""
    text = sql.casefold()
    return table.ref.table.casefold().replace('"', '""') in text or any(word in text for word in _LISTINGS)


def _hint(error: EngineError, tables: LakeSnapshot) -> str | None:
    words = [word.strip('"!.,') for word in str(error).split()]
    named = next((word for word in words if word.count(".") >= 2), None)
    if "does not exist" not in str(error):
        return None
    return (
        did_you_mean(named, map(str, tables), "tables")
        if named
        else f"tables: {', '.join(sorted(map(str, tables))[:12])}"
        if tables
        else "the lake is empty: run `ducklake extract` first"
    )
