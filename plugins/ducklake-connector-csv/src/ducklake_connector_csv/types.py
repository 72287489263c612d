"""Types that a column may be declared as, and the SQL that says whether a text fits one exactly.

DuckDB's own casts change values without a word: `'1.5'::BIGINT` is 2, `'1.239'::DECIMAL(12,2)` is 1.24,
`'2024-01-01 10:00'::DATE` loses the time, `'...+02'::TIMESTAMP` loses the offset, `'1e400'::DOUBLE` is infinity.
So a cast counts only for text of a form that says the same as the value.
"""

from __future__ import annotations

import re

from ducklake.api.sql import literal

_ALIASES = {
    "BOOL": "BOOLEAN",
    "INT": "INTEGER",
    "LONG": "BIGINT",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
}
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_PLAIN = ("BOOLEAN", *_INTEGERS, "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "UUID", "VARCHAR")

_DAY = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
_NUMBER = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_SCIENTIFIC = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]([+-]?[0-9]{1,4})\s*"
_NO_NUMBER = r"\s*(nan|[+-]?inf(inity)?)\s*"
_ZONE = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"


def canonical_type(text: str) -> str:
    """A type as DuckDB prints it.

    Args:
        text: As it stands in the configuration, for example `decimal(12, 2)` or `string`.

    Raises:
        ValueError: It is none of the types that text can be read as.
    """
    word = re.sub(r"\s+", " ", text.strip()).upper()
    if match := re.fullmatch(r"(?:DECIMAL|NUMERIC) ?\( ?([0-9]{1,2}) ?(?:, ?([0-9]{1,2}) ?)?\)", word):
        precision, scale = int(match[1]), int(match[2] or 0)
        if not 1 <= precision <= 38 or scale > precision:
            raise ValueError(f"{text!r}: DECIMAL has 1 to 38 digits, of which at most all follow the point")
        return f"DECIMAL({precision},{scale})"
    word = _ALIASES.get(word, word)
    if word == "DECIMAL":
        raise ValueError(f"{text!r} needs its digits, for example DECIMAL(12,2)")
    if word not in _PLAIN:
        from ducklake.errors import did_you_mean

        raise ValueError(f"unknown type {text!r}; {did_you_mean(word, [*_PLAIN, 'DECIMAL(12,2)'], 'types')}")
    return word


def fits(text: str, kind: str) -> str:
    """A condition on text that is not NULL: the value of this type says exactly what the text says.

    Args:
        text: An SQL expression of type VARCHAR.
        kind: Out of `canonical_type`.
    """
    if kind == "VARCHAR":
        return "TRUE"
    cast = f"TRY_CAST({text} AS {kind})"
    if kind in ("FLOAT", "DOUBLE"):
        number = f"regexp_full_match({text}, {literal(_NUMBER)}) AND isfinite({cast})"
        kept = f"{_digits(text)} = {_digits(f'CAST({cast} AS VARCHAR)')}"
        return f"({number} AND {kept} OR regexp_full_match({text}, {literal(_NO_NUMBER)}, 'i'))"
    shape = _shape(kind)
    if shape is None:
        return f"{cast} IS NOT NULL"
    formed = f"regexp_full_match({text}, {literal(shape)})"
    if match := re.fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", kind):
        formed = f"({formed} OR {_scientific(text, cast, int(match[1]))})"
    return f"({cast} IS NOT NULL AND {formed})"


def _scientific(text: str, cast: str, scale: int) -> str:
    """A condition on text: it has an exponent, and no digit but zero stands further behind the point than `scale`.

    DuckDB makes 0.0 of `'0.0000520e7'::DECIMAL(2,1)`, so the size of the value is looked at as well.
    """
    near = f"abs(CAST({cast} AS DOUBLE) - CAST({text} AS DOUBLE)) <= 1e-9 * abs(CAST({text} AS DOUBLE))"
    mantissa = f"regexp_extract({text}, {literal(_SCIENTIFIC)}, 1)"
    exponent = f"CAST(regexp_extract({text}, {literal(_SCIENTIFIC)}, 2) AS INTEGER)"
    behind = f"length(regexp_extract({mantissa}, '[.]([0-9]*)', 1))"
    digits = f"regexp_replace({mantissa}, '[^0-9]', '', 'g')"
    zeros = f"(length({digits}) - length(rtrim({digits}, '0')))"
    exact = f"{behind} - {exponent} - {zeros} <= {scale} OR ltrim({digits}, '0') = ''"
    return f"CASE WHEN regexp_full_match({text}, {literal(_SCIENTIFIC)}) THEN ({exact}) AND {near} ELSE false END"


def _shape(kind: str) -> str | None:
    """The form that text must have for the cast to keep all of it."""
    if kind in _INTEGERS:
        return r"\s*[+-]?[0-9]+(\.0*)?\s*"
    if match := re.fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", kind):
        scale = match[1]
        return rf"\s*[+-]?([0-9]+(\.[0-9]{{0,{scale}}}0*)?|\.[0-9]{{0,{scale}}}0*)\s*"
    return {
        "DATE": rf"\s*{_DAY}([ T]00:00(:00(\.0*)?)?)?\s*",
        "TIME": rf"\s*{_CLOCK}\s*",
        "TIMESTAMP": rf"\s*{_DAY}([ T]{_CLOCK})?\s*",
        "TIMESTAMPTZ": rf"\s*{_DAY}[ T]{_CLOCK}{_ZONE}\s*",
    }.get(kind)


def _digits(number: str) -> str:
    """The significant digits of a number's text: what a float either keeps or rounds."""
    mantissa = f"regexp_replace({number}, '[eE].*$', '')"
    return f"trim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0')"
