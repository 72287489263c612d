"""Increments from PostgreSQL: nothing lost, nothing twice, whatever commits late."""

from __future__ import annotations

import collections
import json
import random
import threading

import pytest


def extract(lake, *, full=False):
    """One extraction in this process."""
    (result,) = lake.lake.extract("erp", full=full).results
    return result


def same(database, lake, columns="id, v"):
    raw = lake.lake.query(f"SELECT {columns} FROM raw.erp.t").rows
    return collections.Counter(map(tuple, raw)) == collections.Counter(map(tuple, database.execute(f"SELECT {columns} FROM t")))


KEYS = [
    ("smallint", "1, 2", "2, 3"),
    ("bigint PRIMARY KEY", "1, -9223372036854775808", "9223372036854775807"),
    ("numeric(30,2)", "1.5, NULL, 'NaN'", "1.5, 12345678901234567890123456.78, NULL"),
    ("numeric", "9, 10, 'NaN'", "10, 11"),
    ("real", "0.1, 'Infinity'", "0.1, 0.2"),
    ("double precision", "0.1, 'NaN', '-Infinity'", "0.30000000000000004, 0.1"),
    ("date", "'2024-01-31', 'infinity', '-infinity'", "'2024-01-31', '2024-02-01'"),
    ("timestamp", "'2024-01-31 10:00', '2999-01-01'", "'2024-01-31 10:00', '2024-01-31 09:46'"),
    ("timestamptz", "'2024-01-31 10:00+02', 'infinity'", "'2024-01-31 08:00+00', '2024-02-01 00:00+14'"),
    ("uuid", "'018f0000-0000-7000-8000-000000000001'", "'018f0000-0000-7000-8000-000000000002'"),
    ("text", "'a', 'B'", "'b', 'á'"),
    ("interval", "'1 day'", "'25 hours'"),
    ("inet", "'10.0.0.1'", "'10.0.0.2'"),
]


@pytest.mark.parametrize(("declared", "first", "more"), KEYS, ids=[key[0] for key in KEYS])
def test_keys_of_every_ordered_type(database, declared, first, more):
    database.execute(f"CREATE TABLE t (id {declared}, v serial)")

    def insert(values):
        database.execute(*(f"INSERT INTO t (id) VALUES ({value})" for value in values.split(", ")))

    lake = database.lake(extract={"key_column": "id", "on_invalid": "text"})
    insert(first)
    assert extract(lake).rows == len(first.split(", "))
    insert(more)
    assert extract(lake).rows == len(more.split(", "))
    assert extract(lake).status == "empty"
    assert sorted(lake.lake.query("SELECT v FROM raw.erp.t").rows) == sorted(map(list, database.execute("SELECT v FROM t")))


def test_a_transaction_that_commits_late_is_not_lost(database):
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)", "INSERT INTO t (v) VALUES ('a')")
    lake = database.lake(extract={"key_column": "id"})
    assert extract(lake).notes == ()
    slow = database.connect()
    with slow.cursor() as cursor:
        cursor.execute("INSERT INTO t (v) VALUES ('late')")
        for _ in range(3):
            database.execute("INSERT INTO t (v) VALUES ('b')")
            assert extract(lake).rows == 1
        slow.commit()
    slow.close()
    assert extract(lake).rows == 1
    assert extract(lake).status == "empty"
    assert same(database, lake)


def watermark(lake):
    with lake.lake.catalog_store.read() as connection:
        return json.loads(connection.execute("SELECT state FROM tables").fetchone()[0])["watermark"]


def test_the_watermark_waits_for_open_transactions_only(database):
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1)")
    lake = database.lake(extract={"key_column": "id"})
    extract(lake)
    assert watermark(lake) == "1"
    open_one = database.connect()
    with open_one.cursor() as cursor:
        cursor.execute("SELECT 1")
        database.execute("INSERT INTO t VALUES (2, 2)")
        extract(lake)
        assert watermark(lake) == "1"
        open_one.rollback()
    open_one.close()
    extract(lake)
    assert watermark(lake) == "2"


def test_a_prepared_transaction_is_not_lost(database):
    if database.execute("SHOW max_prepared_transactions") == [("0",)]:
        pytest.skip("the server keeps no prepared transactions: max_prepared_transactions = 0")
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)", "INSERT INTO t (v) VALUES ('a')")
    lake = database.lake(extract={"key_column": "id"})
    database.execute("BEGIN; INSERT INTO t (v) VALUES ('prepared'); PREPARE TRANSACTION 'p'")
    database.execute("INSERT INTO t (v) VALUES ('b')")
    assert "prepared transactions" in " ".join(extract(lake).notes)
    database.execute("COMMIT PREPARED 'p'")
    assert extract(lake).rows == 1
    assert same(database, lake)


@pytest.fixture
def reader(database):
    """A role that may read and nothing else."""
    name = database.fields["database"].replace("test", "role")
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'geheim-{name}'")
    yield name
    database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_hidden_transactions_make_it_cautious_and_it_says_what_would_help(database, reader):
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)", "INSERT INTO t (v) VALUES ('a')", f"GRANT SELECT ON t TO {reader}")
    lake = database.lake(extract={"key_column": "id"}, user=reader, password=f"geheim-{reader}")
    slow = database.connect()
    with slow.cursor() as cursor:
        cursor.execute("INSERT INTO t (v) VALUES ('late')")
        database.execute("INSERT INTO t (v) VALUES ('b')")
        assert "GRANT pg_read_all_stats" in " ".join(extract(lake).notes)
        assert watermark(lake) is None
        slow.commit()
    slow.close()
    assert extract(lake).rows == 1
    assert same(database, lake)


