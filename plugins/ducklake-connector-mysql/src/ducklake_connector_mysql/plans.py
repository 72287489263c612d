"""How each type is asked for, how it travels, and what it lands as: exact, or the server's own text.

A row travels as one text that the server puts together (`wire` and `decode` say how), so that all of it is parsed in
columnar code. What may be long, and what is bytes, travels beside it as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.extraction import InvalidPolicy
    from ducklake_connector_mysql.declared import DeclaredColumn

UNICODE = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})
"""Character sets whose bytes are UTF-8 already."""

_TOTAL = frozenset({"latin1", "binary", "ucs2", "utf16", "utf16le", "utf32", "?"})
"""Character sets of which every stored character has a place in UTF-8, and the unknown one; of others the way back is checked."""

_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 32, "int": 32, "integer": 32, "bigint": 64}
_SHORT_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "enum", "set"})
_LONG_TEXTS = frozenset({"mediumtext", "longtext"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SPATIAL = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"}
)
DIGITS = 38


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is read.

    Attributes:
        name: The column's.
        declared: The server's words for its type.
        type: What it lands as.
        parsed: What its text is parsed as; None for what travels beside the row as it is.
        expression: What the server is asked for.
        octets: Bytes of its text at most.
        nulls: Whether it may be NULL.
        on_invalid: What becomes of a value that the type cannot hold.
        note: A remark, if it does not land as what it is declared.
    """

    name: str
    declared: str
    type: pa.DataType
    parsed: pa.DataType | None
    expression: str
    octets: int
    nulls: bool
    on_invalid: InvalidPolicy = "fail"
    note: str | None = None


def identifier(name: str) -> str:
    """A name in the server's quotes.

    Args:
        name: Of a column, table or database.
    """
    return "`" + name.replace("`", "``") + "`"


def escaped(text: str) -> str:
    """Part of a statement in which `%` is no parameter.

    Args:
        text: The part.
    """
    return text.replace("%", "%%")


def plan_column(
    column: DeclaredColumn,
    *,
    on_invalid: InvalidPolicy = "fail",
    as_text: bool = False,
    booleans: bool = False,
    certain: bool = True,
    name: Callable[[str], str] = identifier,
) -> ColumnPlan:
    """How a column is read, by its declared type.

    Args:
        column: As declared.
        on_invalid: What becomes of zero dates and the like.
        as_text: Whether a date or time is to land as text, since it holds such values.
        booleans: Whether `tinyint(1)` is a BOOLEAN.
        certain: Whether a column that is declared NOT NULL holds none; not so in views.
        name: Quotes a name.
    """
    import pyarrow as pa

    item = name(column.name)
    nulls = column.nullable or not certain

    def plan(
        kind: pa.DataType, expression: str = item, *, parsed: pa.DataType | None = None, octets: int = 32, note: str | None = None
    ) -> ColumnPlan:
        return ColumnPlan(column.name, column.declared, kind, parsed or kind, expression, octets, nulls, on_invalid, note)

    def text() -> ColumnPlan:
        note = f"column {column.name!r} ({column.declared}) lands as text"
        return plan(pa.string(), parsed=pa.binary(), octets=128, note=note)

    match column.kind:
        case "tinyint" if booleans and column.declared.startswith("tinyint(1)"):
            return plan(pa.bool_(), f"{item}+0", parsed=pa.int16())
        case kind if kind in _INTEGERS:
            return plan(_integer(_INTEGERS[kind], unsigned=column.unsigned), f"{item}+0" if column.zerofill else item)
        case "decimal" | "numeric":
            expression = f"{item}+0" if column.zerofill else item
            if column.precision is not None and column.precision <= DIGITS:
                return plan(pa.decimal128(column.precision, column.scale or 0), expression, octets=80)
            return dataclasses.replace(text(), expression=expression)
        case "float" | "double" | "real":
            # FLOAT comes rounded to six digits and FLOAT(M,D) to D, unless the server makes it a DOUBLE without digits first.
            return plan(pa.float64(), f"{item}+0e0", octets=400)
        case "bit":
            return plan(pa.uint64(), f"CAST({item} AS UNSIGNED)")
        case "year":
            return plan(pa.uint16(), f"{item}+0")
        case "date" | "datetime" | "timestamp" if as_text:
            return text()
        case "date":
            return plan(pa.date32(), parsed=pa.binary() if on_invalid == "null" else pa.date32())
        case "datetime" | "timestamp":
            target = pa.timestamp("us", "UTC") if column.kind == "timestamp" else pa.timestamp("us")
            return plan(target, parsed=pa.binary() if on_invalid == "null" else pa.timestamp("us"))
        case "time":
            return text()
        case kind if kind in _SHORT_TEXTS:
            return plan(pa.string(), _bytes_of(item, column.charset), parsed=pa.binary(), octets=_octets(column))
        case kind if kind in _LONG_TEXTS:
            return dataclasses.replace(plan(pa.string(), _unicode(item, column.charset), octets=_octets(column)), parsed=None)
        case "json":
            note = f"column {column.name!r} ({column.declared}) lands as text"
            return dataclasses.replace(plan(pa.string(), f"CONVERT({item} USING utf8mb4)", octets=2**32, note=note), parsed=None)
        case kind if kind in _BYTES:
            return dataclasses.replace(plan(pa.binary(), octets=_octets(column)), parsed=None)
        case kind if kind in _SPATIAL or kind == "vector":
            note = f"column {column.name!r} ({column.declared}) lands as bytes" + (": its SRID, then WKB" if kind in _SPATIAL else "")
            return dataclasses.replace(plan(pa.binary(), octets=2**32, note=note), parsed=None)
    # A type of the server's own: the text that it gives itself, however long.
    note = f"column {column.name!r} ({column.declared}) lands as text"
    return dataclasses.replace(plan(pa.string(), f"CAST({item} AS CHAR CHARACTER SET utf8mb4)", octets=2**32, note=note), parsed=None)


