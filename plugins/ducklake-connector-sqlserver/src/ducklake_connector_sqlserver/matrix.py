"""Every type of the server: how `sys.columns` declares it, what it lands as, and extreme values with what is read back.

The table of types in the documentation is made of this (`page`). The tests plan each declaration, and land all values where there is a
live server.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Any

from ducklake_connector_sqlserver.declared import DeclaredColumn

D = decimal.Decimal
MOMENT = dt.datetime.fromisoformat


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One declared type.

    Attributes:
        words: As in CREATE TABLE.
        declared: As `sys.columns` and `sys.types` have it.
        lands: In DuckDB's words.
        values: Literals of the server, and what is read back (None: only looked at from outside).
        nullable: Whether NULL may stand in such a column.
    """

    words: str
    declared: DeclaredColumn
    lands: str
    values: Sequence[tuple[str, Any]] = ()
    nullable: bool = True


def _case(
    words: str, kind: str, octets: int, precision: int, scale: int, lands: str, *values: tuple[str, Any], nullable: bool = True
) -> Case:
    return Case(words, DeclaredColumn("c", kind, None, octets, precision, scale), lands, values, nullable)


CASES: Sequence[Case] = [
    _case("bit", "bit", 1, 1, 0, "BOOLEAN", ("1", True), ("0", False)),
    _case("tinyint", "tinyint", 1, 3, 0, "UTINYINT", ("0", 0), ("255", 255)),
    _case("smallint", "smallint", 2, 5, 0, "SMALLINT", ("-32768", -32768), ("32767", 32767)),
    _case("int", "int", 4, 10, 0, "INTEGER", ("-2147483648", -2147483648), ("2147483647", 2147483647)),
    _case("bigint", "bigint", 8, 19, 0, "BIGINT", ("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)),
    _case("decimal(5,2)", "decimal", 5, 5, 2, "DECIMAL(5,2)", ("-999.99", D("-999.99")), ("0.10", D("0.10"))),
    _case("numeric(38,0)", "numeric", 17, 38, 0, "DECIMAL(38,0)", (f"-{'9' * 38}", D("-" + "9" * 38))),
    _case("decimal(38,38)", "decimal", 17, 38, 38, "DECIMAL(38,38)", (f"0.{'9' * 38}", D("0." + "9" * 38)), ("-0.1", D("-0.1"))),
    _case("money", "money", 8, 19, 4, "DECIMAL(19,4)", ("922337203685477.5807", D("922337203685477.5807")), ("-0.0001", D("-0.0001"))),
    _case("smallmoney", "smallmoney", 4, 10, 4, "DECIMAL(10,4)", ("-214748.3648", D("-214748.3648"))),
    _case("real", "real", 4, 24, 0, "FLOAT", ("16777216", 16777216.0), ("3.4028234663852886e38", 3.4028234663852886e38)),
    _case(
        "float",
        "float",
        8,
        53,
        0,
        "DOUBLE",
        ("0.30000000000000004e0", 0.30000000000000004),
        ("-1.7976931348623157e308", -1.7976931348623157e308),
    ),
    _case("date", "date", 3, 10, 0, "DATE", ("'0001-01-01'", dt.date(1, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31))),
    _case("time(0)", "time", 3, 8, 0, "TIME", ("'23:59:59'", dt.time(23, 59, 59))),
    _case("time(6)", "time", 5, 15, 6, "TIME", ("'23:59:59.999999'", dt.time(23, 59, 59, 999999)), ("'00:00'", dt.time(0))),
    _case("time(7)", "time", 5, 16, 7, "VARCHAR", ("'23:59:59.9999999'", "23:59:59.9999999"), ("'00:00'", "00:00:00.0000000")),
    _case("smalldatetime", "smalldatetime", 4, 16, 0, "TIMESTAMP", ("'2079-06-06T23:59:00'", MOMENT("2079-06-06T23:59:00"))),
    _case(
        "datetime",
        "datetime",
        8,
        23,
        3,
        "TIMESTAMP",
        ("'1753-01-01T00:00:00'", MOMENT("1753-01-01")),
        ("'9999-12-31T23:59:59.997'", MOMENT("9999-12-31T23:59:59.997")),
    ),
    _case("datetime2(0)", "datetime2", 6, 19, 0, "TIMESTAMP", ("'0001-01-01'", MOMENT("0001-01-01"))),
    _case("datetime2(6)", "datetime2", 8, 26, 6, "TIMESTAMP", ("'9999-12-31T23:59:59.999999'", MOMENT("9999-12-31T23:59:59.999999"))),
    _case(
        "datetime2(7)",
        "datetime2",
        8,
        27,
        7,
        "VARCHAR",
        ("'9999-12-31T23:59:59.9999999'", "9999-12-31 23:59:59.9999999"),
        ("'0001-01-01'", "0001-01-01 00:00:00.0000000"),
    ),
    _case(
        "datetimeoffset(7)",
        "datetimeoffset",
        10,
        34,
        7,
        "VARCHAR",
        ("'2024-02-29T10:00:00.1234567+05:30'", "2024-02-29 10:00:00.1234567 +05:30"),
    ),
    _case("datetimeoffset(0)", "datetimeoffset", 8, 26, 0, "VARCHAR", ("'2024-02-29T10:00:00-03:00'", "2024-02-29 10:00:00 -03:00")),
    _case("char(5)", "char", 5, 0, 0, "VARCHAR", ("'ab'", "ab   "), ("''", "     ")),
    _case("varchar(40)", "varchar", 40, 0, 0, "VARCHAR", ("'ab  '", "ab  "), ("''", ""), ("'NULL'", "NULL")),
    _case("varchar(8000)", "varchar", 8000, 0, 0, "VARCHAR", ("REPLICATE('x', 8000)", "x" * 8000)),
    _case("nchar(3)", "nchar", 6, 0, 0, "VARCHAR", ("N'ñ'", "ñ  ")),
    _case("nvarchar(40)", "nvarchar", 80, 0, 0, "VARCHAR", ("N'ñ😀\"''\\,;|'", "ñ😀\"'\\,;|"), ("N'привет 日本'", "привет 日本")),
    _case("nvarchar(4000)", "nvarchar", 8000, 0, 0, "VARCHAR", ("REPLICATE(N'ñ', 4000)", "ñ" * 4000)),
    _case("varchar(max)", "varchar", -1, 0, 0, "VARCHAR", ("REPLICATE(CAST('x' AS varchar(max)), 100000)", "x" * 100_000), ("''", "")),
    _case("nvarchar(max)", "nvarchar", -1, 0, 0, "VARCHAR", ("REPLICATE(CAST(N'😀' AS nvarchar(max)), 50000)", "😀" * 50_000)),
    _case("text", "text", 16, 0, 0, "VARCHAR", ("'abc'", "abc")),
    _case("ntext", "ntext", 16, 0, 0, "VARCHAR", ("N'ñ'", "ñ")),
    _case("xml", "xml", -1, 0, 0, "VARCHAR", ("N'<a b=\"1\"><c/></a>'", '<a b="1"><c/></a>')),
    _case("binary(4)", "binary", 4, 0, 0, "BLOB", ("0x61", b"a\0\0\0")),
    _case("varbinary(8)", "varbinary", 8, 0, 0, "BLOB", ("0x00FFFEFD1F0A0D01", b"\0\xff\xfe\xfd\x1f\n\r\1"), ("0x", b"")),
    _case(
        "varbinary(max)",
        "varbinary",
        -1,
        0,
        0,
        "BLOB",
        ("CAST(REPLICATE(CAST('a' AS varchar(max)), 100000) AS varbinary(max))", b"a" * 100_000),
    ),
    _case("image", "image", 16, 0, 0, "BLOB", ("0xFF", b"\xff")),
    _case(
        "uniqueidentifier",
        "uniqueidentifier",
        16,
        0,
        0,
        "VARCHAR",
        ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
    ),
    _case("rowversion", "timestamp", 8, 0, 0, "UBIGINT", nullable=False),
    _case("hierarchyid", "hierarchyid", 892, 0, 0, "VARCHAR", ("'/1/2/'", "/1/2/")),
    _case(
        "sql_variant",
        "sql_variant",
        8016,
        0,
        0,
        "VARCHAR",
        ("CAST(1.25 AS money)", "1.2500"),
        ("CAST(0.1 AS float)", "1.0000000000000001e-001"),
        ("CAST('2024-02-29T10:00:00.003' AS datetime)", "2024-02-29 10:00:00.003"),
        ("0x00FF", "0x00FF"),
        ("N'ñ'", "ñ"),
    ),
    _case("geography", "geography", -1, 0, 0, "BLOB", ("geography::Point(47.6, -122.3, 4326)", None)),
    _case("geometry", "geometry", -1, 0, 0, "BLOB", ("geometry::STGeomFromText('LINESTRING (0 0, 1 1)', 0)", None)),
]


def page() -> str:
    """The table of types for the documentation."""
    lines = ["| declared | lands as | for example |", "|---|---|---|"]
    for case in CASES:
        example = next((literal for literal, _ in case.values if len(literal) < 30 and not set("|`") & set(literal)), "")
        lines.append(f"| `{case.words}` | {case.lands} | {f'`{example}`' if example else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
