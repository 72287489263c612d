"""Values of every type that tables of a lake have, for the conformance suites."""

from __future__ import annotations

from collections.abc import Mapping

VALUES: Mapping[str, str] = {
    "BOOLEAN": "true",
    "TINYINT": "-128",
    "SMALLINT": "-32768",
    "INTEGER": "-2147483648",
    "BIGINT": "-9223372036854775808",
    "UTINYINT": "255",
    "USMALLINT": "65535",
    "UINTEGER": "4294967295",
    "UBIGINT": "18446744073709551615",
    "FLOAT": "1.5",
    "DOUBLE": "'NaN'",
    "DECIMAL(4,1)": "-999.9",
    "DECIMAL(38,10)": "'9999999999999999999999999999.9999999999'",
    "VARCHAR": "'ñandú ''quoted'' \"double\" 🦆'",
    "BLOB": "'\\x00\\xFF'",
    "DATE": "'9999-12-31'",
    "TIME": "'23:59:59.999999'",
    "TIMESTAMP": "'1969-12-31 23:59:59.999999'",
    "TIMESTAMP_NS": "'2026-01-01 00:00:00.123456789'",
    "TIMESTAMP WITH TIME ZONE": "'2026-03-29 01:30:00.5+02'",
    "UUID": "'00000000-0000-0000-0000-000000000001'",
    "INTEGER[]": "[1, NULL, 3]",
    'STRUCT(a INTEGER, "b c" VARCHAR)': "{'a': 1, 'b c': NULL}",
    "MAP(VARCHAR, INTEGER)": "MAP {'k': 1}",
}
"""A type in DuckDB's words, and a value at its border."""


def every_type(prefix: str = "v") -> str:
    """A SELECT of two rows, values and NULLs, with a column `PREFIX_N` a type.

    Args:
        prefix: Of the columns' names.
    """
    values = ", ".join(f"CAST({value} AS {kind}) AS {prefix}_{at}" for at, (kind, value) in enumerate(VALUES.items()))
    nulls = ", ".join(f"CAST(NULL AS {kind})" for kind in VALUES)
    return f"SELECT {values} UNION ALL SELECT {nulls}"
