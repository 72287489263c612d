"""What a column of a database lands as: its type where every value of it fits, else the server's own text.

Checked on SQLite, PostgreSQL and MariaDB. Elsewhere nothing is cast by the server, since such casts cut (a DATETIME
of SQL Server loses its seconds, VARCHAR(n) what is longer), and an object of another kind is refused. Drivers are
trusted only where they cannot have lost anything; dates come as the server's text and are parsed here, since drivers
turn `0000-00-00` into NULL.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from ducklake_connector_sql import convert
from ducklake_connector_sql.batches import Convert

if TYPE_CHECKING:
    import pyarrow as pa

Projection = Literal["", "text", "double", "unsigned"]
"""What the server is asked for: the column itself, its text, or a number that the driver does not spoil."""

_SERVER_TEXT = frozenset({"postgresql", "mysql", "mariadb"})
"""Databases whose CAST to text was seen to lose nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReflectedColumn:
    """A column as SQLAlchemy found it.

    Attributes:
        name: Its name.
        type: SQLAlchemy's type object.
        declared: The type in the database's words.
    """

    name: str
    type: Any
    declared: str


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is read.

    Attributes:
        type: What it lands as.
        convert: From the driver's values to that.
        projection: What the server is asked for.
        note: A remark, if it does not land as what it is declared.
    """

    type: pa.DataType
    convert: Convert
    projection: Projection = ""
    note: str | None = None


def plan_column(column: ReflectedColumn, dialect: str) -> ColumnPlan:
    """How a column is read, by its declared type.

    Args:
        column: As reflected.
        dialect: SQLAlchemy's name of the database.
    """
    from sqlalchemy import types as sa

    kind, word = column.type, type(column.type).__name__.upper()
    if isinstance(kind, sa.Uuid) or word in ("BIT", "YEAR", "INTERVAL", "MONEY", "OID", "TIME"):
        return _odd(column, dialect, word)
    if isinstance(kind, sa.Boolean):
        import pyarrow as pa

        return ColumnPlan(pa.bool_(), convert.flags())
    if isinstance(kind, sa.Integer):
        target = _integer(kind, word, dialect)
        return ColumnPlan(target, convert.strict(target, int))
    if isinstance(kind, sa.Float):
        return _float(word, dialect)
    if isinstance(kind, sa.Numeric):
        return _numeric(column, dialect)
    if isinstance(kind, sa.DateTime):
        return _timestamp(column, dialect, word)
    if isinstance(kind, sa.Date):
        return _date(dialect)
    if isinstance(kind, sa.LargeBinary | sa.BINARY | sa.VARBINARY):
        import pyarrow as pa

        return ColumnPlan(pa.binary(), convert.binary())
    if isinstance(kind, sa.String) and word not in ("SET",):
        return _text()
    return _odd(column, dialect, word)


def _integer(kind: Any, word: str, dialect: str) -> pa.DataType:
    import pyarrow as pa

    if dialect == "sqlite":
        return pa.int64()
    signed, unsigned = {
        "TINYINT": (pa.int8(), pa.uint8()),
        "SMALLINT": (pa.int16(), pa.uint16()),
        "MEDIUMINT": (pa.int32(), pa.uint32()),
        "INTEGER": (pa.int32(), pa.uint32()),
    }.get(word, (pa.int64(), pa.uint64()))
    if dialect not in _SERVER_TEXT:
        return pa.int64()
    return unsigned if getattr(kind, "unsigned", False) else signed


def _float(word: str, dialect: str) -> ColumnPlan:
    import pyarrow as pa

    if dialect == "postgresql" and word == "REAL":
        return ColumnPlan(pa.float32(), convert.float32())
    if dialect in ("mysql", "mariadb"):
        # FLOAT comes rounded to six digits, unless the server makes it a DOUBLE first.
        return ColumnPlan(pa.float64(), convert.strict(pa.float64(), float), "double")
    return ColumnPlan(pa.float64(), convert.strict(pa.float64(), float, int))


def _numeric(column: ReflectedColumn, dialect: str) -> ColumnPlan:
    import pyarrow as pa

    precision, scale = column.type.precision, column.type.scale or 0
    if precision is not None and 1 <= precision <= 38 and 0 <= scale <= precision:
        target = pa.decimal128(precision, scale)
        return ColumnPlan(target, convert.decimals(target))
    return _as_text(column, dialect)


def _date(dialect: str) -> ColumnPlan:
    import datetime as dt

    import pyarrow as pa

    if dialect in _SERVER_TEXT:
        return ColumnPlan(pa.date32(), convert.parsed(pa.date32()), "text")
    if dialect == "sqlite":
        return ColumnPlan(pa.date32(), convert.parsed(pa.date32()))
    return ColumnPlan(pa.date32(), convert.strict(pa.date32(), dt.date))


def _timestamp(column: ReflectedColumn, dialect: str, word: str) -> ColumnPlan:
    import pyarrow as pa

    if dialect == "sqlite":
        return ColumnPlan(pa.timestamp("us"), convert.parsed(pa.timestamp("us")))
    if dialect == "postgresql":
        target = pa.timestamp("us", "UTC") if column.type.timezone else pa.timestamp("us")
        return ColumnPlan(target, convert.parsed(target), "text")
    if dialect in ("mysql", "mariadb"):
        naive = convert.parsed(pa.timestamp("us"))
        if word != "TIMESTAMP":
            return ColumnPlan(pa.timestamp("us"), naive, "text")
        target = pa.timestamp("us", "UTC")
        return ColumnPlan(target, lambda values: naive(values).cast(target), "text")  # the session's zone is UTC
    target = pa.timestamp("us", "UTC") if column.type.timezone else pa.timestamp("us")
    note = f"column {column.name!r} ({column.declared}): its driver was not checked, it may cut fractions of seconds to microseconds"
    return ColumnPlan(target, convert.moments(target), note=note)


def _odd(column: ReflectedColumn, dialect: str, word: str) -> ColumnPlan:
    import pyarrow as pa

    if dialect in ("mysql", "mariadb"):
        if word in ("BIT", "YEAR"):
            return ColumnPlan(pa.uint64(), convert.strict(pa.uint64(), int), "unsigned")
        if word in ("GEOMETRY", "NULLTYPE"):
            return ColumnPlan(pa.binary(), convert.binary(), note=f"column {column.name!r} ({column.declared}) lands as bytes")
    return _as_text(column, dialect)


def _as_text(column: ReflectedColumn, dialect: str) -> ColumnPlan:
    import pyarrow as pa

    note = f"column {column.name!r} ({column.declared}) lands as text"
    if dialect in _SERVER_TEXT:
        return ColumnPlan(pa.string(), convert.strict(pa.string(), str), "text", note)
    return ColumnPlan(pa.string(), convert.text_of_anything(), note=note)


def _text() -> ColumnPlan:
    import pyarrow as pa

    return ColumnPlan(pa.string(), convert.strict(pa.string(), str))
