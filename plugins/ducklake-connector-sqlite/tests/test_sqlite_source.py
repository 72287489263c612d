"""Which tables a SQLite file offers, and what happens when it cannot be read."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing

import pytest

from ducklake.api.extraction import ExtractRequest
from ducklake.errors import DataError, SourceError
from ducklake.testing import read_table
from ducklake_connector_sqlite import database
from ducklake_connector_sqlite.connector import SqliteConnector, SqliteOptions

SEQUENCE = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) INSERT INTO t SELECT"


@pytest.fixture
def source(tmp_path, connector_context):
    def make(script="", name="shop.db"):
        if script:
            with closing(sqlite3.connect(tmp_path / name)) as connection:
                connection.executescript(script)
        return SqliteConnector(SqliteOptions(connection={"database": name}), connector_context("shop"))

    return make


def names(connector) -> list[str]:
    with connector.open([]) as session:
        return [table.name for table in session.tables()]


def test_tables_and_views_but_nothing_of_sqlites_own(source):
    connector = source(
        "CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE a (x PRIMARY KEY) WITHOUT ROWID;"
        "CREATE VIEW v AS SELECT 1 AS one; CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('text');"
        "CREATE INDEX i ON b (id); ANALYZE"
    )
    with connector.open([]) as session:
        assert [(table.name, table.kind) for table in session.tables()] == [("a", "table"), ("b", "table"), ("f", "table"), ("v", "view")]
    assert read_table(connector, "f")["body"].to_pylist() == ["text"]
    assert read_table(connector, "v").to_pylist() == [{"one": 1}]


def test_generated_columns_land_and_views_keep_declared_types(source):
    connector = source(
        "CREATE TABLE t (a INTEGER, b GENERATED ALWAYS AS (a * 2) VIRTUAL, c INTEGER GENERATED ALWAYS AS (a + 1) STORED);"
        "INSERT INTO t (a) VALUES (5); CREATE VIEW v AS SELECT a, a / 2.0 AS half, 'x' || a AS text FROM t"
    )
    assert read_table(connector, "t").to_pylist() == [{"a": 5, "b": 10, "c": 6}]
    assert read_table(connector, "v").to_pylist() == [{"a": 5, "half": 2.5, "text": "x5"}]


@pytest.mark.parametrize("name", ['a"b', "a'b", "select", "a.b", "ñ", "a b", "a;--", "[a]", "a`b", "%s", "?1", ":x", "a\nb", "main", "t"])
def test_hostile_names_of_tables_and_columns(source, name):
    quoted = '"' + name.replace('"', '""') + '"'
    connector = source(f"CREATE TABLE {quoted} ({quoted} INTEGER, other TEXT); INSERT INTO {quoted} VALUES (1, 'x')")
    assert names(connector) == [name]
    assert read_table(connector, name).to_pylist() == [{name: 1, "other": "x"}]


def test_declared_types_are_handed_on(source):
    with source("CREATE TABLE t (a DECIMAL(12,2), b)").open([]) as session:
        assert session.extract(ExtractRequest("t")).source_types == {"a": "DECIMAL(12,2)"}


def test_a_missing_file_is_named_and_never_created(source, tmp_path):
    with pytest.raises(DataError, match=r"shop: no such file .*none\.db"):
        source(name="none.db").open([])
    with pytest.raises(DataError, match=r"no such file"):
        source(name="none.db").validate_connection()
    assert not (tmp_path / "none.db").exists()


def test_what_is_no_database_is_named(source, tmp_path):
    (tmp_path / "text.db").write_text("id,name\n" * 1000)
    with pytest.raises(DataError, match=r"text\.db is no SQLite database"):
        source(name="text.db").open([])
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DataError, match=r"folder\.db is no file"):
        source(name="folder.db").open([])


def test_an_empty_file_is_a_database_without_tables(source, tmp_path):
    (tmp_path / "empty.db").touch()
    assert names(source(name="empty.db")) == []


def test_a_damaged_database_lands_nothing(source, tmp_path):
    connector = source(f"CREATE TABLE t (v TEXT); {SEQUENCE} hex(randomblob(50)) FROM n")
    content = bytearray((tmp_path / "shop.db").read_bytes())
    content[8192:12288] = os.urandom(4096)
    (tmp_path / "shop.db").write_bytes(content)
    with pytest.raises(DataError, match=r"shop\.t: .*damaged"):
        read_table(connector, "t")


def test_a_table_that_is_not_there_and_a_broken_view(source):
    connector = source("CREATE TABLE clientes (id); CREATE VIEW v AS SELECT * FROM gone")
    with pytest.raises(DataError, match=r"shop\.clients: no such table \(did you mean 'clientes'\?\)"):
        read_table(connector, "clients")
    with pytest.raises(DataError, match=r"shop\.v: no such table: main\.gone"):
        read_table(connector, "v")


@pytest.mark.parametrize("file", ["a?b.db", "a#b.db", "a%20b.db", "a b.db", "ñ.db", "a'b.db", "sub/shop.db", ":memory:"])
def test_hostile_file_names(source, tmp_path, file):
    (tmp_path / "sub").mkdir()
    with closing(sqlite3.connect(f"{tmp_path}/{file}")) as connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    assert read_table(source(name=file), "t").num_rows == 1


def test_reading_leaves_the_file_as_it_was(source, tmp_path):
    connector = source("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    before = hashlib.sha256((tmp_path / "shop.db").read_bytes()).hexdigest()
    read_table(connector, "t")
    assert hashlib.sha256((tmp_path / "shop.db").read_bytes()).hexdigest() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


def test_a_table_is_one_state_of_a_database_that_is_written_to(source, tmp_path):
    connector = source(f"PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER); {SEQUENCE} i FROM n")
    with connector.open([]) as session, closing(sqlite3.connect(tmp_path / "shop.db")) as writer:
        extraction = session.extract(ExtractRequest("t", batch_size=500))
        writer.execute("INSERT INTO t VALUES ('late text')")
        writer.execute("DELETE FROM t WHERE a > 4000")
        writer.commit()
        assert sum(batch.num_rows for batch in extraction.streams[0]) == 5000


def test_a_locked_database_is_a_source_error_that_may_be_retried(source, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    connector = source("CREATE TABLE t (a)")
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match=r"shop\.db is locked by another program") as caught:
            names(connector)
    assert caught.value.retryable


def test_closing_lets_go_of_streams_that_were_never_read(source, tmp_path):
    connector = source("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    with connector.open([]) as session:
        session.extract(ExtractRequest("t"))
    with closing(sqlite3.connect(tmp_path / "shop.db", timeout=0)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()


def test_strict_tables(source):
    if sqlite3.sqlite_version_info < (3, 37):
        pytest.skip("this SQLite is older than 3.37 and has no STRICT tables")
    connector = source("CREATE TABLE t (a INT, b ANY, c TEXT) STRICT; INSERT INTO t VALUES (1, 'x', 'y'), (2, 3, 'z')")
    assert read_table(connector, "t").to_pylist() == [{"a": 1, "b": "x", "c": "y"}, {"a": 2, "b": "3", "c": "z"}]
