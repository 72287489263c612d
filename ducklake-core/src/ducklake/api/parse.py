"""Looking into SQL that a user wrote: DuckDB's own parser, so what it reads is what will run."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ducklake.api.tables import LAYERS, TableRef
from ducklake.errors import did_you_mean

if TYPE_CHECKING:
    import duckdb

HARMLESS_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"})
"""Functions behind FROM that make rows of their arguments; all others may read files, settings or the network."""


VOLATILE = frozenset(
    {
        "age",
        "current_connection_id",
        "current_date",
        "current_localtime",
        "current_localtimestamp",
        "current_query",
        "current_query_id",
        "current_time",
        "current_timestamp",
        "current_transaction_id",
        "currval",
        "gen_random_uuid",
        "get_current_time",
        "get_current_timestamp",
        "getvariable",
        "localtime",
        "localtimestamp",
        "nextval",
        "now",
        "random",
        "setseed",
        "stats",
        "sysdate",
        "today",
        "transaction_timestamp",
        "txid_current",
        "uuid",
        "uuidv4",
        "uuidv7",
    }
)
"""Functions, and words without parentheses, whose value is another one each time or each day."""

_PERHAPS_VOLATILE = re.compile(rf"\b({'|'.join(sorted(VOLATILE))}|sample|tablesample)\b", re.IGNORECASE)


class SqlSyntaxError(ValueError):
    """Text that is not what was asked for: one SELECT, or one expression.

    Args:
        message: The cause, one line.
        line: Line in the text, from 1, if the parser knows it.
        name: The name that the message is about, if it is about one.
    """

    def __init__(self, message: str, line: int | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.name = name


@dataclasses.dataclass(frozen=True, slots=True)
class ParsedSql:
    """What a SELECT or an expression reads.

    Attributes:
        text: The SQL without the semicolon at its end.
        tables: Tables of the lake, in order of appearance.
        names: Names behind FROM that are neither tables of the lake nor defined by the SQL itself.
        has_with: Whether it begins with a WITH clause of its own.
    """

    text: str
    tables: tuple[TableRef, ...]
    names: tuple[str, ...]
    has_with: bool = False

    def require(self, known: Sequence[str]) -> None:
        """Refuse names behind FROM that are not known.

        Args:
            known: The inputs' aliases.

        Raises:
            SqlSyntaxError: A name is something else: a file, a variable, or misspelt.
        """
        folded = {name.casefold() for name in known}
        for name in self.names:
            if name.casefold() not in folded:
                hint = did_you_mean(name, known) or "it has none"
                raise SqlSyntaxError(f"no input {name!r}: write layer.domain.table or an input of this step; {hint}", name=name)


def one_select(text: str) -> str:
    """Make sure that a text is exactly one SELECT, whatever it reads.

    It is parsed and nothing more: DuckDB's own splitting of statements would open files (`IMPORT DATABASE`) and turn
    PRAGMAs into SELECTs.

    Args:
        text: SQL in DuckDB's dialect.

    Returns:
        The statement without what ends it.

    Raises:
        SqlSyntaxError: It cannot be parsed, is something else or several statements.
    """
    statements = _parse(text)
    if len(statements) != 1:
        raise SqlSyntaxError(f"there are {len(statements)} statements" if statements else "there is no statement")
    return _without_semicolon(text)


@lru_cache(maxsize=4096)
def parse_select(text: str) -> ParsedSql:
    """Parse exactly one SELECT.

    Args:
        text: SQL in DuckDB's dialect.

    Raises:
        SqlSyntaxError: It cannot be parsed, is something else or several statements, takes parameters, or reads
            what is no table of the lake.
    """
    statements = _parse(text)
    if len(statements) != 1:
        raise SqlSyntaxError("write exactly one SELECT" if statements else "the query is empty")
    return _read(_without_semicolon(text), statements[0])


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> ParsedSql:
    """Parse exactly one expression, such as a condition.

    Args:
        text: SQL in DuckDB's dialect.

    Raises:
        SqlSyntaxError: As for `parse_select`.
    """
    if not text.strip():
        raise SqlSyntaxError("the expression is empty")
    # Without parentheses nothing may close what it has not opened; within them nothing may follow that is no expression.
    # The line breaks keep a comment at the end of the text from swallowing the parenthesis.
    for sql in (f"SELECT\n{text}", f"SELECT (\n{text}\n)"):
        statements = _parse(sql, first_line=2)
        node = statements[0]["node"] if len(statements) == 1 else {}
        if node.get("type") != "SELECT_NODE" or len(node["select_list"]) != 1 or node["from_table"]["type"] != "EMPTY":
            raise SqlSyntaxError("write exactly one expression")
        if node["select_list"][0]["type"] == "STAR" or node["select_list"][0]["alias"]:
            raise SqlSyntaxError("write exactly one expression")
    return _read(text, statements[0])


@lru_cache(maxsize=4096)
def volatile_words(sql: str) -> tuple[str, ...]:
    """What in a SELECT gives other rows each time although the tables are the same: `now`, `random`, samples.

    Args:
        sql: One SELECT in DuckDB's dialect.

    Raises:
        SqlSyntaxError: It cannot be parsed.
    """
    if not _PERHAPS_VOLATILE.search(sql):
        return ()
    return tuple(sorted(set(_volatile(_parse(sql)))))


def _volatile(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _volatile(item)
    if not isinstance(node, dict):
        return
    if node.get("class") == "FUNCTION":
        name = str(node["function_name"]).casefold()
        if name in VOLATILE and (name != "age" or len(node["children"]) == 1):
            yield name
    if node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1 and node["column_names"][0].casefold() in VOLATILE:
        yield node["column_names"][0].casefold()
    if isinstance(node.get("sample"), dict):
        yield "sample"
    for value in node.values():
        yield from _volatile(value)


def _parse(sql: str, first_line: int = 1) -> list[dict[str, Any]]:
    if "\0" in sql:
        raise SqlSyntaxError("it holds a zero byte")
    row = _parser().cursor().execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    document = json.loads(row[0]) if row else {}
    if not document.get("error"):
        statements: list[dict[str, Any]] = document["statements"]
        return statements
    if document.get("error_type") == "not implemented":
        raise SqlSyntaxError("only a SELECT is possible here")
    position = document.get("position")
    line = sql.encode()[: int(position)].count(b"\n") + 2 - first_line if position is not None else None
    raise SqlSyntaxError(str(document.get("error_message", "it cannot be parsed")).split("\n")[0], max(line, 1) if line else None)


@lru_cache(maxsize=1)
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "1"})


def _without_semicolon(text: str) -> str:
    if ";" not in text:
        return text
    import duckdb

    data = text.encode()
    end = next((position for position, _ in duckdb.tokenize(text) if data[position : position + 1] == b";"), len(data))
    return data[:end].decode().rstrip()


def _read(text: str, tree: dict[str, Any]) -> ParsedSql:
    tables: dict[TableRef, None] = {}
    names: dict[str, None] = {}
    for node in _walk(tree, frozenset()):
        if node["type"] == "TABLE_FUNCTION":
            name = node["function"]["function_name"]
            if name.casefold() not in HARMLESS_TABLE_FUNCTIONS:
                raise SqlSyntaxError(f"{name}() is not possible here: make it a source, extract it, and read the table", name=name)
        elif node["type"] == "VALUE_PARAMETER":
            raise SqlSyntaxError("parameters (?, $name) are not possible here")
        else:
            parts = [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
            if len(parts) == 1:
                names[parts[0]] = None
            elif len(parts) == 3 and parts[0].lower() in LAYERS:
                tables[TableRef(parts[0].lower(), parts[1], parts[2])] = None
            else:
                written = ".".join(parts)
                message = f"{written} is no table of the lake: write layer.domain.table, the layer being {', '.join(LAYERS)}"
                raise SqlSyntaxError(message, name=written)
    return ParsedSql(text, tuple(tables), tuple(names), bool((tree["node"].get("cte_map") or {}).get("map")))


def _walk(node: Any, scope: frozenset[str]) -> Iterator[dict[str, Any]]:
    """All tables, table functions and parameters of a syntax tree, without what its own WITH clauses define."""
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, scope)
    if not isinstance(node, dict):
        return
    kind = node.get("type")
    if kind == "BASE_TABLE":
        local = not node["catalog_name"] and not node["schema_name"] and node["table_name"].casefold() in scope
        if not local:
            yield node
        return
    if kind in ("TABLE_FUNCTION", "VALUE_PARAMETER"):
        yield node
    if kind == "RECURSIVE_CTE_NODE":
        scope |= {node["cte_name"].casefold()}
    for entry in (node.get("cte_map") or {}).get("map", ()):
        yield from _walk(entry["value"], scope)
        scope |= {entry["key"].casefold()}
    for key, value in node.items():
        if key != "cte_map":
            yield from _walk(value, scope)
