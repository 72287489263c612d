"""A checksum of each column that the server and DuckDB compute alike: the sum of a hash of each value, NULLs counted apart.

The sum does not depend on the order of the rows. Floats, of which both write the shortest text each in its own way, are compared by
their number, the lowest and the highest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake_connector_mysql.plans import ColumnPlan


def checksums(plans: Sequence[ColumnPlan]) -> dict[str, tuple[str, str]]:
    """What to ask the server and DuckDB, by a word for messages.

    Args:
        plans: The columns, in the order of the schema.
    """
    found: dict[str, tuple[str, str]] = {}
    for at, plan in enumerate(plans):
        if str(plan.type) == "double":
            found |= {
                plan.name: (f"COUNT({plan.expression})", f"count(c{at})"),
                f"{plan.name} (lowest)": (f"MIN({plan.expression})", f"min(c{at})"),
                f"{plan.name} (highest)": (f"MAX({plan.expression})", f"max(c{at})"),
            }
            continue
        server, lake = _texts(plan, f"c{at}")
        hashed = f"CAST(CONV(LEFT(MD5({server}),8),16,10) AS UNSIGNED)"
        found[plan.name] = (
            f"CONCAT(COUNT({plan.expression}),':',COALESCE(SUM({hashed}),0))",
            f"CAST(count(c{at}) AS VARCHAR) || ':' || CAST(coalesce(sum(CAST('0x' || substr(md5({lake}), 1, 8) AS BIGINT)), 0) AS VARCHAR)",
        )
    return found


def _texts(plan: ColumnPlan, lake: str) -> tuple[str, str]:
    """One value as text, in the server's SQL and in DuckDB's."""
    import pyarrow as pa

    types, server = pa.types, plan.expression
    if types.is_timestamp(plan.type):
        return f"DATE_FORMAT({server},'%Y-%m-%d %H:%i:%s.%f')", f"strftime(make_timestamp(epoch_us({lake})), '%Y-%m-%d %H:%M:%S.%f')"
    if types.is_binary(plan.type):
        return f"HEX({server})", f"hex({lake})"
    if types.is_boolean(plan.type):
        return server, f"CAST(CAST({lake} AS INTEGER) AS VARCHAR)"
    if types.is_decimal(plan.type):
        # DuckDB writes .5 where there is no place before the point.
        return server, f"regexp_replace(CAST({lake} AS VARCHAR), '^(-?)[.]', '\\10.')"
    return server, f"CAST({lake} AS VARCHAR)"
