"""One statement out of several SELECTs, laid out for people."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable

from ducklake.api.sql import quote
from ducklake.api.tables import Schema

WIDTH = 120
STREAMED = "AS NOT MATERIALIZED"


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """Named SELECTs, each of which may read those before it.

    Attributes:
        parts: Name and SQL of each.
        streamed: What is read twice is worked out twice, instead of being kept in memory in between.
    """

    parts: tuple[tuple[str, str], ...] = ()
    streamed: bool = False

    def then(self, name: str, sql: str) -> Statement:
        """The statement with one SELECT more.

        Args:
            name: What later ones call it.
            sql: The SELECT.
        """
        return dataclasses.replace(self, parts=(*self.parts, (name, sql)))

    @property
    def sql(self) -> str:
        """The whole statement: the rows of the last SELECT."""
        if len(self.parts) == 1:
            return self.parts[0][1]
        how = STREAMED if self.streamed else "AS"
        named = ",\n".join(f"{quote(name)} {how} (\n{indented(sql)}\n)" for name, sql in self.parts)
        return f"WITH {named}\nSELECT * FROM {quote(self.parts[-1][0])}"


def indented(sql: str) -> str:
    """SQL moved to the right, unless a text or comment might reach over the end of a line.

    Args:
        sql: Any SQL.
    """
    lines = sql.splitlines()
    whole = all(line.count("'") % 2 == 0 and line.count('"') % 2 == 0 for line in lines) and "$" not in sql and "/*" not in sql
    return textwrap.indent(sql, "    ") if whole or len(lines) == 1 else sql


def select_columns(schema: Schema, source: str) -> str:
    """A SELECT of exactly these columns.

    Args:
        schema: The columns.
        source: What stands behind FROM.
    """
    return f"SELECT{_wrapped(quote(name) for name in schema.names)}\nFROM {source}"


def select_nulls(schema: Schema) -> str:
    """A SELECT of one row in which all of these columns are NULL.

    Args:
        schema: The columns.
    """
    return f"SELECT {', '.join(f'CAST(NULL AS {column.type}) AS {quote(column.name)}' for column in schema)}"


def select_nothing(schema: Schema) -> str:
    """A SELECT that has these columns and no rows, for planning.

    Args:
        schema: The columns.
    """
    return f"{select_nulls(schema)} WHERE false"


def _wrapped(items: Iterable[str]) -> str:
    """A comma-separated list, to stand behind a word; a long one gets lines of its own."""
    rows: list[list[str]] = [[]]
    for item in items:
        if rows[-1] and sum(len(other) + 2 for other in rows[-1]) + len(item) > WIDTH:
            rows.append([])
        rows[-1].append(item)
    texts = [", ".join(row) for row in rows]
    return f" {texts[0]}" if len(texts) == 1 else "\n    " + ",\n    ".join(texts)
