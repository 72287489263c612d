"""Values out of YAML as literals that compare in the type of their column."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from ducklake.api import Column, OptionError
from ducklake.api.sql import literal

Value = bool | int | float | str

_INEXACT = ("FLOAT", "DOUBLE")
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?(INT|INTEGER)|DECIMAL\(.*\)|FLOAT|DOUBLE")


def is_number(column: Column) -> bool:
    """Whether the column holds numbers.

    Args:
        column: A column of the table.
    """
    return _NUMBERS.fullmatch(column.type) is not None


def is_text(column: Column) -> bool:
    """Whether the column holds text.

    Args:
        column: A column of the table.
    """
    return column.type == "VARCHAR" or column.type.startswith("ENUM(")


def as_literal(value: Value, column: Column, *path: str | int) -> str:
    """A value as a literal to compare the column with; nothing is rounded on the way.

    Args:
        value: Out of YAML.
        column: The column that it is compared with.
        *path: Where the value stands in the check's options.

    Raises:
        OptionError: It cannot be a value of the column.
    """
    if is_text(column):
        if isinstance(value, bool):
            word = "true" if value else "false"
            raise OptionError(f"column {column.name!r} is text and {word} is none", *path, hint=f'put it in quotes: "{word}"')
        return literal(str(value))
    if is_number(column):
        number = _number(value, column, *path)
        return f"CAST({number} AS {column.type})" if column.type in _INEXACT or not number[-1].isdigit() else number
    if column.type == "BOOLEAN":
        if not isinstance(value, bool):
            raise OptionError(f"column {column.name!r} is BOOLEAN and {value!r} is neither true nor false", *path)
        return literal(value)
    if isinstance(value, bool | int | float):
        raise OptionError(
            f"column {column.name!r} is {column.type} and {value!r} is a number", *path, hint="cast the column, or quote the value"
        )
    # Midnight is what a date means beside a time of day; as a date the bound would lose its time.
    kind = "TIMESTAMP" if column.type == "DATE" and len(value.strip()) > len("2024-01-31") else column.type
    return f"CAST({literal(value)} AS {kind})"


def _number(value: Value, column: Column, *path: str | int) -> str:
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise OptionError(f"column {column.name!r} is {column.type} and {value!r} is no number", *path) from None
    return f"{number:f}" if number.is_finite() else f"CAST({literal(str(number))} AS DOUBLE)"
