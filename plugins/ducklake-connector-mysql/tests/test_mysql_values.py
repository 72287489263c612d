"""Every type of the server at its worst, and what becomes of values that have no place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from ducklake.api.extraction import ReadAgain
from ducklake.errors import DataError
from ducklake.testing import read_table
from ducklake_connector_mysql.matrix import CASES, page

MOMENT = dt.datetime.fromisoformat


def rows(lake, sql):
    """The rows of a SELECT over the lake, in this process."""
    return [list(row) for row in lake.lake.query(sql).rows]


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
    lake, outcome = landed(verify="full")  # the server's checksum of each column is that of what was written
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


def test_the_page_of_types_is_made_of_the_cases():
    written = Path(__file__).parents[3] / "docs/reference/mysql-types.md"
    if not written.is_file():
        pytest.skip("the documentation is part of the repository, not of the package")
    assert page() in written.read_text(encoding="utf-8")


def test_types_of_mariadb_alone_land_as_text(database, connector):
    if "MariaDB" not in database.execute("SELECT VERSION()")[0][0]:
        pytest.skip("MySQL has no such types")
    database.execute(
        "CREATE TABLE t (u uuid, i inet6, f inet4)",
        "INSERT INTO t VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', '::1', '10.0.0.1'), (NULL, NULL, NULL)",
    )
    assert read_table(connector(), "t").to_pylist() == [
        {"u": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "i": "::1", "f": "10.0.0.1"},
        {"u": None, "i": None, "f": None},
    ]


def test_generated_and_invisible_columns_and_odd_names_land(database, landed):
    database.execute(
        "CREATE TABLE `Pe``di%s dos` (`Sel%ect` int, `a:b` int AS (`Sel%ect` + 1) STORED, v int AS (`Sel%ect` * 2) VIRTUAL,"
        " hidden int INVISIBLE DEFAULT 5, `_source_name` text, `ñ` text)",
        "INSERT INTO `Pe``di%s dos` (`Sel%ect`, `_source_name`, `ñ`) VALUES (1, 'theirs', 'x')",
    )
    lake, outcome = landed()
    assert outcome.exit_code == 0, outcome
    assert rows(lake, 'SELECT * EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id) FROM raw.erp."Pe`di%s dos"') == [
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
    assert rows(lake, f"SELECT {', '.join(ZERO)} FROM raw.erp.t WHERE id = 1") == [[text for _, _, text in ZERO.values()]]

    lake, outcome = landed("t", on_invalid={"*": "null", "a": "text"})
    assert outcome.exit_code == 0, outcome
    names = ", ".join(f"CAST({name} AS VARCHAR)[:10]" for name in ZERO)
    assert rows(lake, f"SELECT {names} FROM raw.erp.t WHERE _extraction_id = (SELECT max(_extraction_id) FROM raw.erp.t) ORDER BY id") == [
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


_OURS = """---TRANSACTION (0x7f68f138c680), ACTIVE 0 sec
0 lock struct(s), heap size 1128, 0 row lock(s)
MariaDB thread id 9, OS thread handle 1, query id 19 127.0.0.1 root starting
SHOW ENGINE INNODB STATUS
"""
_IDLE = "---TRANSACTION 421, not started\n0 lock struct(s), heap size 1128, 0 row lock(s)\n"
_WRITER = "---TRANSACTION 19, ACTIVE 3 sec\n1 lock struct(s), undo log entries 1\nMySQL thread id 10, OS thread handle 2, query id 21 x\n"
_PREPARED = "---TRANSACTION 23, ACTIVE (PREPARED) 0 sec recovered trx\n1 lock struct(s), undo log entries 1\n"


@pytest.mark.parametrize(
    ("blocks", "alone"),
    [
        ([_OURS], True),
        ([_IDLE, _OURS, _IDLE], True),
        ([_OURS.replace("MariaDB", "MySQL").replace("(0x7f68f138c680)", "421")], True),
        ([_OURS, _WRITER], False),
        ([_WRITER, _OURS], False),
        ([_OURS, _PREPARED], False),
        ([_IDLE], False),
        ([_WRITER.replace("id 10,", "id 99,")], False),
        ([_WRITER + "INSERT INTO t VALUES ('\n thread id 9,", _OURS], False),
        ([_OURS, "---TRANSACTION 5, COMMITTED IN MEMORY\n"], False),
        ([_OURS, "... truncated...\n"], False),
        ([], False),
    ],
)
def test_what_innodb_reports_of_open_transactions(blocks, alone):
    from ducklake_connector_mysql.probe import only_one_is_open

    head = "*** (1) TRANSACTION:\nTRANSACTION 7, ACTIVE 1 sec\n------------\nTRANSACTIONS\n------------\nTrx id counter 20\n"
    assert only_one_is_open(f"{head}LIST OF TRANSACTIONS FOR EACH SESSION:\n{''.join(blocks)}--------\nFILE I/O\n", 9) is alone
