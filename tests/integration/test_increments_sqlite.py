"""Increments of SQLite tables: each row version lands once, and what cannot be relied upon is said."""

from __future__ import annotations

import collections
import datetime as dt
import random
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from ducklake.testing.project import LakeProject, sqlite_file

SOURCE = "sources:\n  - {{name: shop, type: sqlite, connection: {{database: shop.db}}, tables: [t], extract: {{{extract}}}}}\n"


@pytest.fixture
def shop(lake_project):
    def made(script: str, extract: str = "key_column: id") -> LakeProject:
        return lake_project({"config/sources.yaml": SOURCE.format(extract=extract), "shop.db": sqlite_file(script)})

    return made


def execute(lake: LakeProject, script: str) -> None:
    with closing(sqlite3.connect(lake.path / "shop.db")) as connection:
        connection.executescript(script)


def source(lake: LakeProject, columns: str = "*") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(lake.path / "shop.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM t").fetchall()


def extract(lake: LakeProject, *options: str) -> dict[str, Any]:
    (result,) = lake.extract("shop", full="--full" in options)
    return result


def refused(lake: LakeProject, code: int = 1) -> dict[str, Any]:
    (error,) = lake.fails(code, "extract", "shop", "--json").errors
    return error


def raw(lake: LakeProject, columns: str = "* EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id)") -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lake.query(f"SELECT {columns} FROM raw.shop.t")]


def same(one: list[Any], other: list[Any]) -> bool:
    return collections.Counter(one) == collections.Counter(other)


NUMBERED = """
CREATE TABLE t (id INTEGER, v TEXT);
CREATE INDEX i ON t(id);
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (2, 'b'), (NULL, 'n'), (NULL, 'n');
"""


def test_a_second_extraction_lands_only_what_is_new(shop):
    lake = shop(NUMBERED)
    assert extract(lake)["rows"] == 5
    second = extract(lake)
    assert (second["status"], second["rows"], second["files"]) == ("empty", 0, [])
    assert len(lake.files("data/raw/**/*.parquet")) == 1
    execute(lake, "INSERT INTO t VALUES (2, 'tie'), (2, 'b'), (3, 'c'), (NULL, 'n'), (NULL, 'm')")
    third = extract(lake)
    assert (third["status"], third["rows"]) == ("success", 5)
    assert same(raw(lake), source(lake))
    assert extract(lake)["status"] == "empty"


def test_an_updated_row_lands_again_when_its_key_grows(shop):
    lake = shop(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n INTEGER); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);", "key_column: n"
    )
    extract(lake)
    execute(lake, "UPDATE t SET v = 'A', n = 3 WHERE id = 1")
    assert extract(lake)["rows"] == 1
    assert same(raw(lake), [(1, "a", 1), (2, "b", 2), (1, "A", 3)])


def test_late_rows_within_the_lookback_land(shop):
    lake = shop(
        "CREATE TABLE t (at DATETIME, v INTEGER); INSERT INTO t VALUES ('2024-05-01 10:00:00', 1), ('2024-05-01T09:50:00', 2);",
        "key_column: at",
    )
    extract(lake)
    execute(lake, "INSERT INTO t VALUES ('2024-05-01 09:45:00', 3), ('2024-05-01T09:50:00', 2), ('2024-05-01 09:30:00', 4)")
    assert extract(lake)["rows"] == 2
    assert same([row[0] for row in raw(lake, "v")], [1, 2, 2, 3])


def test_a_lookback_of_ones_own(shop):
    lake = shop("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (100);", "key_column: id, lookback: 10")
    extract(lake)
    execute(lake, "INSERT INTO t VALUES (90), (89)")
    assert extract(lake)["rows"] == 1
    assert same(raw(lake), [(100,), (90,)])


def test_rows_of_the_future_land_once_and_hold_nothing_back(shop):
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(days=400)).strftime("%Y-%m-%d %H:%M:%S")
    lake = shop(
        f"CREATE TABLE t (at DATETIME, v INTEGER); INSERT INTO t VALUES ('2024-05-01 10:00:00', 1), ('{soon}', 2);", "key_column: at"
    )
    extract(lake)
    execute(lake, "INSERT INTO t VALUES ('2024-05-02 10:00:00', 3)")
    assert extract(lake)["rows"] == 1
    assert extract(lake)["status"] == "empty"
    assert len(raw(lake)) == 3


