"""Increments of type `sql`: the rule of the watermark, and tables of real databases."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import json
import uuid

import pytest
import sqlalchemy as sa

from ducklake.errors import ConfigurationError, DataError
from ducklake_connector_sql.cursor import Cursor, Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, back, lookback_of, text_of

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_the_watermark_is_what_was_seen_before_anything_open_began():
    cursor = Cursor("id", "integer").advanced(Probe("10", after(0)), Horizon(after(-5)))
    assert cursor.watermark is None
    cursor = cursor.advanced(Probe("20", after(60)), Horizon(after(30)))
    assert cursor.watermark == "10"
    cursor = cursor.advanced(Probe("30", after(120)), Horizon(after(30)))
    assert cursor.watermark == "10"
    cursor = cursor.advanced(Probe("40", after(180)), Horizon(after(180)))
    assert cursor.watermark == "30"


def test_a_quiet_source_advances_at_once():
    assert Cursor("id", "integer").advanced(Probe("10", NOON), Horizon(NOON, quiet=True)).watermark == "10"


def test_the_watermark_never_sinks():
    cursor = Cursor("id", "integer", "9").advanced(Probe("10", NOON), Horizon(after(1)))
    assert cursor.advanced(Probe("2", after(60)), Horizon(after(90))).watermark == "10"
    assert cursor.advanced(Probe(None, after(60)), Horizon(after(90))).watermark == "10"


def test_a_clock_that_jumps_back_only_makes_it_lag():
    cursor = Cursor("id", "integer").advanced(Probe("10", after(3600)), Horizon(after(3600), quiet=True))
    assert cursor.advanced(Probe("20", NOON), Horizon(after(1))).watermark == "20"
    assert cursor.advanced(Probe("20", NOON), Horizon(after(-60))).watermark == "10"


def test_the_state_is_plain_text_and_comes_back():
    cursor = Cursor("id", "float", "0.1", (Probe("0.1", NOON), Probe(None, after(1))), ("n",))
    state = json.loads(json.dumps(cursor.to_state()))
    assert Cursor.from_state(state, "id", "s.t") == cursor
    with pytest.raises(DataError, match="key column is now 'x', so far it was 'id'"):
        Cursor.from_state(state, "x", "s.t")


def test_the_history_is_short():
    cursor = Cursor("id", "integer")
    for number in range(300):
        cursor = cursor.advanced(Probe(str(number), after(number)), Horizon(after(number)))
    assert len(cursor.history) == 100


@pytest.mark.parametrize(
    ("kind", "text", "distance", "low"),
    [
        ("integer", "9223372036854775807", decimal.Decimal(7), "9223372036854775800"),
        ("decimal", "12345678901234567890123456789012345678.99", decimal.Decimal("0.99"), "12345678901234567890123456789012345678.00"),
        ("float", "1.5", decimal.Decimal(1), "0.5"),
        ("date", "2024-03-01", dt.timedelta(minutes=15), "2024-02-29"),
        ("timestamp", "2024-03-01 00:00:00.5", dt.timedelta(minutes=15), "2024-02-29 23:45:00.5"),
        ("timestamp", "2024-03-01 00:00:00+00", dt.timedelta(days=1), "2024-02-29 00:00:00+00"),
        ("timestamp", "0001-01-01 00:00:00", dt.timedelta(days=1), None),
        ("text", "b", decimal.Decimal(0), "b"),
    ],
)
def test_the_low_bound_is_exact(kind, text, distance, low):
    assert back(kind, text, distance) == low


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("timestamp", "2024-01-01T10:00:00.500000", "2024-01-01 10:00:00.5"),
        ("timestamp", "2024-01-01 12:00:00+02", "2024-01-01 10:00:00+00"),
        ("timestamp", "infinity", None),
        ("timestamp", "0044-03-15 10:00:00 BC", None),
        ("date", "0000-00-00", None),
        ("date", dt.date(2024, 1, 31), "2024-01-31"),
        ("float", float("nan"), None),
        ("float", 0.1, "0.1"),
        ("decimal", "NaN", None),
        ("decimal", decimal.Decimal("1E+2"), "100"),
        ("integer", 5, "5"),
        ("integer", None, None),
    ],
)
def test_keys_as_text(kind, value, text):
    assert text_of(kind, value) == text


def test_a_lookback_goes_with_its_key():
    assert lookback_of("date", None, "s.t.c") == TIME_LOOKBACK
    assert lookback_of("integer", None, "s.t.c") == 0
    assert lookback_of("date", decimal.Decimal(0), "s.t.c") == 0
    for kind, lookback in (("integer", dt.timedelta(1)), ("timestamp", decimal.Decimal(5)), ("text", decimal.Decimal(5))):
        with pytest.raises(ConfigurationError):
            lookback_of(kind, lookback, "s.t.c")


class Tables:
    """A database of one's own on some server, and a lake over it."""

    def __init__(self, url, lake):
        self.url, self.lake = url, lake

    def execute(self, *statements):
        with sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
            results = [connection.exec_driver_sql(statement) for statement in statements]
            return results[-1].fetchall() if results[-1].returns_rows else []

    def configure(self, extract):
        url = self.url
        fields = {"drivername": url.drivername, "host": url.host, "port": url.port, "database": url.database, "user": url.username}
        connection = {name: value for name, value in {**fields, "password": url.password}.items() if value}
        source = {"name": "erp", "type": "sql", "connection": connection, "tables": ["t"], "extract": extract}
        self.lake.write({"config/sources.yaml": {"sources": [source]}})

    def extract(self, *options):
        (result,) = self.lake.extract("erp", full="--full" in options)
        return result

    def same(self, columns):
        raw = self.lake.query(f"SELECT {columns} FROM raw.erp.t")
        source = self.execute(f"SELECT {columns} FROM t")
        return collections.Counter(map(tuple, raw)) == collections.Counter(map(tuple, source))


