"""What of an increment is new: its rows minus those that raw holds already, counted, not merely compared."""

from __future__ import annotations

from ducklake.api.sql import literal, quote
from ducklake.api.tables import METADATA_COLUMNS, Schema
from ducklake.layers.scan import widest


def surplus(incoming: str, columns: Schema, landed: str, landed_columns: Schema, key: str, low: str | None) -> str:
    """A SELECT of the rows of an increment that raw does not hold as often.

    Only columns that both sides have are compared, each in the type that holds the values of both exactly, so that
    an added or widened column does not land rows twice. NULL equals NULL here.

    Args:
        incoming: A SELECT of the increment, metadata columns included.
        columns: Its columns.
        landed: A SELECT of what this epoch of the table holds.
        landed_columns: Its columns.
        key: The key column, as it lands.
        low: The lowest key of the increment as text; None compares with all that has landed.
    """
    metadata = {name.casefold() for name in METADATA_COLUMNS}
    both = [column for column in columns if column.name.casefold() not in metadata and landed_columns.get(column.name)]
    kinds = {column.name: widest(column.type, landed_columns.require(column.name).type) for column in both}
    new = ", ".join(f"CAST({quote(column.name)} AS {kinds[column.name]})" for column in both)
    old = ", ".join(
        f"CAST({quote(landed_columns.require(column.name).name)} AS {kinds[column.name]}) AS {quote(f'v{at}')}"
        for at, column in enumerate(both)
    )
    own = landed_columns.get(key)
    within = ""
    if low is not None and own is not None:
        within = f" WHERE {quote(own.name)} >= CAST({literal(low)} AS {own.type}) OR {quote(own.name)} IS NULL"
    same = " AND ".join(
        f"CAST(i.{quote(column.name)} AS {kinds[column.name]}) IS NOT DISTINCT FROM h.{quote(f'v{at}')}" for at, column in enumerate(both)
    )
    return f"""
        WITH held AS (
            SELECT {old}, count(*) AS held FROM (SELECT * FROM ({landed}){within}) GROUP BY ALL
        ), numbered AS (
            SELECT *, row_number() OVER (PARTITION BY {new}) AS __number FROM ({incoming})
        )
        SELECT i.* EXCLUDE (__number) FROM numbered i LEFT JOIN held h ON {same}
        WHERE h.held IS NULL OR i.__number > h.held
    """
