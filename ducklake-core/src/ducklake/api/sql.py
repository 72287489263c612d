"""Writing SQL in DuckDB's dialect: the one place where names and values become text."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable


def quote(name: str) -> str:
    """An identifier, quoted.

    Args:
        name: Any text.

    Raises:
        ValueError: The name holds a zero byte, which DuckDB cannot read.
    """
    if "\0" in name:
        raise ValueError(f"the name {name!r} holds a zero byte")
    return '"' + name.replace('"', '""') + '"'


def quote_path(*parts: str) -> str:
    """A dotted identifier such as `"raw"."shop"."pedidos"`.

    Args:
        *parts: Its parts, unquoted.
    """
    return ".".join(quote(part) for part in parts)


def columns(names: Iterable[str]) -> str:
    """A comma-separated list of quoted identifiers.

    Args:
        names: The columns' names.
    """
    return ", ".join(quote(name) for name in names)


def literal(value: object) -> str:
    """A value as a literal.

    Args:
        value: None, bool, int, float, Decimal, text, bytes, date, time, datetime (aware ones are
            written in UTC), or a list or mapping of those.

    Raises:
        TypeError: No literal of that type can be written.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return f"CAST('{value!r}' AS DOUBLE)"
        case decimal.Decimal():
            return f"CAST('{value}' AS DOUBLE)" if not value.is_finite() else f"{value:f}"
        case str():
            if "\0" in value:
                return "(" + " || chr(0) || ".join(literal(part) for part in value.split("\0")) + ")"
            return "'" + value.replace("'", "''") + "'"
        case bytes():
            return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
        case dt.datetime():
            if value.tzinfo is not None:
                return f"CAST('{value.astimezone(dt.UTC).isoformat(sep=' ')}' AS TIMESTAMPTZ)"
            return f"CAST('{value.isoformat(sep=' ')}' AS TIMESTAMP)"
        case dt.date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case dt.time():
            return f"CAST('{value.isoformat()}' AS TIME)"
        case list() | tuple():
            return "[" + ", ".join(literal(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{literal(str(key))}: {literal(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"no SQL literal for a {type(value).__name__}")