@pytest.fixture
def sqlite(tmp_path, lake_project):
    lake = lake_project()
    return Tables(sa.make_url(f"sqlite:///{lake.path / 'shop.db'}"), lake)


def server(fixture: str, driver: str, module: str, package: str):
    @pytest.fixture
    def made(request, lake_project):
        pytest.importorskip(module, reason=f"needs the driver: pip install '{package}'")
        url = sa.make_url(request.getfixturevalue(fixture)).set(drivername=driver)
        name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
        admin = Tables(url, None)
        admin.execute(f"CREATE DATABASE {name}")
        yield Tables(url.set(database=name), lake_project())
        admin.execute(f"DROP DATABASE {name}")

    return made


postgresql = server("postgresql_url", "postgresql+psycopg", "psycopg", "psycopg[binary]")
mysql = server("mysql_url", "mysql+pymysql", "pymysql", "pymysql")


def goes_on(tables, extract, first, more, columns="id, v"):
    """Two extractions land what the source holds, each row once, and a third one nothing."""
    tables.configure(extract)
    tables.execute(f"INSERT INTO t VALUES {first}")
    one = tables.extract()
    tables.execute(f"INSERT INTO t VALUES {more}")
    assert tables.extract()["rows"] == more.count("(")
    assert tables.extract()["status"] == "empty"
    assert tables.same(columns)
    return one


def test_sqlite_goes_on_at_once(sqlite):
    sqlite.execute("CREATE TABLE t (id INTEGER, v TEXT)", "CREATE INDEX i ON t (id)")
    one = goes_on(sqlite, {"key_column": "id"}, "(1, 'a'), (2, 'b'), (2, 'b'), (NULL, 'n')", "(2, 'b'), (2, 'c'), (3, 'd'), (NULL, 'n')")
    assert one["notes"] == []
    sqlite.execute("INSERT INTO t VALUES (1, 'late')")
    assert sqlite.extract()["status"] == "empty"


