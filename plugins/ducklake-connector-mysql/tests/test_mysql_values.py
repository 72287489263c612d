"""Every type of the server at its worst, and what becomes of values that have no place."""

from __future__ import annotations

import datetime as dt
import decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from ducklake.api.extraction import ReadAgain
from ducklake.errors import DataError
from ducklake.testing import read_table

D = decimal.Decimal
MOMENT = dt.datetime.fromisoformat

CASES = [
    # declared, DuckDB's type, [(SQL of the value, what lands)]
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


@pytest.fixture
def landed(database, lake_project):
    """Land the tables of the test's database and say what the lake shows of them."""

    def land(*tables, **extract):
        lake = lake_project({"config/sources.yaml": {"sources": [database.source(tables=tables or ["*"], extract=extract)]}})
        return lake, lake.run("extract", "erp", "--json")

    return land


def test_every_type_at_its_worst(database, landed):
    """Read back by DuckDB and by PyArrow, NULL and all."""
    columns = [f"c{at} {declared}" for at, (declared, _, _) in enumerate(CASES)]
    database.execute(f"CREATE TABLE t (id int primary key, {', '.join(columns)}) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC")
    depth = max(len(values) for *_, values in CASES)
    statements = ["SET time_zone = '+02:00', sql_mode = ''", "INSERT INTO t (id) VALUES (0)"]
    for row in range(depth):
        texts = [values[row % len(values)][0] for *_, values in CASES]
        statements.append(f"INSERT INTO t VALUES ({row + 1}, {', '.join(texts)})")
    database.execute(*statements)
    lake, outcome = landed()
    assert outcome.exit_code == 0, outcome
    (file,) = lake.path.glob("data/raw/erp/t/**/*.parquet")
    types = {
        name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{file}', hive_partitioning = false)").fetchall()
    }
    by_arrow = sorted(pq.ParquetFile(file).read().to_pylist(), key=lambda row: row["id"])
    zoned = [f"c{at}" for at, (_, kind, _) in enumerate(CASES) if kind == "TIMESTAMP WITH TIME ZONE"]
    replaced = ", ".join(f"epoch_us({name}) AS {name}" for name in zoned)
    result = duckdb.sql(
        f"SELECT * EXCLUDE (_ingestion_timestamp) REPLACE ({replaced}) FROM read_parquet('{file}', hive_partitioning = false) ORDER BY id"
    )
    by_duckdb = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    for at, (declared, kind, values) in enumerate(CASES):
        assert types[f"c{at}"] == kind, declared
        for row in range(depth + 1):
            expected = None if row == 0 else values[(row - 1) % len(values)][1]
            arrow, engine = by_arrow[row][f"c{at}"], by_duckdb[row][f"c{at}"]
            if declared in ("point", "geometry") and row:
                srid = 4326 if declared == "point" else 0
                assert arrow[:4] == engine[:4] == srid.to_bytes(4, "little")
                continue
            if f"c{at}" in zoned and engine is not None:
                engine = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=engine)
            assert (arrow, engine) == (expected, expected), (declared, row)


def test_generated_and_invisible_columns_and_odd_names_land(database, landed):
    database.execute(
        "CREATE TABLE `Pe``di%s dos` (`Sel%ect` int, `a:b` int AS (`Sel%ect` + 1) STORED, v int AS (`Sel%ect` * 2) VIRTUAL,"
        " hidden int INVISIBLE DEFAULT 5, `_source_name` text, `ñ` text)",
        "INSERT INTO `Pe``di%s dos` (`Sel%ect`, `_source_name`, `ñ`) VALUES (1, 'theirs', 'x')",
    )
    lake, outcome = landed()
    assert outcome.exit_code == 0, outcome
    assert lake.query('SELECT * EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id) FROM raw.erp."Pe`di%s dos"') == [
        [1, 2, 2, 5, "theirs", "x"]
    ]


def test_a_decimal_beyond_the_lakes_digits_is_said_in_the_catalog(database, landed):
    database.execute("CREATE TABLE t (d decimal(65,30))", "INSERT INTO t VALUES (1)")
    _, outcome = landed()
    assert outcome.results[0]["status"] == "success"
    assert "decimal(65,30)" in outcome.stderr + outcome.stdout


