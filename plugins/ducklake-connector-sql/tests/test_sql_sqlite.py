"""Type `sql` on SQLite: always run, no server needed."""

from __future__ import annotations

import datetime as dt
import decimal
import sqlite3
from contextlib import closing

import pytest
from pydantic import ValidationError

from ducklake.api.extraction import ExtractRequest
from ducklake.errors import ConfigurationError, DataError, PluginError, SourceError
from ducklake.testing import read_table
from ducklake_connector_sql.connector import SqlConnector
from ducklake_connector_sql.options import SqlOptions


@pytest.fixture
def source(tmp_path, connector_context):
    def make(script="", database="shop.db", **connection):
        if script:
            with closing(sqlite3.connect(tmp_path / database)) as opened:
                opened.executescript(script)
        options = SqlOptions(connection={"drivername": "sqlite", "database": database, **connection})
        return SqlConnector(options, connector_context("any"))

    return make


def test_tables_views_types_and_values(source):
    connector = source(
        "CREATE TABLE t (i INTEGER, d DECIMAL(12,2), f REAL, s VARCHAR(10), b BLOB, day DATE, at DATETIME, yes BOOLEAN, odd, j JSON);"
        "INSERT INTO t VALUES (1, 1.5, 0.1, 'NULL', x'00ff', '2024-01-02', '2024-01-02 03:04:05.5', 1, 'x', '[1]');"
        "INSERT INTO t (s) VALUES (''); CREATE VIEW v AS SELECT i FROM t"
    )
    with connector.open([]) as session:
        assert [(table.name, table.kind) for table in session.tables()] == [("t", "table"), ("v", "view")]
        extraction = session.extract(ExtractRequest("t"))
        assert extraction.source_types["d"] == "DECIMAL(12, 2)"
        assert session.get_schema("t") == extraction.schema
    first, second = read_table(connector, "t").to_pylist()
    assert first == {
        "i": 1,
        "d": decimal.Decimal("1.50"),
        "f": 0.1,
        "s": "NULL",
        "b": b"\0\xff",
        "day": dt.date(2024, 1, 2),
        "at": dt.datetime.fromisoformat("2024-01-02T03:04:05.5"),
        "yes": True,
        "odd": "x",
        "j": "[1]",
    }
    assert second == {**dict.fromkeys(first), "s": ""}


@pytest.mark.parametrize("name", ['a"b', "a'b", "select", "a.b", "ñ", "a b", "%s", "a%(b)s", ":x", "a\nb", "[a]", "a(b)"])
def test_hostile_names(source, name):
    quoted = '"' + name.replace('"', '""') + '"'
    connector = source(f"CREATE TABLE {quoted} ({quoted} INTEGER, other TEXT); INSERT INTO {quoted} VALUES (1, 'x')")
    assert read_table(connector, name).to_pylist() == [{name: 1, "other": "x"}]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("INTEGER", "'abc'"),
        ("INTEGER", "1.5"),
        ("DATE", "'2024-02-30'"),
        ("DATE", "20240101"),
        ("DATETIME", "'soon'"),
        ("DECIMAL(12,2)", "1.239"),
        ("BOOLEAN", "2"),
        ("TEXT", "x'00'"),
        ("BLOB", "'text'"),
        ("REAL", "'n/a'"),
    ],
)
def test_a_value_that_does_not_fit_its_declaration_fails_naming_the_column(source, declared, value):
    connector = source(f"CREATE TABLE t (k INTEGER, v {declared}); INSERT INTO t VALUES (1, {value})")
    with pytest.raises(DataError, match=r"any\.t\.v: a value does not fit"):
        read_table(connector, "t")


def test_all_rows_of_a_big_table(source):
    connector = source(
        "CREATE TABLE t (i INTEGER, s TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) INSERT INTO t SELECT i, hex(i) FROM n"
    )
    table = read_table(connector, "t", batch_size=3000)
    assert sorted(table["i"].to_pylist()) == list(range(1, 100_001))


def test_what_is_missing_is_named(source, tmp_path):
    with pytest.raises(DataError, match=r"any: no such file .*none\.db"):
        source(database="none.db").validate_connection()
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(DataError, match=r"any\.clients: no such table \(did you mean 'clientes'\?\)"):
        read_table(source("CREATE TABLE clientes (id INTEGER)"), "clients")


def test_unknown_database_and_missing_driver_are_named(source):
    with pytest.raises(ConfigurationError, match=r"unknown connection\.drivername"):
        source(drivername="nosuchdb").validate_connection()
    with pytest.raises(PluginError, match=r"pip install 'asyncpg'|pip install"):
        source(drivername="mysql+mysqlconnector", host="127.0.0.1").validate_connection()


def test_a_url_is_refused_and_the_password_is_a_secret(source):
    with pytest.raises(ValidationError, match="write its parts"):
        SqlOptions(connection={"drivername": "postgresql://u:hunter2222@h/d"})
    connector = source(password="hunter2222")
    assert "hunter2222" not in repr(connector.options)


def test_the_database_is_opened_read_only(source, tmp_path):
    connector = source("CREATE TABLE t (a INTEGER)")
    with connector.connection("any") as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_a_server_that_is_not_there_is_a_source_error_that_may_be_retried(source):
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]'")
    connector = source(drivername="postgresql+psycopg", host="127.0.0.1", port=1, user="u", password="hunter2222")
    with pytest.raises(SourceError) as caught:
        connector.validate_connection()
    assert caught.value.retryable
    assert "hunter2222" not in str(caught.value)
