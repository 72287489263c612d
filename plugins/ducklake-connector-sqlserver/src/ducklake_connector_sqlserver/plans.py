"""How each type is asked for, how it travels, and what it lands as: exact, or text that the server writes without a loss.

The default text of several types is shorter than their value (money loses two digits, float ten, datetime its seconds), so every
conversion names a style that keeps all of it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from ducklake_connector_sqlserver.declared import DeclaredColumn
from ducklake_connector_sqlserver.odbc import Wire
from ducklake_connector_sqlserver.tsql import identifier

if TYPE_CHECKING:
    import pyarrow as pa

Settle = Literal["", "parse", "time", "utc", "unsigned"]
"""What is left to do once the driver has handed a column over: nothing, parse its text, mark it as UTC, read the bits without a sign."""

TENTHS = 7
"""The scale of times that count tenths of a microsecond, for which no type of the lake has room."""

_VARIANT = """CASE CAST(SQL_VARIANT_PROPERTY({0}, 'BaseType') AS sysname)
 WHEN N'float' THEN CONVERT(nvarchar(max), CAST({0} AS float), 3)
 WHEN N'real' THEN CONVERT(nvarchar(max), CAST({0} AS real), 3)
 WHEN N'money' THEN CONVERT(nvarchar(max), CAST({0} AS money), 2)
 WHEN N'smallmoney' THEN CONVERT(nvarchar(max), CAST({0} AS smallmoney), 2)
 WHEN N'date' THEN CONVERT(nvarchar(max), CAST({0} AS date), 23)
 WHEN N'datetime' THEN CONVERT(nvarchar(max), CAST({0} AS datetime), 121)
 WHEN N'smalldatetime' THEN CONVERT(nvarchar(max), CAST({0} AS smalldatetime), 120)
 WHEN N'datetime2' THEN CONVERT(nvarchar(max), CAST({0} AS datetime2(7)), 121)
 WHEN N'datetimeoffset' THEN CONVERT(nvarchar(max), CAST({0} AS datetimeoffset(7)), 121)
 WHEN N'time' THEN CONVERT(nvarchar(max), CAST({0} AS time(7)), 121)
 WHEN N'binary' THEN CONVERT(nvarchar(max), CAST({0} AS varbinary(8000)), 1)
 WHEN N'varbinary' THEN CONVERT(nvarchar(max), CAST({0} AS varbinary(8000)), 1)
 WHEN N'char' THEN CAST(CAST({0} AS varchar(8000)) AS nvarchar(max))
 WHEN N'varchar' THEN CAST(CAST({0} AS varchar(8000)) AS nvarchar(max))
 ELSE CAST(CAST({0} AS nvarchar(4000)) AS nvarchar(max)) END"""
_VARIANT_UNITS = 16_002
"""8,000 bytes as hexadecimal digits behind 0x."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is read.

    Attributes:
        column: As declared.
        expression: What the server is asked for.
        wire: How the driver hands it over; where its longest value is -1, it has no bound and has to be measured.
        type: What it lands as.
        settle: From the one to the other.
        note: A remark, if it does not land as what it is declared.
    """

    column: DeclaredColumn
    expression: str
    wire: Wire
    type: pa.DataType
    settle: Settle = ""
    note: str | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def unbounded(self) -> bool:
        """Whether its values have to be measured before they are read."""
        return self.wire.longest == -1


def plan_column(column: DeclaredColumn, *, as_text: bool = False, datetime2: str = "text", datetimeoffset: str = "text") -> ColumnPlan:
    """How a column is read, by its declared type.

    Args:
        column: As declared.
        as_text: Whether a value was seen that its type cannot hold, and it is to be text.
        datetime2: What `datetime2(7)` lands as, see `SqlServerOptions`.
        datetimeoffset: What `datetimeoffset` lands as, see `SqlServerOptions`.
    """
    import pyarrow as pa

    item, kind = identifier(column.name), column.kind

    def plain(kind: pa.DataType, expression: str = item) -> ColumnPlan:
        return ColumnPlan(column, expression, Wire(kind), kind)

    def text(expression: str, units: int, note: str | None = None) -> ColumnPlan:
        return ColumnPlan(column, expression, Wire(pa.string(), units), pa.string(), note=note)

    def octets(expression: str, longest: int, note: str | None = None) -> ColumnPlan:
        return ColumnPlan(column, expression, Wire(pa.binary(), longest), pa.binary(), note=note)

    lands = f"column {column.name!r} ({column.declared}) lands as"
    match kind:
        case "bit":
            return plain(pa.bool_())
        case "tinyint":
            return plain(pa.uint8())
        case "smallint":
            return plain(pa.int16())
        case "int":
            return plain(pa.int32())
        case "bigint":
            return plain(pa.int64())
        case "decimal" | "numeric" if column.precision == column.scale:
            # The library that reads leaves no room for the zero before the point.
            target = pa.decimal128(column.precision, column.scale)
            return ColumnPlan(column, f"CONVERT(varchar(48), {item})", Wire(pa.string(), 48), target, "parse")
        case "decimal" | "numeric":
            return plain(pa.decimal128(column.precision, column.scale))
        case "money":
            return plain(pa.decimal128(19, 4), f"CAST({item} AS decimal(19, 4))")
        case "smallmoney":
            return plain(pa.decimal128(10, 4), f"CAST({item} AS decimal(10, 4))")
        case "real":
            return plain(pa.float32())
        case "float":
            return plain(pa.float64())
        case "date":
            return plain(pa.date32())
        case "datetime" | "smalldatetime":
            return plain(pa.timestamp("us"))
        case "datetime2" if column.scale < TENTHS:
            return plain(pa.timestamp("us"))
        case "datetime2":
            return _fine(column, f"CONVERT(varchar(27), {item}, 121)", pa.timestamp("us"), typed=datetime2 == "timestamp" and not as_text)
        case "time" if column.scale < TENTHS:
            return ColumnPlan(column, f"CONVERT(varchar(16), {item}, 121)", Wire(pa.string(), 16), pa.time64("us"), "time")
        case "time":
            return text(f"CONVERT(varchar(16), {item}, 121)", 16, f"{lands} text")
        case "datetimeoffset":
            return _offset(column, typed=datetimeoffset == "timestamp" and not as_text)
        case "uniqueidentifier":
            return text(f"CONVERT(char(36), {item})", 36)
        case "char" | "varchar" | "nchar" | "nvarchar":
            # A character of a UTF-8 collation has no more UTF-16 units than bytes.
            return text(item, column.octets // 2 if kind.startswith("n") and column.octets > 0 else column.octets)
        case "text":
            return text(f"CAST({item} AS varchar(max))", -1)
        case "ntext":
            return text(f"CAST({item} AS nvarchar(max))", -1)
        case "xml":
            return text(f"CONVERT(nvarchar(max), {item})", -1, f"{lands} text, as the server writes it")
        case "json":
            return text(f"CONVERT(nvarchar(max), {item})", -1, f"{lands} text, as the server writes it")
        case "binary" | "varbinary":
            return octets(item, column.octets)
        case "image":
            return octets(f"CAST({item} AS varbinary(max))", -1)
        case "timestamp" | "rowversion":
            return ColumnPlan(column, f"CAST({item} AS bigint)", Wire(pa.int64()), pa.uint64(), "unsigned")
        case "hierarchyid":
            return text(f"{item}.ToString()", 4000, f"{lands} text, such as /1/2/")
        case "sql_variant":
            return text(_VARIANT.format(item), _VARIANT_UNITS, f"{lands} text, whatever type each value has")
        case "geography" | "geometry":
            note = f"{lands} bytes in the server's own form, with SRID, Z and M; a query with .STAsBinary() gives WKB"
            return octets(f"CAST({item} AS varbinary(max))", -1, note)
        case "vector":
            return text(f"CONVERT(nvarchar(max), {item})", -1, f"{lands} text")
    # A type of the user's own, or one that is newer than this list: its bytes as the server keeps them.
    return octets(f"CAST({item} AS varbinary(max))", -1, f"{lands} bytes as the server keeps them")


def key_type(plan: ColumnPlan) -> pa.DataType:
    """The type by whose order a key column is followed, whatever it lands as.

    Args:
        plan: The key column's.
    """
    import pyarrow as pa

    match plan.column.kind:
        case "datetime2":
            return pa.timestamp("us")
        case "datetimeoffset":
            return pa.timestamp("us", "UTC")
    return plan.type


def _fine(column: DeclaredColumn, expression: str, target: pa.DataType, *, typed: bool) -> ColumnPlan:
    """Times in tenths of a microsecond."""
    import pyarrow as pa

    wire = Wire(pa.string(), 34)
    if typed:
        return ColumnPlan(column, expression, wire, target, "parse")
    note = f"column {column.name!r} ({column.declared}) lands as text, to the last digit; {column.kind}: timestamp makes it a timestamp"
    return ColumnPlan(column, expression, wire, pa.string(), note=note)


def _offset(column: DeclaredColumn, *, typed: bool) -> ColumnPlan:
    """Moments with the offset at which they were written."""
    import pyarrow as pa

    item = identifier(column.name)
    if not typed:
        lands = f"column {column.name!r} ({column.declared}) lands as text, with its offset"
        note = f"{lands}; datetimeoffset: timestamp makes it a timestamp in UTC"
        return ColumnPlan(column, f"CONVERT(varchar(34), {item}, 121)", Wire(pa.string(), 34), pa.string(), note=note)
    note = f"column {column.name!r} ({column.declared}) lands in UTC, without its offset"
    moment = f"CAST(SWITCHOFFSET({item}, '+00:00') AS datetime2({column.scale}))"
    if column.scale < TENTHS:
        return ColumnPlan(column, moment, Wire(pa.timestamp("us")), pa.timestamp("us", "UTC"), "utc", note)
    found = _fine(column, f"CONVERT(varchar(27), {moment}, 121)", pa.timestamp("us", "UTC"), typed=True)
    return dataclasses.replace(found, note=note)
