"""What a column of PostgreSQL lands as: its type where every value of it fits or is refused by name, else the server's own text."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from ducklake_connector_postgresql.catalog import Column

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["plain", "hex"]
"""How the server writes the column: as its output function does, or bytes as hexadecimal digits."""

TYPED: dict[str, str] = {
    "bool": "bool",
    "int2": "int16",
    "int4": "int32",
    "int8": "int64",
    "oid": "uint32",
    "float4": "float32",
    "float8": "float64",
    "date": "date32",
    "timestamp": "timestamp[us]",
    "timestamptz": "timestamp[us, UTC]",
    "bytea": "binary",
}
"""Types that land as types of Arrow."""

TEXTS = frozenset({"text", "varchar", "bpchar", "name", "char"})
"""Types that are text, so that landing as text needs no remark."""

LARGEST = 38
"""Digits of a decimal that the lake holds."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is read.

    Attributes:
        column: As declared.
        type: What it lands as.
        form: How the server writes it.
        note: A remark, if it does not land as what it is declared.
    """

    column: Column
    type: pa.DataType
    form: Form = "plain"
    note: str | None = None

    def expression(self, reference: str) -> str:
        """What the server is asked for.

        Args:
            reference: The column in SQL.
        """
        return f"encode({reference}, 'hex')" if self.form == "hex" else reference


def plan_column(column: Column, *, as_text: bool = False) -> ColumnPlan:
    """How a column is read, by its declared type.

    Args:
        column: As the catalog has it.
        as_text: Whether a value was seen that its type cannot hold, and it is to be text.
    """
    import pyarrow as pa

    name = column.type.name
    if as_text:
        return ColumnPlan(
            column, pa.string(), note=f"column {column.name!r} ({column.declared}) lands as text: a value does not fit its type"
        )
    if column.type.kind == "b":
        if name == "numeric" and (target := decimal_type(column.type.modifier)) is not None:
            return ColumnPlan(column, target)
        if name == "bytea":
            return ColumnPlan(column, pa.binary(), "hex")
        if name in TYPED:
            return ColumnPlan(column, arrow_type(name))
        if name in TEXTS or name.endswith(".citext"):
            return ColumnPlan(column, pa.string())
    if column.type.kind == "e":
        return ColumnPlan(column, pa.string())
    return ColumnPlan(column, pa.string(), note=f"column {column.name!r} ({column.declared}) lands as text")


def key_type(column: Column) -> pa.DataType:
    """The type by whose order a key column is followed, whatever it lands as: its values are those of the declared type.

    Args:
        column: As the catalog has it.
    """
    import pyarrow as pa

    return pa.decimal128(LARGEST, 0) if column.type.name == "numeric" and column.type.kind == "b" else plan_column(column).type


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a name in `TYPED`.

    Args:
        name: PostgreSQL's name of the type.
    """
    import pyarrow as pa

    match TYPED[name]:
        case "timestamp[us]":
            return pa.timestamp("us")
        case "timestamp[us, UTC]":
            return pa.timestamp("us", "UTC")
        case word:
            return pa.type_for_alias(word)


def decimal_type(modifier: int) -> pa.DataType | None:
    """The decimal that a numeric with this modifier lands as; None for one without precision, or beyond 38 digits.

    A scale below zero or above the precision (PostgreSQL 15 and later) makes a decimal that holds the same values.

    Args:
        modifier: The catalog's `atttypmod`.
    """
    import pyarrow as pa

    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    if scale >= 1024:
        scale -= 2048
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return pa.decimal128(precision, scale) if precision <= LARGEST else None
