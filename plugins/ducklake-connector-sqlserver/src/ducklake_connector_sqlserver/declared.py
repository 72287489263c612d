"""What the server's catalog declares: tables, and the columns of tables and queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ducklake.errors import DataError
from ducklake_connector_sqlserver.tsql import identifier, text

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs a statement and returns all its rows."""

TABLES = """
SELECT s.name, o.name, RTRIM(o.type), CASE WHEN s.name = SCHEMA_NAME() THEN 1 ELSE 0 END
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
ORDER BY 4 DESC, 1, 2
"""
COLUMNS = """
SELECT c.name, COALESCE(b.name, CASE WHEN t.is_user_defined = 1 THEN N'clr' ELSE t.name END),
       CASE WHEN t.is_user_defined = 1 THEN QUOTENAME(SCHEMA_NAME(t.schema_id)) + N'.' + QUOTENAME(t.name) END,
       CAST(c.max_length AS int), CAST(c.precision AS int), CAST(c.scale AS int)
FROM sys.columns AS c
JOIN sys.objects AS o ON o.object_id = c.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE s.name = {schema} AND o.name = {table} AND o.type IN ('U', 'V')
ORDER BY c.column_id
"""
RESULT = """
SELECT r.name, COALESCE(b.name, CASE WHEN t.is_user_defined = 1 THEN N'clr' ELSE t.name END, N'clr'),
       CASE WHEN t.is_user_defined = 1 THEN QUOTENAME(SCHEMA_NAME(t.schema_id)) + N'.' + QUOTENAME(t.name) END,
       CAST(r.max_length AS int), CAST(r.precision AS int), CAST(r.scale AS int), r.error_number, CAST(r.error_message AS nvarchar(2000))
FROM sys.dm_exec_describe_first_result_set({statement}, NULL, 0) AS r
LEFT JOIN sys.types AS t ON t.user_type_id = COALESCE(r.user_type_id, r.system_type_id)
LEFT JOIN sys.types AS b ON b.user_type_id = r.system_type_id
WHERE r.is_hidden = 0 OR r.error_number IS NOT NULL
ORDER BY r.column_ordinal
"""
# What comes after a key can only be sought in a tree that is ordered by it: not by hashes, columns, words or shapes, nor where rows lack.
INDEXES = """
SELECT c.name, CAST(x.is_primary_key AS int), (
    SELECT COUNT(*) FROM sys.index_columns AS m WHERE m.object_id = i.object_id AND m.index_id = i.index_id AND m.key_ordinal > 0
)
FROM sys.index_columns AS i
JOIN sys.indexes AS x ON x.object_id = i.object_id AND x.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = i.object_id AND c.column_id = i.column_id
JOIN sys.objects AS o ON o.object_id = i.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = {schema} AND o.name = {table} AND o.type IN ('U', 'V') AND i.key_ordinal = 1
  AND x.type IN (1, 2) AND x.has_filter = 0 AND x.is_disabled = 0 AND x.is_hypothetical = 0
ORDER BY c.column_id, x.index_id
"""
INDEXED = """
SELECT TOP (1) 1
FROM sys.index_columns AS i
JOIN sys.indexes AS x ON x.object_id = i.object_id AND x.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = i.object_id AND c.column_id = i.column_id
JOIN sys.objects AS o ON o.object_id = i.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = {schema} AND o.name = {table} AND c.name = {column}
  AND ((i.key_ordinal = 1 AND x.type IN (1, 2)) OR x.type IN (5, 6))
  AND x.has_filter = 0 AND x.is_disabled = 0 AND x.is_hypothetical = 0
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table or view.

    Attributes:
        schema: Its schema.
        name: Its name there.
        kind: `table` or `view`.
    """

    schema: str
    name: str
    kind: str

    @property
    def sql(self) -> str:
        """Its quoted name."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"


@dataclasses.dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """A column as `sys.columns` and `sys.types` have it.

    Attributes:
        name: Its name.
        kind: The system type's word, for example `nvarchar`; of an alias type that of the type below it; `clr` for one of the user's own.
        alias: The quoted name of an alias or CLR type; None for system types.
        octets: Bytes at most; -1 for types without a bound.
        precision: Digits, for numbers.
        scale: Digits behind the point, for numbers and times.
    """

    name: str
    kind: str
    alias: str | None = None
    octets: int = 0
    precision: int = 0
    scale: int = 0

    @property
    def is_version(self) -> bool:
        """Whether the server itself counts it up with every change of the row; `timestamp` is the older word for `rowversion`."""
        return self.kind in ("timestamp", "rowversion")

    @property
    def declared(self) -> str:
        """The whole type, for example `nvarchar(50)`."""
        base = f"{self.kind}{self._arguments()}"
        if self.alias is None:
            return base
        return self.alias if self.kind == "clr" else f"{self.alias} ({base})"

    def _arguments(self) -> str:
        match self.kind:
            case "decimal" | "numeric":
                return f"({self.precision},{self.scale})"
            case "time" | "datetime2" | "datetimeoffset":
                return f"({self.scale})"
            case "char" | "varchar" | "binary" | "varbinary":
                return f"({'max' if self.octets < 0 else self.octets})"
            case "nchar" | "nvarchar":
                return f"({'max' if self.octets < 0 else self.octets // 2})"
        return ""


def list_tables(ask: Ask) -> dict[str, Table]:
    """All tables and views by the name under which they are offered: `schema.table` outside the login's default schema.

    Args:
        ask: Runs statements.

    Raises:
        DataError: Two have the same.
    """
    found: dict[str, Table] = {}
    for schema, name, kind, default in ask(TABLES):
        shown = name if default else f"{schema}.{name}"
        if shown in found:
            raise DataError(f"two tables are called {shown!r}: one by its name, one by schema and name", hint="read one through a view")
        found[shown] = Table(schema, name, "view" if kind == "V" else "table")
    return found


def columns_of(ask: Ask, table: Table) -> tuple[DeclaredColumn, ...]:
    """All columns of a table in order, computed, sparse and hidden ones too; none if there is no such table.

    Args:
        ask: Runs statements.
        table: Of `list_tables`.
    """
    rows = ask(COLUMNS.format(schema=text(table.schema), table=text(table.name)))
    return tuple(DeclaredColumn(*row) for row in rows)


def columns_of_query(ask: Ask, query: str, place: str) -> tuple[DeclaredColumn, ...]:
    """The columns of a SELECT, without reading a row.

    Args:
        ask: Runs statements.
        query: The SELECT.
        place: `source.table`, for messages.

    Raises:
        DataError: The server cannot tell them, or one has no name.
    """
    found = []
    for *declared, number, message in ask(RESULT.format(statement=text(f"SELECT * FROM {derived(query)}"))):
        if number is not None:
            hint = "a query is read as a table: no WITH, no ORDER BY without TOP, a name for each column; a view may do what a query cannot"
            raise DataError(f"{place}: {message} ({number})", hint=hint, code="query")
        found.append(DeclaredColumn(*declared))
    return tuple(found)


def derived(query: str) -> str:
    """A query as a table called q.

    Args:
        query: A SELECT.
    """
    return f"(\n{query.strip().rstrip(';')}\n) AS q"


def indexed_columns(ask: Ask, table: Table) -> dict[str, bool]:
    """The columns with which an index over all rows begins that is ordered by them, and whether each alone is the primary key.

    Args:
        ask: Runs statements.
        table: Of `list_tables`.
    """
    found: dict[str, bool] = {}
    for name, primary, columns in ask(INDEXES.format(schema=text(table.schema), table=text(table.name))):
        found[name] = found.get(name, False) or (primary == 1 and columns == 1)
    return found


def is_indexed(ask: Ask, table: Table, column: str) -> bool:
    """Whether an index begins with a column, or stores columns of its own.

    Args:
        ask: Runs statements.
        table: The table.
        column: The column.
    """
    return bool(ask(INDEXED.format(schema=text(table.schema), table=text(table.name), column=text(column))))


def columns_named(columns: Sequence[DeclaredColumn]) -> list[str]:
    """Their names.

    Args:
        columns: The columns.
    """
    return [column.name for column in columns]
