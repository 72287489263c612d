"""Whatever a SQLite column holds lands unchanged: as declared where every value fits, else as what it is."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import sqlite3
from contextlib import closing

import pytest

from ducklake.api.extraction import ExtractRequest
from ducklake.errors import DataError
from ducklake.testing import read_table
from ducklake_connector_sqlite.connector import SqliteConnector, SqliteOptions

D = decimal.Decimal


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.fixture
def shop(tmp_path, connector_context):
    """Run statements on a database, then open it as a source."""

    def make(*statements):
        with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
            for statement in statements:
                sql, rows = statement if isinstance(statement, tuple) else (statement, None)
                connection.execute(sql) if rows is None else connection.executemany(sql, rows)
            connection.commit()
        return SqliteConnector(SqliteOptions(connection={"database": "shop.db"}), connector_context("shop"))

    return make


@pytest.fixture
def column(shop):
    """The type that a column lands as, its values in order, and the notes."""

    def land(declared, values):
        connector = shop(
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (k INTEGER PRIMARY KEY, v {declared})",
            ("INSERT INTO t (v) VALUES (?)", [(value,) for value in values]),
        )
        table = read_table(connector, "t").sort_by("k")
        with connector.open([]) as session:
            assert session.get_schema("t") == table.schema
            notes = session.extract(ExtractRequest("t")).notes
        return str(table["v"].type), table["v"].to_pylist(), notes

    return land


@pytest.mark.parametrize(
    ("declared", "values", "kind", "landed"),
    [
        ("INTEGER", [1, -(2**63), 2**63 - 1, None], "int64", None),
        ("INT", ["7", 7.0], "int64", [7, 7]),
        ("TINYINT(1)", [0, 1, 2], "int64", None),
        ("BIGINT UNSIGNED", [1], "int64", None),
        ("VARCHAR(2)", ["longer", "", "NULL", "\0a\0", "ñ😀", None], "string", None),
        ("TEXT", [1, 1.5], "string", ["1", "1.5"]),
        ("CLOB", ["x"], "string", None),
        ("BLOB", [b"", b"\0\xff", None], "binary", None),
        ("VARBINARY(10)", [b"a"], "binary", None),
        ("REAL", [1, 0.1, -0.0, 1e308, float("inf"), 5e-324, None], "double", None),
        ("DOUBLE PRECISION", [2**53], "double", [float(2**53)]),
        ("BOOLEAN", [0, 1, True, None], "bool", [False, True, True, None]),
        ("DATE", ["2024-02-29", "0001-01-01", "9999-12-31", None], "date32[day]", None),
        ("DATETIME", ["2024-01-01 10:00:00", None], "timestamp[us]", [moment("2024-01-01T10:00:00"), None]),
        (
            "TIMESTAMP",
            ["2024-01-01T10:00:00.123456", "2024-01-01 10:00:00.5"],
            "timestamp[us]",
            [moment("2024-01-01T10:00:00.123456"), moment("2024-01-01T10:00:00.5")],
        ),
        ("TIMESTAMP(6)", [], "timestamp[us]", None),
        ("DECIMAL(12,2)", [12.5, 3, "4.10", -0.07, None], "decimal128(12, 2)", [D("12.50"), D("3.00"), D("4.10"), D("-0.07"), None]),
        ("NUMERIC(5)", [12, 99999], "decimal128(5, 0)", [D(12), D(99999)]),
        ("DECIMAL(38,10)", [0.1], "decimal128(38, 10)", [D("0.1000000000")]),
        ("", [1, 2], "int64", None),
        ("", ["a", None], "string", None),
        ("", [b"a"], "binary", None),
        ("", [1, 2.5], "double", [1.0, 2.5]),
        ("", [], "string", None),
        ("STRING", ["007x", "b"], "string", None),
        ("NUMERIC", [1.5, 2.0], "double", None),
        ("JSON", ['{"a": 1}', "[]"], "string", None),
        ("UUID", ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"], "string", None),
        ("TIME", ["10:00:00", "25:00:00"], "string", None),
    ],
)
def test_values_that_fit_their_declaration(column, declared, values, kind, landed):
    if declared == "DATE":
        landed = [value and dt.date.fromisoformat(value) for value in values]
    assert column(declared, values) == (kind, values if landed is None else landed, ())


@pytest.mark.parametrize(
    ("declared", "values", "kind", "landed", "what"),
    [
        ("INTEGER", [1, "abc"], "string", ["1", "abc"], "text and numbers"),
        ("INTEGER", [1, 1.5], "double", [1.0, 1.5], "floating-point numbers"),
        (
            "INTEGER",
            [2**63 - 1, 0.1 + 0.2],
            "string",
            ["9223372036854775807", "0.30000000000000004"],
            "floats and whole numbers beyond 2^53",
        ),
        ("INTEGER", [b"\1"], "binary", [b"\1"], "bytes"),
        ("INTEGER", [1e19], "double", [1e19], "floating-point numbers"),
        ("REAL", [1.5, "n/a"], "string", ["1.5", "n/a"], "text and numbers"),
        ("BOOLEAN", [0, 2], "int64", [0, 2], "whole numbers"),
        ("BOOLEAN", ["true", "false"], "string", ["true", "false"], "text"),
        ("DATE", ["2024-01-01", "2024-02-30"], "string", ["2024-01-01", "2024-02-30"], "text"),
        ("DATE", ["2024-01-01", "01/02/2024"], "string", ["2024-01-01", "01/02/2024"], "text"),
        ("DATE", ["0000-00-00"], "string", ["0000-00-00"], "text"),
        ("DATE", ["2024-01-01 10:00:00"], "string", ["2024-01-01 10:00:00"], "text"),
        ("DATE", ["2024-01-01\0"], "string", ["2024-01-01\0"], "text"),
        ("DATE", ["now"], "string", ["now"], "text"),
        ("DATE", [20240101], "int64", [20240101], "whole numbers"),
        ("DATE", [20240101, "2024-01-01"], "string", ["20240101", "2024-01-01"], "text and numbers"),
        ("DATETIME", ["2024-01-01 10:00:00", ""], "string", ["2024-01-01 10:00:00", ""], "text"),
        ("DATETIME", ["2024-01-01 10:00:00Z"], "string", ["2024-01-01 10:00:00Z"], "text"),
        ("DATETIME", ["2024-01-01 10:00:00.1234567"], "string", ["2024-01-01 10:00:00.1234567"], "text"),
        ("DATETIME", ["2024-01-01 10:00:00.12x"], "string", ["2024-01-01 10:00:00.12x"], "text"),
        ("DATETIME", ["2024-01-01 10:00:00\0x"], "string", ["2024-01-01 10:00:00\0x"], "text"),
        ("DATETIME", ["2024-01-01 24:00:00"], "string", ["2024-01-01 24:00:00"], "text"),
        ("DATETIME", ["2024-01-01"], "date32[day]", [dt.date(2024, 1, 1)], "dates"),
        ("DATETIME", ["2024-01-01", "2024-01-01 10:00:00"], "string", ["2024-01-01", "2024-01-01 10:00:00"], "text"),
        ("DATETIME", [1700000000], "int64", [1700000000], "whole numbers"),
        ("DATETIME", [2460000.5], "double", [2460000.5], "floating-point numbers"),
        ("DECIMAL(12,2)", [1.239], "double", [1.239], "floating-point numbers"),
        ("DECIMAL(12,2)", [0.1 + 0.2], "double", [0.30000000000000004], "floating-point numbers"),
        ("DECIMAL(4,2)", [100], "int64", [100], "whole numbers"),
        ("DECIMAL(12,2)", [-(2**63)], "int64", [-(2**63)], "whole numbers"),
        ("DECIMAL(12,2)", ["1,50", 2], "string", ["1,50", "2"], "text and numbers"),
        ("DECIMAL(20,2)", [123456789012345.67], "double", [123456789012345.67], "floating-point numbers"),
        ("DECIMAL(12,2)", [float("inf")], "double", [float("inf")], "floating-point numbers"),
        ("BLOB", ["text"], "string", ["text"], "text"),
        ("TEXT", [b"bytes"], "binary", [b"bytes"], "bytes"),
    ],
)
def test_values_that_do_not_fit_land_as_what_they_are_and_a_note_says_so(column, declared, values, kind, landed, what):
    assert column(declared, values) == (kind, landed, (f"column 'v' ({declared}) lands as {kind}: it holds {what}",))


@pytest.mark.parametrize("values", [["x", b"x"], [1, b"x"]])
@pytest.mark.parametrize("declared", ["TEXT", "BLOB", "", "INTEGER"])
def test_bytes_mixed_with_anything_else_fail_naming_the_column(column, declared, values):
    with pytest.raises(DataError, match=r"shop\.t\.v: the column holds bytes \(BLOB\) and (text|numbers)"):
        column(declared, values)


def test_a_text_that_is_not_utf8_fails_naming_the_column(shop):
    connector = shop("CREATE TABLE t (id INTEGER, nota TEXT)", "INSERT INTO t VALUES (1, 'x'), (2, CAST(x'ff41' AS TEXT))")
    with pytest.raises(DataError, match=r"shop\.t\.nota: a text is not valid UTF-8"):
        read_table(connector, "t")


def test_one_column_off_does_not_change_the_others(shop):
    connector = shop(
        "CREATE TABLE t (a INTEGER, b DECIMAL(12,2), c DATE, d TEXT, e BOOLEAN, f)",
        "INSERT INTO t VALUES (1, 1.5, '2024-01-01', 'x', 1, 3), ('no', 2, '2024-01-02', 'y', 0, NULL)",
    )
    assert [str(field.type) for field in read_table(connector, "t").schema] == [
        "string",
        "decimal128(12, 2)",
        "date32[day]",
        "string",
        "bool",
        "int64",
    ]


def test_decimals_land_as_their_shortest_text_says(column):
    chance = random.Random(3)
    values = [chance.randrange(-(10**12), 10**12) / 100 for _ in range(20_000)]
    kind, landed, notes = column("DECIMAL(18,2)", values)
    assert (kind, notes) == ("decimal128(18, 2)", ())
    assert all(D(repr(value)) == found for value, found in zip(values, landed, strict=True))


def test_empty_tables_have_their_declared_types(shop):
    connector = shop("CREATE TABLE t (a INT, b REAL, c DATE, d TIMESTAMP, e BOOL, f DECIMAL(9,3), g BLOB, h, i STRING)")
    table = read_table(connector, "t")
    assert table.num_rows == 0
    assert [str(field.type) for field in table.schema] == [
        "int64",
        "double",
        "date32[day]",
        "timestamp[us]",
        "bool",
        "decimal128(9, 3)",
        "binary",
        "string",
        "string",
    ]


def test_wide_and_many_columns(shop):
    names = [f"c{at}" for at in range(700)]
    connector = shop(
        f"CREATE TABLE t ({', '.join(names)})", (f"INSERT INTO t VALUES ({', '.join('?' * 700)})", [tuple(range(700)), tuple("x" * 700)])
    )
    table = read_table(connector, "t")
    assert table.num_columns == 700
    assert table["c699"].to_pylist() == ["699", "x"]


@pytest.mark.parametrize("declared", ["INTEGER", "TEXT", "REAL", "DECIMAL(12,2)", "TIMESTAMP"])
def test_a_table_as_wide_as_sqlite_takes_keeps_its_declared_types(shop, declared):
    names = [f"c{at}" for at in range(2000)]
    value = "2024-01-01 10:00:00" if declared == "TIMESTAMP" else "7"
    connector = shop(
        f"CREATE TABLE t ({', '.join(f'{name} {declared}' for name in names)})", f"INSERT INTO t SELECT {', '.join([repr(value)] * 2000)}"
    )
    table = read_table(connector, "t")
    assert (table.num_columns, table.num_rows, len(set(table.schema.types))) == (2000, 1, 1)


def test_batches_follow_the_width_of_the_rows(shop):
    connector = shop("CREATE TABLE t (v TEXT)", ("INSERT INTO t VALUES (?)", [("x" * 10_000,)] * 5000))
    with connector.open([]) as session:
        (stream,) = session.extract(ExtractRequest("t", batch_size=2000, batch_bytes=1_000_000)).streams
        batches = list(stream)
    assert sum(batch.num_rows for batch in batches) == 5000
    assert max(batch.nbytes for batch in batches[1:]) < 2_000_000
