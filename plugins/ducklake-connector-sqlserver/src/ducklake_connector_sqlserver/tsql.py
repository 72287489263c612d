"""Names and values in Transact-SQL: nothing else ever stands between quotes."""

from __future__ import annotations


def identifier(name: str) -> str:
    """A name in brackets.

    Args:
        name: Of a column, table, schema or login.
    """
    return "[" + name.replace("]", "]]") + "]"


def text(value: str) -> str:
    """A Unicode text.

    Args:
        value: Any text.
    """
    return "N'" + value.replace("'", "''") + "'"


def rowversion(number: int) -> str:
    """Eight bytes, the highest first, by which row versions are ordered.

    Args:
        number: From 0 to 2^64 - 1.
    """
    return f"0x{number:016X}"
