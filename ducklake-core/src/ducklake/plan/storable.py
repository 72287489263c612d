"""What becomes of a result's types when it is written as a table of the lake."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

from ducklake.api.tables import Column, Schema

_LOSSY = re.compile(r"\b(INTERVAL|TIME WITH TIME ZONE|U?HUGEINT|BIGNUM|VARIANT)\b")
_REPLACED = {"HUGEINT": "DECIMAL(38,0)", "UHUGEINT": "DECIMAL(38,0)", "NULL": "VARCHAR", '"NULL"': "VARCHAR"}


class NotStorable(ValueError):
    """A column that no file could hold without loss.

    Args:
        message: The cause, one line.
        column: The column.
    """

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


def storable(schema: Schema) -> Schema:
    """The columns that a table has after these were written to it.

    Args:
        schema: Of a pipeline's result.

    Raises:
        NotStorable: A type would lose something, or two columns have one name.
    """
    counts = Counter(name.casefold() for name in schema.names)
    for name in schema.names:
        if counts[name.casefold()] > 1:
            raise NotStorable(f"two columns are called {name!r}: give one of them another name", name)
    return Schema(tuple(_stored(column) for column in schema))


def _stored(column: Column) -> Column:
    if column.type in _REPLACED:
        return dataclasses.replace(column, type=_REPLACED[column.type])
    if column.type.startswith("ENUM("):
        return dataclasses.replace(column, type="VARCHAR")
    found = _LOSSY.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", column.type))
    if found:
        message = f"column {column.name!r} is {column.type}, which Parquet cannot hold without loss: cast it, for example to VARCHAR"
        raise NotStorable(message, column.name)
    return column