def test_remarks_on_keys(database):
    database.execute("CREATE TABLE t (id uuid, f float8, n int, v int)", "CREATE INDEX ON t (n)")
    connector = database.connector()
    from ducklake.api import ExtractRequest

    with connector.open(["t"]) as session:
        notes = {key: " ".join(session.extract(ExtractRequest("t", "incremental", key_column=key)).notes) for key in ("id", "f", "n")}
    assert "random ones do not" in notes["id"]
    assert "no index begins with the key column 'f'" in notes["f"]
    assert "floating-point" in notes["f"]
    assert "key column" not in notes["n"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE t RENAME COLUMN id TO nr", "the key column 'id' is gone"),
        ("ALTER TABLE t ALTER id TYPE text", "now it holds text"),
        ("DELETE FROM t WHERE id = 2", "no row has id at or above 2"),
    ],
)
def test_what_cannot_go_on_stops(database, change, words):
    database.execute("CREATE TABLE t (id int, v text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    lake = database.lake(extract={"key_column": "id"})
    extract(lake)
    database.execute(change)
    result = extract(lake)
    assert words in result.error.message
    assert "--full" in result.error.hint


def test_a_changed_condition_stops(database):
    database.execute("CREATE TABLE t (id int, v text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    extract(database.lake(extract={"key_column": "id", "where": "v <> 'x'"}))
    result = extract(database.lake(extract={"key_column": "id", "where": "v <> 'a'"}))
    assert "`query` or `where` has changed" in result.error.message


def test_a_first_load_in_windows(database):
    database.execute(
        "CREATE TABLE t (id timestamptz, v int)",
        "INSERT INTO t SELECT timestamptz '2023-11-30 12:00+00' + n * interval '1 day', n FROM generate_series(0, 99) n",
        "INSERT INTO t VALUES (NULL, -1), ('-infinity', -2), ('infinity', -3), ('2023-01-15', -4)",
    )
    lake = database.lake(extract={"key_column": "id", "window": "1 month", "on_invalid": "null"})
    result = extract(lake)
    assert result.rows == 104
    assert len(result.files) > 3
    assert extract(lake).rows == 0
    database.execute("INSERT INTO t VALUES ('2024-03-09 00:00+00', -5), (NULL, -6)")
    assert extract(lake).rows == 2
    assert sorted(lake.lake.query("SELECT v FROM raw.erp.t").rows) == sorted(map(list, database.execute("SELECT v FROM t")))


def test_a_window_that_fails_keeps_those_before_and_goes_on_there(database):
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v date)",
        "INSERT INTO t SELECT n, '2024-01-01' FROM generate_series(1, 100) n",
        "UPDATE t SET v = 'infinity' WHERE id = 55",
    )
    lake = database.lake(extract={"key_column": "id", "window": 20})
    assert "erp.t.v" in extract(lake).error.message
    assert lake.lake.query("SELECT max(id) FROM raw.erp.t").rows == [[40]]
    database.execute("UPDATE t SET v = '2024-01-02' WHERE id = 55")
    assert extract(lake).rows == 60
    assert same(database, lake)


def test_all_tables_of_a_source_in_one_snapshot(database):
    database.execute("CREATE TABLE a (id serial PRIMARY KEY, v int)", "CREATE TABLE b (id serial PRIMARY KEY, v int)")
    database.execute("INSERT INTO a (v) SELECT n FROM generate_series(1, 10) n", "INSERT INTO b (v) SELECT n FROM generate_series(1, 10) n")
    lake = database.lake(["a", "b"], {"key_column": "id", "snapshot": "source"})
    connector = database.connector()
    from ducklake.api import ExtractRequest

    def rows(session, table):
        extraction = session.extract(ExtractRequest(table, "incremental", key_column="id", one_snapshot=True))
        return sum(batch.num_rows for stream in extraction.streams for batch in stream)

    with connector.open(["a", "b"]) as session:
        assert rows(session, "a") == 10
        database.execute("INSERT INTO a (v) VALUES (0)", "INSERT INTO b (v) VALUES (0)")
        assert rows(session, "b") == 10
    assert [result.rows for result in lake.lake.extract("erp").results] == [11, 11]


@pytest.mark.race
@pytest.mark.parametrize("key", ["sequence", "timestamptz"])
def test_race_of_five_writers(database, key):
    """Transactions of up to 2.5 s, rollbacks, ties, NULL keys, two extractions at once: nothing lost, nothing twice."""
    declared = {"sequence": "bigserial", "timestamptz": "timestamptz DEFAULT clock_timestamp()"}[key]
    nothing = {"sequence": "NULL::bigint", "timestamptz": "NULL::timestamptz"}[key]
    value = {"sequence": "nextval('t_id_seq')", "timestamptz": "clock_timestamp()"}[key]
    database.execute(f"CREATE TABLE t (id {declared}, v text)", "ALTER TABLE t ALTER id DROP NOT NULL", "CREATE INDEX ON t (id)")
    lake = database.lake(extract={"key_column": "id", "lookback": 0})
    done = threading.Event()
    failures = []

    def write(number):
        chance = random.Random(number)
        connection = database.connect()
        for turn in range(14):
            with connection.cursor() as cursor:
                for part in range(chance.randint(1, 4)):
                    id_ = chance.choice([value, value, value, nothing, "(SELECT max(id) FROM t)"])
                    cursor.execute(
                        f"INSERT INTO t SELECT {id_}, %s FROM generate_series(1, %s)", (f"{number}-{turn}-{part}", chance.choice([1, 1, 2]))
                    )
                    cursor.execute("SELECT pg_sleep(%s)", (chance.random() * 2.5 / 4,))
            connection.rollback() if chance.random() < 0.2 else connection.commit()
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
