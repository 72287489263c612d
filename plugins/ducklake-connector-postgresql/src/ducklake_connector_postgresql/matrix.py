"""Every type of the server with its extreme values: what it is declared as, what lands, and what is read back.

The page of types in the documentation is made of this, and the tests land all of it from a live server.
"""

# ruff: noqa: DTZ001, DTZ901 - times without a zone are meant
from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Any

D = decimal.Decimal


@dataclasses.dataclass(frozen=True)
class Case:
    """A declared type.

    Attributes:
        declared: As in CREATE TABLE.
        lands: In DuckDB's words.
        values: Literals of the server, and what DuckDB reads back.
        setup: Statements before.
    """

    declared: str
    lands: str
    values: Sequence[tuple[str, Any]]
    setup: tuple[str, ...] = ()


def _texts(*values: str) -> list[tuple[str, str]]:
    return [(f"'{value.replace(chr(39), chr(39) * 2)}'", value) for value in values]


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "+00:00")


_INF = float("inf")
CASES = [
    Case("smallint", "SMALLINT", [("-32768", -32768), ("32767", 32767)]),
    Case("integer", "INTEGER", [("-2147483648", -(2**31)), ("2147483647", 2**31 - 1)]),
    Case("bigint", "BIGINT", [("'-9223372036854775808'", -(2**63)), ("9223372036854775807", 2**63 - 1)]),
    Case("oid", "UINTEGER", [("0", 0), ("4294967295", 2**32 - 1)]),
    Case("boolean", "BOOLEAN", [("true", True), ("false", False)]),
    Case(
        "real",
        "FLOAT",
        [("'3.4028235e38'", 3.4028234663852886e38), ("'1e-45'", 1.401298464324817e-45), ("'Infinity'", _INF), ("0.1", 0.10000000149011612)],
    ),
    Case(
        "double precision",
        "DOUBLE",
        [
            ("'1.7976931348623157e308'", 1.7976931348623157e308),
            ("'5e-324'", 5e-324),
            ("0.30000000000000004", 0.30000000000000004),
            ("'-Infinity'", -_INF),
            ("1234567890123456.5", 1234567890123456.5),
            ("'-0'", -0.0),
        ],
    ),
    Case("numeric(12,2)", "DECIMAL(12,2)", [("9999999999.99", D("9999999999.99")), ("-0.01", D("-0.01"))]),
    Case("numeric(38,0)", "DECIMAL(38,0)", [("9" * 38, D("9" * 38))]),
    Case("numeric(38,38)", "DECIMAL(38,38)", [("0." + "9" * 38, D("0." + "9" * 38))]),
    Case("numeric(39,1)", "VARCHAR", [("9" * 38 + ".9", "9" * 38 + ".9"), ("'NaN'", "NaN")]),
    Case(
        "numeric",
        "VARCHAR",
        [
            ("'NaN'", "NaN"),
            ("0.1234567890123456789012345678901234567890123", "0.1234567890123456789012345678901234567890123"),
            ("1e50", "1" + "0" * 50),
            ("1.50", "1.50"),
        ],
    ),
    Case("text", "VARCHAR", _texts("", "NULL", "\\N", "\\.", 'a "b", c', "línea\r\ndos\ttres", "\U0001f986", "'", " pad ")),
    Case("varchar(5)", "VARCHAR", _texts("abc  ", "")),
    Case("char(4)", "VARCHAR", [("'ab'", "ab  "), ("''", "    ")]),
    Case('"char"', "VARCHAR", [("'x'", "x")]),
    Case("name", "VARCHAR", _texts("nombre")),
    Case("bytea", "BLOB", [("'\\x00ff0a22'", b'\x00\xff\n"'), ("''", b"")]),
    Case("date", "DATE", [("'0001-01-01'", dt.date(1, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31))]),
    Case(
        "timestamp",
        "TIMESTAMP",
        [
            ("'0001-01-01 00:00:00.000001'", dt.datetime(1, 1, 1, 0, 0, 0, 1)),
            ("'9999-12-31 23:59:59.999999'", dt.datetime.max),
            ("'2024-03-31 02:30:00'", dt.datetime(2024, 3, 31, 2, 30)),
        ],
    ),
    Case("timestamp(0)", "TIMESTAMP", [("'2024-01-01 10:00:00.6'", dt.datetime(2024, 1, 1, 10, 0, 1))]),
    Case(
        "timestamptz",
        "TIMESTAMP WITH TIME ZONE",
        [("'2024-01-01 10:00:00.5+05:45'", _utc("2024-01-01T04:15:00.500000")), ("'1850-01-01 00:00:00+00'", _utc("1850-01-01T00:00:00"))],
    ),
    Case("time", "VARCHAR", _texts("24:00:00", "00:00:00.000001")),
    Case("timetz", "VARCHAR", _texts("24:00:00-15:59:59", "10:00:00+02")),
    Case(
        "interval",
        "VARCHAR",
        [
            ("'178000000 years'", "178000000 years"),
            ("'1 mon 2 days 00:00:00.000001'", "1 mon 2 days 00:00:00.000001"),
            ("'-1 day'", "-1 days"),
        ],
    ),
    Case("uuid", "VARCHAR", _texts("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    Case("json", "VARCHAR", _texts('{"n": 1.10,  "n": 2, "z": null}', "null", '"\\u0041"')),
    Case("jsonb", "VARCHAR", [('\'{"b":1.10,"a":null}\'', '{"a": null, "b": 1.10}'), ("'null'", "null")]),
    Case("jsonpath", "VARCHAR", _texts('$."a"')),
    Case("xml", "VARCHAR", _texts("<a>\u00e1</a>")),
    Case("money", "VARCHAR", [("'-92233720368547758.08'", "-$92,233,720,368,547,758.08")]),
    Case("inet", "VARCHAR", _texts("10.0.0.1/8", "::1")),
    Case("cidr", "VARCHAR", _texts("10.0.0.0/8")),
    Case("macaddr", "VARCHAR", _texts("08:00:2b:01:02:03")),
    Case("macaddr8", "VARCHAR", _texts("08:00:2b:01:02:03:04:05")),
    Case("bit(3)", "VARCHAR", [("B'101'", "101")]),
    Case("bit varying", "VARCHAR", [("B''", ""), ("B'1'", "1")]),
    Case("point", "VARCHAR", _texts("(1.5,-2)")),
    Case("line", "VARCHAR", _texts("{1,-1,0}")),
    Case("lseg", "VARCHAR", _texts("[(0,0),(1,1)]")),
    Case("box", "VARCHAR", _texts("(1,1),(0,0)")),
    Case("path", "VARCHAR", _texts("((0,0),(1,1))")),
    Case("polygon", "VARCHAR", _texts("((0,0),(1,1))")),
    Case("circle", "VARCHAR", _texts("<(0,0),1>")),
    Case("tsvector", "VARCHAR", _texts("'a':1 'b'")),
    Case("tsquery", "VARCHAR", _texts("'a' & 'b'")),
    Case("int4range", "VARCHAR", _texts("[1,10)", "empty")),
    Case("numrange", "VARCHAR", _texts("(,1.50]")),
    Case("tstzrange", "VARCHAR", _texts('["2024-01-01 00:00:00+00",infinity)')),
    Case("daterange", "VARCHAR", _texts("[2024-01-01,)")),
    Case("int4multirange", "VARCHAR", _texts("{[1,2),[5,7)}")),
    Case("integer[]", "VARCHAR", _texts("{{1,2},{3,NULL}}", "{}")),
    Case("text[]", "VARCHAR", _texts('{"a,b","NULL",NULL,"\\"x\\""}')),
    Case("numeric(5,2)[]", "VARCHAR", _texts("{1.50,NaN}")),
    Case("bytea[]", "VARCHAR", _texts('{"\\\\x00ff"}')),
    Case("pg_lsn", "VARCHAR", _texts("16/B374D848")),
    Case("xid", "VARCHAR", _texts("4294967295")),
    Case("tid", "VARCHAR", _texts("(1,2)")),
    Case("regclass", "VARCHAR", _texts("pg_class")),
    Case("txid_snapshot", "VARCHAR", _texts("10:20:10,14")),
    Case("mood", "VARCHAR", _texts("muy feliz", ""), ("CREATE TYPE mood AS ENUM ('muy feliz', '')",)),
    Case("pair", "VARCHAR", _texts('(1,"a b")', "(,)"), ("CREATE TYPE pair AS (n int, t text)",)),
    Case("precio", "DECIMAL(10,2)", [("1.50", D("1.50"))], ("CREATE DOMAIN precio AS numeric(10,2) CHECK (VALUE > 0)",)),
    Case("clave", "INTEGER", [("5", 5)], ("CREATE DOMAIN base_clave AS int", "CREATE DOMAIN clave AS base_clave NOT NULL")),
    Case("etiqueta", "VARCHAR", _texts("{a,b}"), ("CREATE DOMAIN etiqueta AS text[]",)),
    Case("floatrange", "VARCHAR", _texts("[1.5,2.5)"), ("CREATE TYPE floatrange AS RANGE (subtype = float8)",)),
]
NEWER = [  # from PostgreSQL 15 on
    Case("numeric(3,5)", "DECIMAL(5,5)", [("0.00999", D("0.00999"))]),
    Case("numeric(5,-2)", "DECIMAL(7,0)", [("9999949", D("9999900"))]),
]
EXTENSIONS = [
    Case("hstore", "VARCHAR", _texts('"a"=>"1", "b"=>NULL'), ("CREATE EXTENSION hstore",)),
    Case("citext", "VARCHAR", _texts("MiXto"), ("CREATE EXTENSION citext",)),
    Case("ltree", "VARCHAR", _texts("a.b.c"), ("CREATE EXTENSION ltree",)),
    Case("cube", "VARCHAR", _texts("(1, 2)"), ("CREATE EXTENSION cube",)),
]
INVALID = [
    ("numeric(12,2)", "'NaN'"),
    ("date", "'infinity'"),
    ("date", "'-infinity'"),
    ("timestamp", "'infinity'"),
    ("timestamptz", "'-infinity'"),
]
BEYOND_PYTHON = [
    ("date", "'0044-03-15 BC'", "0044-03-15 (BC)"),
    ("date", "'12024-02-29'", "12024-02-29"),
    ("timestamp", "'4713-01-01 00:00:00.000001 BC'", "4713-01-01 (BC) 00:00:00.000001"),
    ("timestamp", "'290000-12-31 23:59:59.999999'", "290000-12-31 23:59:59.999999"),
    ("timestamptz", "'20000-01-01 10:00:00+00'", "20000-01-01 10:00:00+00"),
]


def page() -> str:
    """The table of types for the documentation."""
    lines = ["| declared | lands as | for example |", "|---|---|---|"]
    for case in (*CASES, *NEWER, *EXTENSIONS):
        plain = (literal for literal, _ in case.values if len(literal) < 40 and not set("|`\n\r\t") & set(literal))
        example = next(plain, "")
        lines.append(f"| `{case.declared}` | {case.lands} | {f'`{example}`' if example else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
