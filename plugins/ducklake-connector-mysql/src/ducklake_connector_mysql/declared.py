"""What the server's catalog declares: tables, their engine, and their columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ducklake.api.tables import SourceTable

Rows = Sequence[Sequence[Any]]
Query = Callable[[str, Sequence[Any]], Rows]
"""Runs a statement with `%s` for its parameters and returns all rows."""

_COLUMNS = """
    SELECT COLUMN_NAME, LOWER(DATA_TYPE), COLUMN_TYPE, IS_NULLABLE, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE,
           DATETIME_PRECISION, CHARACTER_SET_NAME
    FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
    ORDER BY ORDINAL_POSITION
"""
_TABLES = """
    SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS
    FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
    ORDER BY TABLE_NAME
"""
_INDEXES = """
    SELECT s.COLUMN_NAME, MAX(s.INDEX_NAME = 'PRIMARY' AND NOT EXISTS (
        SELECT 1 FROM information_schema.STATISTICS o
        WHERE o.TABLE_SCHEMA = s.TABLE_SCHEMA AND o.TABLE_NAME = s.TABLE_NAME AND o.INDEX_NAME = s.INDEX_NAME AND o.SEQ_IN_INDEX > 1
    ))
    FROM information_schema.STATISTICS s
    WHERE s.TABLE_SCHEMA = %s AND s.TABLE_NAME = %s AND s.SEQ_IN_INDEX = 1 AND s.COLUMN_NAME IS NOT NULL
    GROUP BY s.COLUMN_NAME
"""
_ENGINES = """
    SELECT t.ENGINE, COALESCE(e.TRANSACTIONS, 'NO')
    FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s
"""


@dataclasses.dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """A column as `information_schema.COLUMNS` has it.

    Attributes:
        name: Its name.
        kind: The type's word, for example `decimal`.
        declared: The whole type, for example `decimal(12,2) unsigned`.
        nullable: Whether it may hold NULL.
        octets: Bytes at most, for texts and bytes.
        precision: Digits, for numbers.
        scale: Digits behind the point, for decimals.
        fraction: Digits of a second, for times.
        charset: The character set of a text; None for everything else.
    """

    name: str
    kind: str
    declared: str
    nullable: bool = True
    octets: int | None = None
    precision: int | None = None
    scale: int | None = None
    fraction: int | None = None
    charset: str | None = None

    @property
    def unsigned(self) -> bool:
        """Whether a number has no sign; ZEROFILL implies it."""
        return "unsigned" in self.declared or self.zerofill

    @property
    def zerofill(self) -> bool:
        """Whether the server fills a number up with zeros."""
        return "zerofill" in self.declared


def list_tables(query: Query, database: str) -> dict[str, SourceTable]:
    """Tables and views of a database, by name, with the server's estimates of their rows.

    Args:
        query: Runs statements.
        database: Its name.
    """
    return {
        str(name): SourceTable(str(name), "view" if kind == "VIEW" else "table", None if rows is None else int(rows))
        for name, kind, rows in query(_TABLES, [database])
    }


def indexed_columns(query: Query, database: str, table: str) -> dict[str, bool]:
    """The columns with which an index begins, and whether each alone is the primary key.

    Args:
        query: Runs statements.
        database: The table's database.
        table: Its name.
    """
    return {str(name): bool(int(alone)) for name, alone in query(_INDEXES, [database, table])}


def columns_of(query: Query, database: str, table: str) -> tuple[DeclaredColumn, ...]:
    """All columns of a table in order, generated and invisible ones too; none if there is no such table.

    Args:
        query: Runs statements.
        database: The table's database.
        table: Its name.
    """
    return tuple(
        DeclaredColumn(
            name=str(name),
            kind=str(kind),
            declared=str(declared),
            nullable=nullable != "NO",
            octets=None if octets is None else int(octets),
            precision=None if precision is None else int(precision),
            scale=None if scale is None else int(scale),
            fraction=None if fraction is None else int(fraction),
            charset=charset,
        )
        for name, kind, declared, nullable, octets, precision, scale, fraction, charset in query(_COLUMNS, [database, table])
    )


def engine_of(query: Query, database: str, table: str) -> tuple[str | None, bool]:
    """The table's storage engine (None for a view), and whether it knows transactions; MyISAM, Aria and MEMORY do not.

    Args:
        query: Runs statements.
        database: The table's database.
        table: Its name.
    """
    for engine, transactions in query(_ENGINES, [database, table]):
        if engine is not None:
            return str(engine), transactions == "YES"
    return None, True