ZERO = {
    "a": ("date", "'0000-00-00'", "0000-00-00"),
    "b": ("date NOT NULL", "'0000-00-00'", "0000-00-00"),
    "c": ("date", "'2024-00-15'", "2024-00-15"),
    "d": ("date", "'2024-02-31'", "2024-02-31"),
    "e": ("datetime NOT NULL", "'2024-01-00 10:00:00'", "2024-01-00 10:00:00"),
    "f": ("datetime(6)", "'0000-00-00'", "0000-00-00 00:00:00.000000"),
    "g": ("timestamp NOT NULL", "'0000-00-00'", "0000-00-00 00:00:00"),
}


@pytest.fixture
def zeros(database):
    columns = ", ".join(f"{name} {declared}" for name, (declared, _, _) in ZERO.items())
    values = ", ".join(value for _, value, _ in ZERO.values())
    good = ", ".join("'2024-01-02'" for _ in ZERO)
    database.execute(
        f"CREATE TABLE t (id int, {columns})",
        "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
        f"INSERT INTO t VALUES (1, {values}), (2, {good})",
    )
    return database


@pytest.mark.parametrize("column", ZERO)
def test_an_impossible_date_fails_naming_its_column_and_the_ways_out(zeros, connector, column):
    with pytest.raises(DataError, match=rf"erp\.t\.{column}: .*'{ZERO[column][2]}' does not fit") as caught:
        read_table(connector(), "t", columns=("id", column))
    assert "on_invalid" in (caught.value.problem.hint or "")


def test_impossible_dates_land_nothing_or_text_or_null_as_the_policy_says(zeros, landed):
    lake, outcome = landed("t")
    assert outcome.exit_code == 1, outcome
    assert lake.files() == []

    lake, outcome = landed("t", on_invalid="text")
    assert outcome.exit_code == 0, outcome
    assert lake.query(f"SELECT {', '.join(ZERO)} FROM raw.erp.t WHERE id = 1") == [[text for _, _, text in ZERO.values()]]

    lake, outcome = landed("t", on_invalid={"*": "null", "a": "text"})
    assert outcome.exit_code == 0, outcome
    names = ", ".join(f"CAST({name} AS VARCHAR)[:10]" for name in ZERO)
    assert lake.query(f"SELECT {names} FROM raw.erp.t WHERE _extraction_id = (SELECT max(_extraction_id) FROM raw.erp.t) ORDER BY id") == [
        ["0000-00-00", *[None] * 6],
        ["2024-01-02"] * 7,
    ]
    assert "1 values that its type cannot hold became NULL" in outcome.stdout


def test_tinyint1_is_a_boolean_where_an_option_says_so(database, connector):
    database.execute("CREATE TABLE t (a tinyint(1), b tinyint)", "INSERT INTO t VALUES (1, 1), (0, 2), (NULL, NULL)")
    assert read_table(connector(tinyint1="boolean"), "t").to_pylist() == [{"a": True, "b": 1}, {"a": False, "b": 2}, {"a": None, "b": None}]
    database.execute("INSERT INTO t VALUES (7, 1)")
    with pytest.raises(DataError, match=r"erp\.t\.a: not every tinyint\(1\) is 0 or 1: it holds 7"):
        read_table(connector(tinyint1="boolean"), "t")


def test_the_zone_of_session_and_server_changes_no_value(database, connector):
    database.execute(
        "CREATE TABLE t (d datetime, s timestamp)",
        "SET time_zone = '+00:00'",
        "INSERT INTO t VALUES ('2024-07-01 12:00:00', '2024-07-01 12:00:00')",
    )
    old = database.execute("SELECT @@global.time_zone")[0][0]
    try:
        database.execute("SET GLOBAL time_zone = '-05:00'")
        (row,) = read_table(connector(), "t").to_pylist()
    finally:
        database.execute(f"SET GLOBAL time_zone = '{old}'")
    assert row == {"d": MOMENT("2024-07-01T12:00:00"), "s": MOMENT("2024-07-01T12:00:00+00:00")}


def test_a_column_with_impossible_dates_asks_to_be_read_as_text(database, connector):
    database.execute("CREATE TABLE t (d date)", "SET sql_mode = ''", "INSERT INTO t VALUES ('0000-00-00')")
    with pytest.raises(ReadAgain):
        read_table(connector(), "t", on_invalid={"*": "text"})
    assert read_table(connector(), "t", as_text=frozenset({"d"})).to_pylist() == [{"d": "0000-00-00"}]