def test_full_begins_anew_and_keeps_the_old_files(shop):
    lake = shop("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    extract(lake)
    execute(lake, "UPDATE t SET v = 'B' WHERE id = 2; INSERT INTO t VALUES (3, 'c')")
    assert extract(lake)["rows"] == 2
    execute(lake, "DELETE FROM t WHERE id = 1")
    assert extract(lake, "--full")["rows"] == 2
    assert same(raw(lake), source(lake))
    assert len(lake.files("data/raw/**/*.parquet")) == 3
    execute(lake, "INSERT INTO t VALUES (4, 'd')")
    assert extract(lake)["rows"] == 1
    assert same(raw(lake), source(lake))


@pytest.mark.parametrize(
    ("columns", "key", "first", "more"),
    [
        ("id INTEGER PRIMARY KEY, v", "id", "(1, 'a'), (2, 'b')", "(3, 'a'), (4, NULL)"),
        ("v TEXT", "rowid", "('a'), ('a'), ('b')", "('a'), ('b')"),
        ("id REAL, v", "id", "(1.5, 'a'), (0.1, 'b'), (9e999, 'c')", "(1.5, 'd'), (2.25, 'a'), (9e999, 'c')"),
        ("id TEXT COLLATE NOCASE, v", "id", "('a', 1), ('B', 2), ('b', 3)", "('b', 4), ('c', 5), ('ñ', 6)"),
        ("id DATE, v", "id", "('2024-01-01', 1), ('2024-01-31', 2)", "('2024-01-30', 3), ('2024-01-31', 4), ('2024-02-01', 5)"),
        ("id DATETIME, v", "id", "('2024-01-01 10:00:00.5', 1)", "('2024-01-01T10:00:00.50', 1), ('2024-01-01T10:00:00.500001', 2)"),
        ("id DECIMAL(10,2), v", "id", "(0.1, 1), (1234567.89, 2)", "(1234567.89, 3), (1234567.9, 4), (2000000, 5)"),
        ("id, v", "id", "(1, 'a')", "(2, 'b'), (9223372036854775807, 'c')"),
        ('[un ""nombre] INTEGER, v', 'un ""nombre', "(1, 'a')", "(2, 'b')"),
    ],
)
def test_keys_of_every_kind(shop, columns, key, first, more):
    lake = shop(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {first};", f"key_column: '{key}'")
    extract(lake)
    execute(lake, f"INSERT INTO t VALUES {more}")
    count = len(source(lake))
    result = extract(lake)
    assert result["rows"] == more.count("(")
    assert lake.query("SELECT count(*) FROM raw.shop.t") == [[count]]
    assert extract(lake)["status"] == "empty"


def test_the_number_of_the_row_lands_as_a_column(shop):
    lake = shop("CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('a'), ('a');", "key_column: rowid")
    assert "VACUUM" in " ".join(extract(lake)["notes"])
    execute(lake, "INSERT INTO t VALUES ('a')")
    extract(lake)
    assert same(raw(lake, "rowid, v"), source(lake, "rowid, v"))


@pytest.mark.parametrize(
    ("columns", "key", "words"),
    [
        ("id REAL", "id", "floating-point"),
        ("id TEXT", "id", "order of texts"),
        ("id INTEGER", "id", "no index begins with"),
    ],
)
def test_doubtful_keys_are_remarked_once(shop, columns, key, words):
    lake = shop(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES (1);", f"key_column: {key}")
    assert any(words in note for note in extract(lake)["notes"])
    execute(lake, "INSERT INTO t VALUES (2)")
    assert extract(lake)["notes"] == []


@pytest.mark.parametrize(
    ("change", "extraction", "words"),
    [
        ("ALTER TABLE t RENAME COLUMN id TO nr", "key_column: id", "the key column 'id' is gone"),
        ("UPDATE t SET id = 'x' WHERE id = 2", "key_column: id", "held whole numbers, now it holds text"),
        ("DELETE FROM t WHERE id >= 2", "key_column: id", "no row has id at or above 2"),
        ("DELETE FROM t", "key_column: id", "no row has id at or above 2"),
        ("SELECT 1", "key_column: n", "the key column is now 'n', so far it was 'id'"),
    ],
)
def test_what_cannot_go_on_says_so_and_offers_to_begin_anew(shop, change, extraction, words):
    lake = shop("CREATE TABLE t (id INTEGER, n INTEGER); INSERT INTO t VALUES (1, 1), (2, 2);")
    extract(lake)
    execute(lake, change)
    lake.write({"config/sources.yaml": SOURCE.format(extract=extraction)})
    error = refused(lake)
    assert words in error["message"]
    assert "ducklake extract shop --table t --full" in error["hint"]
    assert len(raw(lake)) == 2
    if "RENAME" not in change and "'x'" not in change:
        assert extract(lake, "--full")["rows"] == len(source(lake))


@pytest.mark.parametrize(
    ("columns", "extraction", "code", "words", "hint"),
    [
        ("id INTEGER", "key_column: idd", 1, "no column 'idd'", "did you mean 'id'?"),
        ("id BLOB", "key_column: id", 1, "a column of binary cannot be the key_column", "updated_at"),
        ("id INTEGER", "key_column: id, lookback: 10 minutes", 2, "its lookback a number", "lookback: 1000"),
        ("id DATE", "key_column: id, lookback: 10", 2, "its lookback a duration", "10 minutes"),
        ("id TEXT", "key_column: id, lookback: 10", 2, "cannot be taken off a key that is text", "leave lookback out"),
        ("id", "key_column: id", 1, "text and numbers, which have no common order", "key_column"),
    ],
)
def test_keys_that_cannot_be_are_refused(shop, columns, extraction, code, words, hint):
    value = {"id BLOB": "x'00'", "id DATE": "'2024-01-01'", "id": "1), ('a'"}.get(columns, "1")
    lake = shop(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({value});", extraction)
    error = refused(lake, code)
    assert words in error["message"]
    assert hint in error["hint"]


def test_a_column_that_does_not_fit_its_type_stays_text_and_nothing_lands_twice(shop):
    lake = shop("CREATE TABLE t (id INTEGER, n DECIMAL(10,2), m INTEGER); INSERT INTO t VALUES (1, 1.5, 1), (2, 2.5, 'x');")
    extract(lake)
    execute(lake, "INSERT INTO t VALUES (3, 3.125, 2)")
    assert extract(lake)["rows"] == 1
    assert same(raw(lake), [(1, "1.50", "1"), (2, "2.50", "x"), (3, "3.125", "2")])
    execute(lake, "INSERT INTO t VALUES (4, 4, 4)")
    assert extract(lake)["rows"] == 1


def test_an_empty_table_begins_when_its_first_rows_come(shop):
    lake = shop("CREATE TABLE t (id, v);")
    assert extract(lake)["rows"] == 0
    execute(lake, "INSERT INTO t VALUES (1, 'a')")
    assert extract(lake)["rows"] == 1
    assert extract(lake)["status"] == "empty"


def test_writers_and_extractions_race_and_nothing_is_lost_or_doubled(shop):
    lake = shop(
        """
        PRAGMA journal_mode = wal;
        CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, moment DATETIME, v TEXT);
        CREATE INDEX i ON t(moment);
        """,
        "key_column: moment",
    )
    path, until = lake.path / "shop.db", time.monotonic() + 6
    versions: collections.Counter[tuple[Any, ...]] = collections.Counter()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        chance = random.Random(number)
        try:
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
                while time.monotonic() < until:
                    # The time is taken before the write lock, as applications do.
                    now = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=chance.choice((0, 0, 2)))
                    time.sleep(chance.random() / 20)
                    connection.execute("BEGIN IMMEDIATE")
                    rows = connection.execute(
                        "INSERT INTO t (n, moment, v) VALUES (?, ?, ?), (?, ?, ?) RETURNING *", (number, f"{now:%F %T.%f}", "new") * 2
                    ).fetchall()
                    versions.update(rows)
                    connection.execute("COMMIT")
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    landed = 0
    while any(writer.is_alive() for writer in writers):
        landed += extract(lake)["rows"]
    for writer in writers:
        writer.join()
    landed += extract(lake)["rows"]
    assert not failures
    rows = raw(lake, "id, n, strftime(moment, '%Y-%m-%d %H:%M:%S.%f'), v")
    assert landed == len(rows)
    assert collections.Counter(rows) == versions
    assert extract(lake)["status"] == "empty"


def test_an_increment_of_a_large_table_reads_by_the_index(shop):
    lake = shop(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) INSERT INTO t SELECT n, 'v' || n FROM s;
        """
    )
    extract(lake)
    for start in (20001, 20101):
        execute(lake, "".join(f"INSERT INTO t VALUES ({number}, 'w');" for number in range(start, start + 100)))
        assert extract(lake)["rows"] == 100
    assert lake.query("SELECT count(*), count(DISTINCT id) FROM raw.shop.t") == [[20200, 20200]]


def test_the_state_is_text_only(shop):
    lake = shop("CREATE TABLE t (id REAL); INSERT INTO t VALUES (0.1);")
    extract(lake)
    from ducklake.catalog import queries

    with lake.lake.catalog_store.read() as connection:
        (table,) = queries.snapshot(connection).values()
    assert table.state is not None
    assert table.state["watermark"] == "0.1"
    assert all(isinstance(value, str) for probe in table.state["history"] for value in probe)