def test_sqlite_dates_with_and_without_a_t(sqlite):
    sqlite.execute("CREATE TABLE t (id DATETIME, v INTEGER)")
    goes_on(
        sqlite,
        {"key_column": "id", "lookback": "1 hour"},
        "('2024-01-01T10:00:00', 1), ('2024-01-01 10:30:00', 2)",
        "('2024-01-01 09:45:00', 3), ('2024-01-01T10:00:00', 1), ('2024-01-02 00:00:00', 4)",
        "v",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE t RENAME COLUMN id TO nr", "the key column 'id' is gone"),
        ("DELETE FROM t WHERE id = 2", "no row has id at or above 2"),
    ],
)
def test_what_cannot_go_on_stops(sqlite, change, words):
    sqlite.configure({"key_column": "id"})
    sqlite.execute("CREATE TABLE t (id INTEGER, v TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    sqlite.extract()
    sqlite.execute(change)
    (error,) = sqlite.lake.fails(1, "extract", "erp", "--json").errors
    assert words in error["message"]
    assert "--full" in error["hint"]


KEYS = [
    ("int primary key", "(1, 'a'), (2, 'b')", "(3, 'a')"),
    ("bigint", "(1, 'a'), (NULL, 'n')", "(1, 'a'), (-1, 'b'), (NULL, 'n')"),
    ("numeric(30,2)", "(1.5, 'a')", "(12345678901234567890123456.78, 'b'), (1.5, 'a')"),
    ("double precision", "(0.1, 'a')", "(0.1, 'a'), (0.30000000000000004, 'b')"),
    ("date", "('2024-01-31', 'a')", "('2024-01-31', 'a'), ('2024-02-01', 'b')"),
    ("varchar(20)", "('a', 'a'), ('B', 'b')", "('b', 'c'), ('á', 'd')"),
]


@pytest.mark.parametrize(
    ("declared", "first", "more"), [*KEYS, ("timestamptz", "('2024-01-31 10:00+02', 'a')", "('2024-01-31 08:00+00', 'a')")]
)
def test_postgresql_keys(postgresql, declared, first, more):
    postgresql.execute(f'CREATE TABLE t ("id" {declared}, v text)')
    one = goes_on(postgresql, {"key_column": "id"}, first, more, "v")
    assert any("open transactions of the database are not seen" in note for note in one["notes"])


@pytest.mark.parametrize(
    ("declared", "first", "more"), [*KEYS, ("timestamp(6) NULL", "('2024-01-31 10:00:00.5', 'a')", "('2024-01-31 10:00:00.5', 'a')")]
)
def test_mysql_keys(mysql, declared, first, more):
    mysql.execute(f"CREATE TABLE t (id {declared}, v varchar(20))")
    goes_on(mysql, {"key_column": "id"}, first, more, "v")


@pytest.mark.parametrize("name", ["postgresql", "mysql"])
def test_a_transaction_that_commits_late_is_not_lost(request, name):
    tables = request.getfixturevalue(name)
    tables.execute("CREATE TABLE t (id int primary key, v varchar(20))", "INSERT INTO t VALUES (1, 'a')")
    tables.configure({"key_column": "id"})
    tables.extract()
    with sa.create_engine(tables.url, poolclass=sa.NullPool).connect() as slow:
        slow.exec_driver_sql("INSERT INTO t VALUES (2, 'late')")
        tables.execute("INSERT INTO t VALUES (3, 'b')")
        assert tables.extract()["rows"] == 1
        slow.commit()
    assert tables.extract()["rows"] == 1
    assert tables.same("id, v")


@pytest.mark.parametrize("name", ["postgresql", "mysql"])
def test_a_watermark_of_long_ago_bounds_what_is_read(request, name):
    """With a probe of an hour ago in the state, the server gets the low bound as a parameter of the key's type."""
    tables = request.getfixturevalue(name)
    tables.execute("CREATE TABLE t (id timestamp NULL, v int)", "INSERT INTO t VALUES ('2024-01-31 10:00:00', 1)")
    tables.configure({"key_column": "id"})
    tables.extract()
    store = tables.lake.lake.catalog_store
    with store.write() as connection:
        (text,) = connection.execute("SELECT state FROM tables").fetchone()
        state = json.loads(text)
        state["history"][0][1] = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()
        connection.execute("UPDATE tables SET state = ?", [json.dumps(state)])
    assert tables.extract()["status"] == "empty"
    tables.execute("INSERT INTO t VALUES ('2024-01-31 09:45:00', 2), ('2024-01-31 09:44:59', 3), ('2024-01-31 10:00:00', 1), (NULL, 4)")
    assert tables.extract()["rows"] == 3
    tables.execute("DELETE FROM t WHERE id >= '2024-01-31 10:00:00'")
    (error,) = tables.lake.fails(1, "extract", "erp", "--json").errors
    assert error["code"] == "source_went_back"
