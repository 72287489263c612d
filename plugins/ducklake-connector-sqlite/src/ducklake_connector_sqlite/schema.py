"""Tables and columns of a SQLite database."""

from __future__ import annotations

import dataclasses
import re
import sqlite3

from ducklake.api.tables import SourceTable

_HIDDEN = 1


@dataclasses.dataclass(frozen=True, slots=True)
class SqliteColumn:
    """A column as declared.

    Attributes:
        name: Its name.
        declared: The declared type as it stands there, or empty.
    """

    name: str
    declared: str

    @property
    def expression(self) -> str:
        """How to name it in SQL: qualified, since SQLite takes an unknown quoted name for text."""
        return f"t.{quote(self.name)}"

    @property
    def family(self) -> str:
        """What the declared type means: a word that `ducklake_connector_sqlite.types` knows.

        SQLite's own rules of affinity come first (https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
        """
        word = self.declared.upper()
        if "INT" in word:
            return "integer"
        if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
            return "text"
        if "BLOB" in word or re.match(r"(VAR)?BINARY\b", word):
            return "blob"
        if any(part in word for part in ("REAL", "FLOA", "DOUB")):
            return "real"
        if re.fullmatch(r"BOOL(EAN)?", word):
            return "boolean"
        if word == "DATE":
            return "date"
        if re.fullmatch(r"(DATETIME|TIMESTAMP)( ?\([0-9]+\))?( WITHOUT TIME ZONE)?", word):
            return "timestamp"
        return "decimal" if self.digits else "any"

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a declared DECIMAL that fits 38 digits."""
        found = re.fullmatch(r"(?:DECIMAL|NUMERIC|DEC) ?\( ?([0-9]+) ?(?:, ?([0-9]+) ?)?\)", self.declared.upper())
        if not found:
            return None
        precision, scale = int(found[1]), int(found[2] or 0)
        return (precision, scale) if 1 <= precision <= 38 and scale <= precision else None


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table `t`.

    Attributes:
        where: The WHERE clause, with a blank before it; empty for all rows.
        parameters: Its parameters.
    """

    where: str = ""
    parameters: tuple[object, ...] = ()

    def only(self, condition: str) -> str:
        """The WHERE clause with another condition besides.

        Args:
            condition: In SQL.
        """
        return f" WHERE ({self.where.removeprefix(' WHERE ')}) AND ({condition})" if self.where else f" WHERE {condition}"


def quote(name: str) -> str:
    """An identifier for SQLite.

    Args:
        name: Any text.
    """
    return '"' + name.replace('"', '""') + '"'


def list_tables(connection: sqlite3.Connection) -> list[SourceTable]:
    """Tables, views and virtual tables, but not SQLite's own and not the tables behind virtual ones.

    Args:
        connection: An open database.
    """
    connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
    try:
        rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    except sqlite3.OperationalError:  # SQLite before 3.37
        rows = connection.execute("SELECT name, type FROM main.sqlite_master WHERE type IN ('table', 'view')").fetchall()
    kinds = {"table": "table", "virtual": "table", "view": "view"}
    found = sorted((name, kind) for name, kind in rows if kind in kinds and not name.lower().startswith("sqlite_"))
    estimates = _estimates(connection)
    return [SourceTable(name, kinds[kind], estimates.get(name)) for name, kind in found]


def _estimates(connection: sqlite3.Connection) -> dict[str, int]:
    """The rows of each table as the last ANALYZE has found them."""
    try:
        rows = connection.execute("SELECT tbl, max(CAST(stat AS INTEGER)) FROM main.sqlite_stat1 WHERE stat GROUP BY tbl").fetchall()
    except sqlite3.OperationalError:  # nobody has ever asked for it
        return {}
    return {table: estimate for table, estimate in rows if isinstance(estimate, int)}


def indexed_columns(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    """The columns with which an index over all rows begins, and whether each alone is the primary key.

    Args:
        connection: An open database.
        table: The table's name.
    """
    keys = [name for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?, 'main') WHERE pk > 0 ORDER BY pk", (table,))]
    found = connection.execute(
        """
        SELECT DISTINCT i.name FROM pragma_index_list(?, 'main') AS l, pragma_index_info(l.name, 'main') AS i
        WHERE i.seqno = 0 AND i.name IS NOT NULL AND l.partial = 0 ORDER BY i.cid
        """,
        (table,),
    )
    return {**{name: len(keys) == 1 for name in keys[:1]}, **{name: keys == [name] for (name,) in found}}


def list_columns(connection: sqlite3.Connection, table: str) -> list[SqliteColumn]:
    """The columns of a table, generated ones too; none if there is no such table.

    Args:
        connection: An open database.
        table: The table's name.
    """
    rows = connection.execute("SELECT name, type FROM pragma_table_xinfo(?, 'main') WHERE hidden <> ?", (table, _HIDDEN))
    return [SqliteColumn(name, declared) for name, declared in rows]


def list_rowid(connection: sqlite3.Connection, table: str, name: str) -> SqliteColumn | None:
    """SQLite's own number of each row as a column; None where the table has none (a view, WITHOUT ROWID).

    Args:
        connection: An open database.
        table: The table's name.
        name: `rowid`, or one of its other names.
    """
    column = SqliteColumn(name, "INTEGER")
    try:
        connection.execute(f"SELECT {column.expression} FROM main.{quote(table)} AS t LIMIT 0").fetchone()
        kind = connection.execute("SELECT type FROM main.sqlite_master WHERE name = ?", (table,)).fetchone()
    except sqlite3.OperationalError:
        return None
    return column if kind and kind[0] == "table" else None


def is_rowid_alias(connection: sqlite3.Connection, table: str, name: str) -> bool:
    """Whether a column is the row's number itself: INTEGER PRIMARY KEY, never NULL, its own index.

    Args:
        connection: An open database.
        table: The table's name.
        name: The column's name.
    """
    keys = connection.execute("SELECT name, upper(type) FROM pragma_table_xinfo(?, 'main') WHERE pk > 0", (table,)).fetchall()
    apart = connection.execute("SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk'", (table,)).fetchone()
    return keys == [(name, "INTEGER")] and apart is None


def has_index(connection: sqlite3.Connection, table: str, name: str) -> bool:
    """Whether an index over all rows begins with a column; true for views, whose tables may have one.

    Args:
        connection: An open database.
        table: The table's name.
        name: The column's name.
    """
    if connection.execute("SELECT 1 FROM main.sqlite_master WHERE type = 'view' AND name = ?", (table,)).fetchone():
        return True
    found = connection.execute(
        """
        SELECT 1 FROM pragma_index_list(?, 'main') AS l, pragma_index_info(l.name, 'main') AS i
        WHERE i.seqno = 0 AND i.name = ? AND l.partial = 0
        """,
        (table, name),
    )
    return found.fetchone() is not None


def is_binary_utf8(connection: sqlite3.Connection) -> bool:
    """Whether SQLite's order of texts, byte by byte, is that of their UTF-8.

    Args:
        connection: An open database.
    """
    return bool(connection.execute("PRAGMA encoding").fetchone()[0] == "UTF-8")
