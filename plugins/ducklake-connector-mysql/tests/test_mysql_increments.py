"""Increments from MySQL and MariaDB: nothing lost, nothing twice, whatever commits late."""

from __future__ import annotations

import collections
import datetime as dt
import random
import threading

import pytest


@pytest.fixture
def lake_of(database, lake_project):
    def make(tables=("t",), **extract):
        return lake_project({"config/sources.yaml": {"sources": [database.source(tables=tables, extract=extract)]}})

    return make


def extract(lake, *, full=False):
    """One extraction in this process."""
    (result,) = lake.lake.extract("erp", full=full).results
    assert result.error is None, result.error
    return result


def same(database, lake, columns="id, v"):
    raw = lake.lake.query(f"SELECT {columns} FROM raw.erp.t").rows
    held = database.execute("SET time_zone = '+00:00'", f"SELECT {columns} FROM t")
    return collections.Counter(tuple(map(_plain, row)) for row in raw) == collections.Counter(tuple(map(_plain, row)) for row in held)


def _plain(value):
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


KEYS = [
    ("tinyint unsigned", "1, 2", "2, 255"),
    ("bigint unsigned PRIMARY KEY", "1, 2", "18446744073709551615"),
    ("bigint", "-9223372036854775808, NULL", "9223372036854775807, NULL"),
    ("decimal(30,2)", "1.5, NULL", "1.5, 1234567890123456789012345678.99"),
    ("float", "0.1, 16777217", "16777217, 1e30"),
    ("double", "0.1", "0.1, 0.30000000000000004"),
    ("date", "'2024-01-31', '0000-00-00', NULL", "'2024-01-31', '2024-02-01'"),
    ("datetime", "'2024-01-31 10:00', '2999-01-01'", "'2024-01-31 10:00', '2024-01-31 09:46'"),
    ("datetime(6)", "'2024-01-31 10:00:00.000001', '0000-00-00'", "'2024-01-31 10:00:00.000002'"),
    ("timestamp(3) NULL", "'2024-01-31 10:00:00.001', NULL", "'2024-01-31 10:00:00.001', '2024-02-01'"),
    ("varchar(10)", "'a', 'B'", "'b', 'ca'"),
    ("year", "1999", "2024"),
    ("bit(8)", "1", "b'11111111'"),
]


@pytest.mark.parametrize(("declared", "first", "more"), KEYS, ids=[key[0] for key in KEYS])
def test_keys_of_every_ordered_type(database, lake_of, declared, first, more):
    database.execute(f"CREATE TABLE t (id {declared}, v int AUTO_INCREMENT UNIQUE)")

    def insert(values):
        database.execute("SET sql_mode = ''", *(f"INSERT INTO t (id) VALUES ({value})" for value in values.split(", ")))

    lake = lake_of(key_column="id", on_invalid="null")
    insert(first)
    assert extract(lake).rows == len(first.split(", "))
    insert(more)
    assert extract(lake).rows == len(more.split(", "))
    assert extract(lake).status == "empty"
    assert sorted(lake.lake.query("SELECT v FROM raw.erp.t").rows) == sorted(map(list, database.execute("SELECT v FROM t")))


@pytest.mark.parametrize("declared", ["int AUTO_INCREMENT PRIMARY KEY", "datetime(6) NOT NULL DEFAULT UTC_TIMESTAMP(6), KEY (id)"])
def test_a_transaction_that_commits_late_is_not_lost(database, lake_of, declared):
    database.execute(f"CREATE TABLE t (id {declared}, v text)", "INSERT INTO t (v) VALUES ('a')")
    lake = lake_of(key_column="id", lookback=0)
    assert extract(lake).notes == ()
    late = database.connect()
    with late.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (v) VALUES ('late')")
        database.execute("INSERT INTO t (v) VALUES ('soon')", "INSERT INTO t (v) VALUES ('later')")
        # InnoDB shows what it saw before the transaction, as long as somebody asks again within a tenth of a second.
        database.execute("SELECT COUNT(*) FROM information_schema.INNODB_TRX")
        assert extract(lake).rows == 2
        assert extract(lake).status == "empty"
        cursor.execute("COMMIT")
    late.close()
    assert extract(lake).rows == 1
    assert same(database, lake, "id, v")
    assert extract(lake).status == "empty"


def test_a_reader_that_stays_open_holds_nothing_back(database, lake_of):
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'a')")
    lake = lake_of(key_column="id")
    reader = database.connect()
    with reader.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        cursor.execute("SELECT * FROM t")
        assert extract(lake).rows == 1
    assert extract(lake).status == "empty"
    reader.close()


def test_a_key_that_goes_back_or_changes_its_type_is_refused(database, lake_of):
    database.execute("CREATE TABLE t (id int, v text, KEY (id))", "INSERT INTO t VALUES (5, 'a')")
    lake = lake_of(key_column="id")
    extract(lake)
    database.execute("UPDATE t SET id = 1")
    outcome = lake.run("extract", "erp", "--json")
    assert outcome.exit_code == 1
    assert "at or above 5" in outcome.results[0]["error"]["message"]
    assert "--full" in outcome.results[0]["error"]["hint"]
    database.execute("ALTER TABLE t MODIFY id varchar(10)")
    assert "the key column held whole numbers, now it holds text" in lake.run("extract", "erp", "--json").results[0]["error"]["message"]
    assert extract(lake, full=True).rows == 1


def test_a_key_without_an_index_is_said_once(database, lake_of):
    database.execute("CREATE TABLE t (id int, v text)", "INSERT INTO t VALUES (1, 'a')")
    lake = lake_of(key_column="id")
    assert any("no index begins with the key column 'id'" in note for note in extract(lake).notes)
    assert not extract(lake).notes


@pytest.mark.race
@pytest.mark.parametrize("key", ["sequence", "timestamp"])
def test_race_of_five_writers(database, lake_of, key):
    """Transactions of up to 2.5 s, rollbacks, ties, NULL keys, two extractions at once: nothing lost, nothing twice."""
    declared = {"sequence": "bigint", "timestamp": "timestamp(6) NULL"}[key]
    database.execute(f"CREATE TABLE t (id {declared}, v varchar(20), KEY (id))", "CREATE SEQUENCE s")
    value = {"sequence": "NEXTVAL(s)", "timestamp": "SYSDATE(6)"}[key]
    lake = lake_of(key_column="id", lookback=0)
    done = threading.Event()
    failures = []

    def write(number):
        chance = random.Random(number)
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            for turn in range(14):
                cursor.execute("BEGIN")
                for part in range(chance.randint(1, 4)):
                    id_ = chance.choice([value, value, value, "NULL", "@tie"])
                    cursor.execute("SELECT MAX(id) INTO @tie FROM t")
                    for _ in range(chance.choice([1, 1, 2])):
                        cursor.execute(f"INSERT INTO t SELECT {id_}, %s", (f"{number}-{turn}-{part}",))
                    cursor.execute("SELECT SLEEP(%s)", (chance.random() * 2.5 / 4,))
                cursor.execute("ROLLBACK" if chance.random() < 0.2 else "COMMIT")
        connection.close()

    def land():
        from ducklake import Lake

        own = Lake(lake.path, wait=60)
        while not done.is_set():
            failures.extend(result.error for result in own.extract("erp").results if result.error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    landers = [threading.Thread(target=land) for _ in range(2)]
    for thread in writers + landers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in landers:
        thread.join()
    extract(lake)
    assert failures == []
    assert len(database.execute("SELECT 1 FROM t")) > 100
    assert same(database, lake)
    assert extract(lake).status == "empty"
