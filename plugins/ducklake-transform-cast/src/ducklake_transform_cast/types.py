"""Type words: DuckDB's, and those that people bring from elsewhere."""

from __future__ import annotations

import re

_WORDS = {
    "BIGINT": "int8 int64 long oid",
    "BLOB": "bytea binary varbinary bytes",
    "BOOLEAN": "bool logical",
    "DATE": "",
    "DOUBLE": "float8 float64",
    "FLOAT": "float4 float32 real",
    "HUGEINT": "int128",
    "INTEGER": "int int4 int32 integral signed",
    "SMALLINT": "int2 int16 short",
    "TIME": "",
    "TIMESTAMP": "datetime timestamp_us",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "TINYINT": "int1",
    "UBIGINT": "uint64",
    "UINTEGER": "uint32",
    "USMALLINT": "uint16",
    "UTINYINT": "uint8",
    "UUID": "guid",
    "VARCHAR": "char bpchar text string str nvarchar",
}
CANONICAL = {word: name for name, words in _WORDS.items() for word in (name.lower(), *words.split())} | {"double precision": "DOUBLE"}
"""A type word in lower case to the name that DuckDB prints."""

_DECIMAL = re.compile(r"(?:decimal|numeric|dec)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_VARCHAR = re.compile(r"(?:varchar|char|nvarchar|text|string)\s*\(\s*\d+\s*\)")


def spelled(text: str) -> str:
    """A type as it is put into SQL: a plain word or decimal in DuckDB's spelling, anything else as it was written.

    Args:
        text: For example `datetime`, `decimal(12, 2)` or `STRUCT(a INTEGER)[]`.

    Raises:
        ValueError: It cannot be a type, or is one whose digits have to be said.
    """
    folded = " ".join(text.split()).lower()
    if folded in ("decimal", "numeric", "dec"):
        raise ValueError(f"{text} needs its digits, for example DECIMAL(12,2): without them values would be rounded to 3 places")
    if folded in CANONICAL:
        return CANONICAL[folded]
    if found := _DECIMAL.fullmatch(folded):
        return f"DECIMAL({int(found[1])},{int(found[2] or 0)})"
    if _VARCHAR.fullmatch(folded):
        return "VARCHAR"
    if not folded or not _balanced(text) or any(mark in text for mark in (";", "--", "/*", "\0")):
        raise ValueError(f"{text!r} is no type")
    return text.strip()


def is_known(spelling: str) -> bool:
    """Whether a result of `spelled` is known to be DuckDB's own name of a type, so that nobody has to be asked.

    Args:
        spelling: A result of `spelled`.
    """
    if found := _DECIMAL.fullmatch(spelling.lower()):
        return int(found[2]) <= int(found[1]) and 1 <= int(found[1]) <= 38
    return spelling in _WORDS


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0
