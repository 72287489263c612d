"""Every type of the server with its extreme values: what it is declared as, what lands, and what is read back.

The table of types in the documentation is made of this (`page`), and the tests land all of it from a live server.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Any

D = decimal.Decimal
MOMENT = dt.datetime.fromisoformat

CASES: Sequence[tuple[str, str, Sequence[tuple[str, Any]]]] = [
    # as in CREATE TABLE, in DuckDB's words, literals of the server and what is read back (None: only looked at from outside)
    ("tinyint", "TINYINT", [("-128", -128), ("127", 127)]),
    ("tinyint(1)", "TINYINT", [("7", 7), ("-1", -1)]),
    ("boolean", "TINYINT", [("2", 2), ("true", 1)]),
    ("tinyint unsigned", "UTINYINT", [("255", 255)]),
    ("smallint", "SMALLINT", [("-32768", -32768), ("32767", 32767)]),
    ("smallint unsigned", "USMALLINT", [("65535", 65535)]),
    ("mediumint", "INTEGER", [("-8388608", -8388608)]),
    ("mediumint unsigned", "UINTEGER", [("16777215", 16777215)]),
    ("int", "INTEGER", [("-2147483648", -2147483648), ("2147483647", 2147483647)]),
    ("int(6) unsigned zerofill", "UINTEGER", [("42", 42), ("4294967295", 4294967295)]),
    ("bigint", "BIGINT", [("-9223372036854775808", -9223372036854775808), ("9223372036854775807", 9223372036854775807)]),
    ("bigint unsigned", "UBIGINT", [("18446744073709551615", 18446744073709551615)]),
    ("decimal(5,2)", "DECIMAL(5,2)", [("-999.99", D("-999.99")), ("0.10", D("0.10"))]),
    ("decimal(12,4) zerofill", "DECIMAL(12,4)", [("1.5", D("1.5000"))]),
    (
        "decimal(38,38)",
        "DECIMAL(38,38)",
        [("0.12345678901234567890123456789012345678", D("0.12345678901234567890123456789012345678"))],
    ),
    ("decimal(38,0)", "DECIMAL(38,0)", [("-" + "9" * 38, D("-" + "9" * 38))]),
    (
        "decimal(65,30)",
        "VARCHAR",
        [("1.000000000000000000000000000001", "1.000000000000000000000000000001"), ("-" + "9" * 35, "-" + "9" * 35 + "." + "0" * 30)],
    ),
    ("float", "DOUBLE", [("16777216", 16777216.0), ("0.1", 0.10000000149011612), ("3.4028234663852886e38", 3.4028234663852886e38)]),
    ("float(7,2)", "DOUBLE", [("12345.67", 12345.669921875)]),
    (
        "double",
        "DOUBLE",
        [("0.30000000000000004", 0.30000000000000004), ("-1.7976931348623157e308", -1.7976931348623157e308), ("5e-324", 5e-324)],
    ),
    ("double(12,3)", "DOUBLE", [("1.25", 1.25)]),
    ("bit(1)", "UBIGINT", [("b'1'", 1)]),
    ("bit(64)", "UBIGINT", [("x'ffffffffffffffff'", 18446744073709551615)]),
    ("year", "USMALLINT", [("2155", 2155), ("0", 0)]),
    ("date", "DATE", [("'1000-01-01'", dt.date(1000, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31)), ("'0001-01-01'", dt.date(1, 1, 1))]),
    ("datetime", "TIMESTAMP", [("'1000-01-01 00:00:00'", MOMENT("1000-01-01")), ("'2024-02-29 23:59:59'", MOMENT("2024-02-29T23:59:59"))]),
    ("datetime(6)", "TIMESTAMP", [("'9999-12-31 23:59:59.999999'", MOMENT("9999-12-31T23:59:59.999999"))]),
    ("datetime(3)", "TIMESTAMP", [("'2024-01-01 00:00:00.001'", MOMENT("2024-01-01T00:00:00.001"))]),
    (
        "timestamp(6) null",
        "TIMESTAMP WITH TIME ZONE",
        [
            ("'2024-01-01 10:00:00.5'", MOMENT("2024-01-01T08:00:00.5+00:00")),
            ("'2038-01-19 05:14:07.999999'", MOMENT("2038-01-19T03:14:07.999999+00:00")),
        ],
    ),
    (
        "time(6)",
        "VARCHAR",
        [("'-838:59:59'", "-838:59:59.000000"), ("'838:59:59'", "838:59:59.000000"), ("'00:00:00.000001'", "00:00:00.000001")],
    ),
    ("time", "VARCHAR", [("'26:00:00'", "26:00:00")]),
    ("char(5)", "VARCHAR", [("'ab  '", "ab"), ("''", ""), ("'NULL'", "NULL")]),
    (
        "varchar(40)",
        "VARCHAR",
        [
            ("'ab  '", "ab  "),
            ("'ñ😀\"\\'\\\\,;|'", "ñ😀\"'\\,;|"),
            ("concat(char(0),char(1),char(10),char(13),char(31),'x')", "\0\1\n\r\x1fx"),
        ],
    ),
    ("varchar(10) character set utf8mb3", "VARCHAR", [("'ñ€'", "ñ€")]),
    ("varchar(10) character set latin1", "VARCHAR", [("'ñÿ€'", "ñÿ€")]),
    ("varchar(10) character set ascii", "VARCHAR", [("'a'", "a")]),
    ("varchar(10) character set utf16", "VARCHAR", [("'ñ😀'", "ñ😀")]),
    ("varchar(10) character set cp1251", "VARCHAR", [("'привет'", "привет")]),
    ("varchar(10) character set sjis", "VARCHAR", [("'日本'", "日本")]),
    ("varchar(10) collate utf8mb4_bin", "VARCHAR", [("_utf8mb4 x'efbbbf41'", "\ufeffA")]),
    ("tinytext", "VARCHAR", [("''", ""), ("repeat('x', 255)", "x" * 255)]),
    ("text", "VARCHAR", [("repeat('ñ', 30000)", "ñ" * 30000)]),
    ("mediumtext", "VARCHAR", [("repeat('x', 70000)", "x" * 70000)]),
    ("longtext character set latin1", "VARCHAR", [("'ñ'", "ñ"), ("''", "")]),
    ("json", "VARCHAR", [('\'{"a": 1.10, "z": null}\'', '{"a": 1.10, "z": null}')]),
    ("enum('x','y','')", "VARCHAR", [("'y'", "y"), ("''", "")]),
    ("set('x','y')", "VARCHAR", [("'x,y'", "x,y"), ("''", "")]),
    ("binary(4)", "BLOB", [("x'61'", b"a\0\0\0")]),
    ("varbinary(8)", "BLOB", [("x'00fffefd1f0a0d01'", b"\0\xff\xfe\xfd\x1f\n\r\1"), ("''", b"")]),
    ("tinyblob", "BLOB", [("x'ff'", b"\xff")]),
    ("blob", "BLOB", [("repeat(x'fe', 65535)", b"\xfe" * 65535)]),
    ("longblob", "BLOB", [("repeat(x'00ff', 100000)", b"\0\xff" * 100000)]),
    ("point", "BLOB", [("ST_GeomFromText('POINT(1 2)', 4326)", None)]),
    ("geometry", "BLOB", [("ST_GeomFromText('LINESTRING(0 0,1 1)')", None)]),
]


def page() -> str:
    """The table of types for the documentation."""
    lines = ["| declared | lands as | for example |", "|---|---|---|"]
    for declared, lands, values in CASES:
        example = next((literal for literal, _ in values if len(literal) < 30 and not set("|`") & set(literal)), "")
        lines.append(f"| `{declared}` | {lands} | {f'`{example}`' if example else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
