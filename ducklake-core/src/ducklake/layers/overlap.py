"""What of an increment is new: its rows minus those that raw holds already, counted, not merely compared."""

from __future__ import annotations

from collections.abc import Iterable

from ducklake.api.sql import literal, quote
from ducklake.api.tables import METADATA_COLUMNS, Schema
from ducklake.layers.scan import widest


def surplus(incoming: str, columns: Schema, landed: Iterable[tuple[str, Schema]], key: str, low: str | None) -> str:
    """A SELECT of the rows of an increment that raw does not hold as often.

    What has landed is taken off version by version of the schema, the newest first: only columns that both sides have
    are compared, each in a form that is the same for the same value in both types, so that an added or retyped column
    does not land rows twice. NULL equals NULL here.

    Args:
        incoming: A SELECT of the increment, metadata columns included.
        columns: Its columns.
        landed: For each version of the schema in this epoch, the newest first: a SELECT of the rows that landed with it, and its columns.
        key: The key column, as it lands.
        low: The lowest key of the increment as text; None compares with all that has landed.
    """
    parts = [f"left_0 AS ({incoming})"]
    number = 0
    for number, (select, schema) in enumerate(landed, 1):
        parts += _taken_off(number, columns, select, schema, key, low)
    return f"WITH {', '.join(parts)} SELECT * FROM left_{number}"


def _taken_off(number: int, columns: Schema, landed: str, schema: Schema, key: str, low: str | None) -> list[str]:
    """Common table expressions that end with `left_{number}`: `left_{number - 1}` without what landed with one version."""
    metadata = {name.casefold() for name in METADATA_COLUMNS}
    both = [column for column in columns if column.name.casefold() not in metadata and schema.get(column.name)]
    values = [(column, schema.require(column.name)) for column in both]
    new = ", ".join(_comparable(quote(column.name), column.type, other.type) for column, other in values)
    old = ", ".join(
        f"{_comparable(quote(other.name), other.type, column.type)} AS {quote(f'v{at}')}" for at, (column, other) in enumerate(values)
    )
    same = " AND ".join(
        f"{_comparable(f'i.{quote(column.name)}', column.type, other.type)} IS NOT DISTINCT FROM h.{quote(f'v{at}')}"
        for at, (column, other) in enumerate(values)
    )
    own, within = schema.get(key), ""
    if low is not None and own is not None:
        within = f" WHERE {quote(own.name)} >= CAST({literal(low)} AS {own.type}) OR {quote(own.name)} IS NULL"
    return [
        f"held_{number} AS (SELECT {old}, count(*) AS held FROM (SELECT * FROM ({landed}){within}) GROUP BY ALL)",
        f"numbered_{number} AS (SELECT *, row_number() OVER (PARTITION BY {new}) AS __number FROM left_{number - 1})",
        f"""
        left_{number} AS (
            SELECT i.* EXCLUDE (__number) FROM numbered_{number} i LEFT JOIN held_{number} h ON {same}
            WHERE h.held IS NULL OR i.__number > h.held
        )
        """,
    ]


def _comparable(value: str, one: str, other: str) -> str:
    """A value of one type in a form in which it equals the same value of the other."""
    kind = widest(one, other)
    if kind != "VARCHAR" or one == other:
        return f"CAST({value} AS {kind})"
    if {one, other} == {"DATE", "TIMESTAMP"}:
        return f"CAST({value} AS TIMESTAMP)"
    if one == "BOOLEAN" and other in _WHOLE:
        return f"CAST(CAST({value} AS TINYINT) AS VARCHAR)"
    # 1.50, 1.5 and '1.50' are one number here: what was retyped at the source has not changed by that.
    fraction = f"regexp_replace(CAST({value} AS VARCHAR), '^(-?[0-9]+\\.[0-9]*?)0+$', '\\1')"
    return f"regexp_replace({fraction}, '\\.$', '')"


_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT")
