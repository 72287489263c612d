"""A checksum of each column that PostgreSQL and DuckDB compute alike: the sum of a hash of each value, NULLs counted apart.

The sum does not depend on the order of the rows. Each value is hashed in a form that both sides write alike: numbers of
days and microseconds for dates and times, the server's text for whatever lands as text, and of floats their shortest
text in PostgreSQL's spelling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake_connector_postgresql.types import ColumnPlan


@dataclasses.dataclass(frozen=True, slots=True)
class Checksum:
    """One column's checksum on both sides.

    Attributes:
        name: The column's name.
        server: An expression of PostgreSQL.
        lake: An expression of DuckDB over `c0`, `c1`, ...
    """

    name: str
    server: str
    lake: str


def checksums(plans: Sequence[ColumnPlan], references: Sequence[str]) -> list[Checksum]:
    """The checksums of all columns.

    Args:
        plans: The columns.
        references: Each of them in the server's SQL.
    """
    return [_checksum(plan, reference, f"c{at}") for at, (plan, reference) in enumerate(zip(plans, references, strict=True))]


def _checksum(plan: ColumnPlan, server: str, lake: str) -> Checksum:
    import pyarrow as pa

    types, target = pa.types, plan.type
    if types.is_floating(target):
        pair = f"({server}::float8)::text", _spelled(f"CAST({lake} AS DOUBLE)")
    elif types.is_boolean(target):
        pair = f"{server}::int::text", f"CAST(CAST({lake} AS INTEGER) AS VARCHAR)"
    elif types.is_date(target):
        pair = f"({server} - DATE '1970-01-01')::text", f"CAST({lake} - DATE '1970-01-01' AS VARCHAR)"
    elif types.is_timestamp(target):
        pair = f"trunc(extract(epoch FROM {server})::numeric * 1000000)::text", f"CAST(epoch_us({lake}) AS VARCHAR)"
    elif types.is_binary(target):
        pair = f"encode({server}, 'hex')", f"lower(hex({lake}))"
    elif types.is_string(target):
        pair = f"format('%s', {server})", lake
    elif types.is_decimal(target):
        # DuckDB writes .5 where there is no place before the point.
        shown = f"regexp_replace(CAST({lake} AS VARCHAR), '^(-?)[.]', '\\10.')"
        pair = f"({server})::numeric({target.precision + 1},{target.scale})::text", shown
    else:
        pair = f"{server}::text", f"CAST({lake} AS VARCHAR)"
    return Checksum(
        plan.column.name,
        _server_sum(f"('x' || substr(md5({pair[0]}), 1, 8))::bit(32)::bigint", server),
        _lake_sum(f"CAST('0x' || substr(md5({pair[1]}), 1, 8) AS BIGINT)", lake),
    )


def _spelled(value: str) -> str:
    """A float of DuckDB as PostgreSQL writes it: without `.0`, and with an exponent from 1e15 on instead of from 1e16 on."""
    digits = f"rtrim(replace(CAST(abs({value}) AS VARCHAR), '.', ''), '0')"
    exponent = f"substr({digits}, 1, 1) || CASE WHEN length({digits}) > 1 THEN '.' ELSE '' END || substr({digits}, 2) || 'e+15'"
    return f"""
    CASE WHEN isnan({value}) THEN 'NaN'
         WHEN isinf({value}) THEN CASE WHEN {value} > 0 THEN 'Infinity' ELSE '-Infinity' END
         WHEN abs({value}) >= 1e15 AND abs({value}) < 1e16 THEN CASE WHEN {value} < 0 THEN '-' ELSE '' END || {exponent}
         ELSE regexp_replace(CAST({value} AS VARCHAR), '\\.0$', '') END"""


def _server_sum(value: str, column: str) -> str:
    return f"count({column})::text || ':' || coalesce(sum({value}) FILTER (WHERE {column} IS DISTINCT FROM NULL), 0)::text"


def _lake_sum(value: str, column: str) -> str:
    return f"CAST(count({column}) AS VARCHAR) || ':' || CAST(coalesce(sum({value}), 0) AS VARCHAR)"