def travelling(place: str, plans: Sequence[ColumnPlan], limit: int) -> tuple[ColumnPlan, ...]:
    """Let columns travel beside the row until what the server puts together is sure to fit into a packet.

    Args:
        place: `source.table`, for messages.
        plans: The columns.
        limit: Bytes of the longest text that the server puts together.

    Raises:
        DataError: A row does not fit at all.
    """
    settled = list(plans)
    inside = [at for at, plan in enumerate(plans) if plan.parsed is not None]
    total = sum(plans[at].octets + 1 for at in inside) + 2
    for at in sorted(inside, key=lambda at: plans[at].octets, reverse=True):
        if total <= limit:
            break
        if str(plans[at].type) == "string":
            settled[at] = dataclasses.replace(plans[at], parsed=None)
            total -= plans[at].octets + 1
    if total > limit:
        hint = "let the server's max_allowed_packet be larger, or read fewer columns"
        raise DataError(f"{place}: a row may have {total} bytes, and max_allowed_packet is {limit}", hint=hint)
    return tuple(settled)


def _integer(width: int, *, unsigned: bool) -> pa.DataType:
    import pyarrow as pa

    signed = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
    return {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}[width] if unsigned else signed[width]


def _octets(column: DeclaredColumn) -> int:
    """Bytes of a text in UTF-8, where a byte of another character set may become three."""
    octets = column.octets if column.octets is not None else 2**32
    return octets if column.charset is None or column.charset in UNICODE else octets * 3


def _unicode(item: str, charset: str | None) -> str:
    """A text in UTF-8; 0xFC, which is none, for one that the server would change on the way."""
    if charset is None or charset in UNICODE:
        return item
    unicode = f"CONVERT({item} USING utf8mb4)"
    if charset in _TOTAL:
        return unicode
    same = f"CAST(CONVERT({unicode} USING {charset}) AS BINARY)=CAST({item} AS BINARY)"
    return f"IF({same} OR {item} IS NULL,CAST({unicode} AS BINARY),x'FC')"


def _bytes_of(item: str, charset: str | None) -> str:
    return f"CAST({_unicode(item, charset)} AS BINARY)"
