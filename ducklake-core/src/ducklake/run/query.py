"""Reading the lake with SQL: exactly one SELECT over views of exactly the files that the catalog lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ducklake.api.engine import EngineError
from ducklake.api.sql import quote
from ducklake.api.tables import TableRef, ascii_folded
from ducklake.errors import BindError, ConfigurationError, nearest
from ducklake.layers.scan import scan_table
from ducklake.run.guard import engine_failure

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.engine import EngineSession
    from ducklake.api.tables import Layer, Schema
    from ducklake.catalog.queries import LakeSnapshot, TableState
    from ducklake.layers.store import LakePaths
    from ducklake.plugins.manager import PluginManager

_LOSSY_IN_ARROW = frozenset({"TIME WITH TIME ZONE", "BIT", "BIGNUM", "HUGEINT", "UHUGEINT", "INTERVAL"})
_MISSING_TABLE = re.compile(r'(?:Table with name (.+?)|Catalog ".*"|[Ss]chema .*) does not exist')
_TABLE = re.compile(r'\b(raw|staging|consume)"?\.(?:"((?:[^"]|"")+)"|(\w+))\.(?:"((?:[^"]|"")+)"|(\w+))', re.IGNORECASE)
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
    wanted = _distinct([table for table in tables.values() if _mentioned(table, sql)], sql)
    for table in wanted:
        try:
            session.define(table.ref, scan_table(paths, manager.writer(table.format).cls(), table))
        except EngineError as error:
            raise engine_failure(f"query: {table.ref}", error) from error
    session.restrict([paths.absolute(file.path) for table in wanted for file in table.current_files])
    try:
        schema = session.describe(f"SELECT * FROM (\n{sql}\n)")
        return schema, session.stream(_exact(sql, schema)).read_all()
    except EngineError as error:
        if error.kind == "bind":
            raise _unknown_table(error, sql, tables) or BindError(f"query: {error}", code="query") from error
        if "disabled by configuration" in str(error):
            hint = "make the file a source, extract it, and read the table"
            raise ConfigurationError(f"query: only tables of the lake can be read: {error}", hint=hint, code="query") from error
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


def _distinct(tables: Iterable[TableState], sql: str) -> list[TableState]:
    """Tables that the engine can tell apart: of names that differ in case only, the one that the statement spells.

    Raises:
        BindError: It spells several, or none of them exactly.
    """
    alike: dict[tuple[str, ...], list[TableState]] = {}
    for table in tables:
        alike.setdefault(ascii_folded(table.ref), []).append(table)
    written = {TableRef(layer, domain, table) for layer, domain, table in _written_tables(sql)}
    meant = {ascii_folded(ref) for ref in written}
    distinct = []
    for key, group in alike.items():
        spelled = [table for table in group if table.ref in written] if key in meant else []
        if len(group) > 1 and key in meant and len(spelled) != 1:
            names = " and ".join(sorted(_spelled(table.ref) for table in group))
            hint = "spell one of them exactly, and read the other in another query"
            raise BindError(f"query: SQL cannot tell {names} apart, whose names differ in case only", hint=hint, code="query")
        distinct += spelled[:1] or group[:1]
    return distinct


def _written_tables(sql: str) -> list[tuple[Layer, str, str]]:
    """Every `layer.domain.table` of a statement, as it is spelled there."""
    found: list[tuple[Layer, str, str]] = []
    for word, *parts in _TABLE.findall(sql):
        layer: Layer = "raw" if word.lower() == "raw" else "staging" if word.lower() == "staging" else "consume"
        domain, table = (quoted.replace('""', '"') or plain for quoted, plain in (parts[:2], parts[2:]))
        found.append((layer, domain, table))
    return found


def _missing(sql: str, tables: LakeSnapshot) -> str | None:
    """The first name of a table in a statement that the lake does not have."""
    known = {ascii_folded(ref) for ref in tables}
    written = (TableRef(*names) for names in _written_tables(sql))
    return next((str(ref) for ref in written if ascii_folded(ref) not in known), None)


def _unknown_table(error: EngineError, sql: str, tables: LakeSnapshot) -> BindError | None:
    """The error of a statement that reads a table which is not there; the engine would propose tables of its own."""
    found = _MISSING_TABLE.search(str(error))
    if not found:
        return None
    name = _missing(sql, tables) or found[1] or found[0].removesuffix(" does not exist")
    names = {str(ref): _spelled(ref) for ref in sorted(tables, key=str)}
    short = {ref.table: names[str(ref)] for ref in tables}
    close = nearest(name, names) or nearest(name.rpartition(".")[2], short)
    if not tables:
        hint = "the lake is empty: run `ducklake extract` first"
    elif close:
        hint = f"did you mean {names.get(close) or short[close]}?"
    else:
        hint = f"tables: {', '.join(list(names.values())[:12])}"
    return BindError(f"query: there is no table {name}", hint=hint, code="query")


def _spelled(ref: TableRef) -> str:
    """A table's name as it has to be written in SQL."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", ref.table, re.ASCII)
    return f"{ref.layer}.{ref.domain}.{ref.table if plain else quote(ref.table)}"
