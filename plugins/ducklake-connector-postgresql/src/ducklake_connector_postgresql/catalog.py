"""What there is: tables and columns, straight from the server's catalog."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ducklake.api.sql import quote
from ducklake.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

TABLES = """
SELECT n.nspname = current_schema(), n.nspname, c.relname, c.relkind::text, c.oid::bigint,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND (
           SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       ) = (
           SELECT count(*) FROM pg_attribute a WHERE a.attrelid = i.inhparent AND a.attnum > 0 AND NOT a.attisdropped
       )),
       CASE WHEN c.relkind <> 'v' AND c.reltuples >= 0 THEN c.reltuples::bigint END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1 DESC NULLS LAST, 2, 3
"""
COLUMNS = """
SELECT a.attname, a.attnum, a.atttypid::bigint, a.atttypmod, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
TYPES = """
SELECT t.oid::bigint, t.typname, n.nspname, t.typtype::text, t.typbasetype::bigint, t.typtypmod
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY (%s)
"""
INDEXED = """
SELECT a.attname, bool_or(i.indisprimary AND i.indnatts = 1)
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s AND i.indpred IS NULL AND i.indisvalid
GROUP BY a.attname, a.attnum ORDER BY a.attnum
"""
KINDS = {"r": "table", "p": "table", "v": "view", "m": "view", "f": "table"}


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table, view or materialized view.

    Attributes:
        schema: Its schema.
        name: Its name there.
        relkind: The catalog's letter: `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table.
        oid: The catalog's number of it.
        part: It is a part of another table, with the same columns: read with that one unless it is named.
        rows: The server's estimate; None for a view, and until the table was analyzed.
    """

    schema: str
    name: str
    relkind: str
    oid: int
    part: bool = False
    rows: int | None = None

    @property
    def sql(self) -> str:
        """Its quoted name."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def has_heap(self) -> bool:
        """Whether its rows lie in pages of its own."""
        return self.relkind in ("r", "m")


@dataclasses.dataclass(frozen=True, slots=True)
class DeclaredType:
    """A type as the catalog declares it, domains resolved.

    Attributes:
        name: The base type's name; of a type outside `pg_catalog` with its schema.
        kind: `b` base, `c` composite, `e` enum, `r` range, `m` multirange, `p` pseudo.
        modifier: Of the type, -1 for none.
    """

    name: str
    kind: str
    modifier: int


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        number: The catalog's number of it; 0 for columns of a query.
        declared: The type in the server's words.
        type: That type, domains resolved.
    """

    name: str
    number: int
    declared: str
    type: DeclaredType


def list_tables(connection: Connection) -> dict[str, Table]:
    """All tables and views by the name under which they are offered.

    Args:
        connection: An open connection.

    Raises:
        DataError: Two have the same.
    """
    found: dict[str, Table] = {}
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for default, schema, name, relkind, oid, part, rows in cursor:
            shown = name if default else f"{schema}.{name}"
            if shown in found:
                raise DataError(f"two tables are called {shown!r}: one by its name, one by schema and name", hint="read one through a view")
            found[shown] = Table(schema, name, relkind, oid, part, rows)
    return found


def indexed_columns(connection: Connection, table: Table) -> dict[str, bool]:
    """The columns with which an index begins, and whether each alone is the primary key.

    Args:
        connection: An open connection.
        table: Of `list_tables`.
    """
    with connection.cursor() as cursor:
        cursor.execute(INDEXED, (table.oid,))
        return dict(cursor.fetchall())


def columns_of(connection: Connection, table: Table) -> list[Column]:
    """The columns of a table, in order.

    Args:
        connection: An open connection.
        table: Of `list_tables`.
    """
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, (table.oid,))
        rows = cursor.fetchall()
    types = _types(connection, {(oid, modifier) for _, _, oid, modifier, _ in rows})
    return [Column(name, number, declared, types[oid, modifier]) for name, number, oid, modifier, declared in rows]


def columns_of_query(connection: Connection, query: str) -> list[Column]:
    """The columns of a query, in order.

    Args:
        connection: An open connection.
        query: A SELECT.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM (\n{query}\n) AS q LIMIT 0")
        described = list(cursor.description or ())
        wanted = []
        for column in described:
            # The driver tells precision and scale, the catalog's modifier is made of them.
            numeric = column.type_code == 1700 and column.precision not in (None, 65535)
            wanted.append((column.type_code, ((column.precision or 0) << 16 | (column.scale or 0)) + 4 if numeric else -1))
        types = _types(connection, set(wanted))
        found = []
        for column, key in zip(described, wanted, strict=True):
            cursor.execute("SELECT format_type(%s, %s)", key)
            found.append(Column(column.name, 0, (cursor.fetchone() or ("unknown",))[0], types[key]))
    return found


def _types(connection: Connection, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], DeclaredType]:
    """Declared types by number and modifier, domains followed to their base."""
    found: dict[tuple[int, int], DeclaredType] = {}
    waiting = {(oid, modifier): (oid, modifier) for oid, modifier in wanted}
    while waiting:
        with connection.cursor() as cursor:
            cursor.execute(TYPES, ([oid for oid, _ in waiting.values()],))
            known = {row[0]: row[1:] for row in cursor}
        domains = {}
        for asked, (oid, modifier) in waiting.items():
            name, schema, kind, base, base_modifier = known[oid]
            if kind == "d":
                domains[asked] = (base, base_modifier)
            else:
                found[asked] = DeclaredType(name if schema == "pg_catalog" else f"{schema}.{name}", kind, modifier)
        waiting = domains
    return found
