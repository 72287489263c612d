"""On a live SQL Server, where DUCKLAKE_TEST_SQLSERVER_URL names one: every type at its worst, increments, snapshots, rights."""

from __future__ import annotations

import collections
import datetime as dt

import pytest

from ducklake.testing import read_table
from ducklake_connector_sqlserver.connector import SqlServerConnector
from ducklake_connector_sqlserver.matrix import CASES
from ducklake_connector_sqlserver.options import SqlServerOptions


@pytest.fixture
def make(sql_server, connector_context):
    def connector(**changes):
        options = SqlServerOptions(connection={**sql_server.options, **changes.pop("connection", {})}, **changes)
        return SqlServerConnector(options, connector_context("erp"))

    return connector


@pytest.fixture
def lake_of(sql_server, lake_project):
    def project(tables=("t",), **extract):
        source = {"name": "erp", "type": "sqlserver", "connection": sql_server.options, "tables": list(tables), "extract": extract}
        return lake_project({"config/sources.yaml": {"sources": [source]}})

    return project


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
def test_every_type_lands_with_its_extreme_values(sql_server, make, case):
    sql_server.execute(f"CREATE TABLE t (id int IDENTITY PRIMARY KEY, c {case.words})")
    if case.nullable:
        for literal, _ in case.values:
            sql_server.execute(f"INSERT INTO t (c) VALUES ({literal})")
        sql_server.execute("INSERT INTO t (c) VALUES (NULL)")
    else:
        sql_server.execute("INSERT INTO t DEFAULT VALUES")
    whole, query = read_table(make(), "t"), read_table(make(), "q", query="SELECT * FROM t")
    found = {row["id"]: row["c"] for row in whole.to_pylist()}
    for number, (_, value) in enumerate(case.values, 1):
        assert found[number] == value if value is not None else found[number]
    assert not case.nullable or found[len(case.values) + 1] is None
    assert query.schema == whole.schema
    assert collections.Counter(map(str, query.to_pylist())) == collections.Counter(map(str, whole.to_pylist()))


def test_alias_computed_and_sparse_columns_and_types_as_timestamps(sql_server, make):
    sql_server.execute(
        "CREATE TYPE Phone FROM nvarchar(20)",
        "CREATE TABLE t (p Phone, n AS 2 * 3, s int SPARSE NULL, d datetime2, o datetimeoffset)",
        "INSERT INTO t (p, d, o) VALUES (N'ñ', '2024-02-29T10:00:00.1234560', '2024-02-29T10:00:00.5+05:30')",
    )
    (row,) = read_table(make(datetime2="timestamp", datetimeoffset="timestamp"), "t").to_pylist()
    assert row == {
        "p": "ñ",
        "n": 6,
        "s": None,
        "d": dt.datetime(2024, 2, 29, 10, 0, 0, 123456),
        "o": dt.datetime(2024, 2, 29, 4, 30, 0, 500000, tzinfo=dt.UTC),
    }


def test_half_of_a_surrogate_pair_is_refused(sql_server, make):
    from ducklake.errors import DataError

    sql_server.execute("CREATE TABLE t (c nvarchar(10))", "INSERT INTO t VALUES (N'a' + NCHAR(0xD83D))")
    with pytest.raises(DataError, match="surrogate"):
        read_table(make(), "t")


def test_what_could_be_a_key_is_told_of_each_table(sql_server, make):
    sql_server.execute(
        "CREATE SCHEMA ventas",
        "CREATE TABLE ventas.[o'dd ]]t] (id int PRIMARY KEY, b int, [v ]]s] rowversion, INDEX i (b) WHERE b > 1)",
        "CREATE TABLE pairs (a int, b int, c int, d int, PRIMARY KEY (a, b), INDEX i (c) INCLUDE (d), INDEX j (d))",
        "ALTER INDEX j ON pairs DISABLE",
        "CREATE TABLE stored (a int, INDEX i CLUSTERED COLUMNSTORE)",
        "CREATE VIEW v AS SELECT * FROM ventas.[o'dd ]]t]",
    )
    with make().open([]) as session:
        names = [table.name for table in session.tables()]
        assert {name: session.indexed_columns(name) for name in names} == {
            "pairs": {"a": False, "c": False},
            "stored": {},
            "v": {},
            "ventas.o'dd ]t": {"id": True},
        }
        assert {name: session.change_column(name) for name in names if session.change_column(name)} == {"ventas.o'dd ]t": "v ]s"}


def extract(lake):
    (result,) = lake.lake.extract("erp").results
    assert result.error is None, result.error
    return result


@pytest.mark.parametrize(
    "declared", ["int IDENTITY PRIMARY KEY", "datetime2 DEFAULT SYSUTCDATETIME()", "datetime DEFAULT GETUTCDATE()", "rowversion"]
)
def test_a_transaction_that_commits_late_is_not_lost(sql_server, lake_of, declared):
    import pyodbc

    from ducklake_connector_sqlserver import drivers
    from ducklake_connector_sqlserver.options import SqlServerConnection

    sql_server.execute(f"CREATE TABLE t (id {declared}, v nvarchar(10))", "INSERT INTO t (v) VALUES (N'a')")
    lake = lake_of(key_column="id", lookback=0)
    assert extract(lake).rows == 1
    fields = drivers.fields_of(SqlServerConnection(**sql_server.options), drivers.choose("t", None, drivers.installed()), "late")
    late = pyodbc.connect(drivers.joined(fields), autocommit=False)
    late.execute("INSERT INTO t (v) VALUES (N'late')")
    sql_server.execute("INSERT INTO t (v) VALUES (N'soon')")
    assert extract(lake).rows == 1
    assert extract(lake).status == "empty"
    late.commit()
    late.close()
    assert extract(lake).rows == 1
    assert sorted(row[0] for row in lake.lake.query("SELECT v FROM raw.erp.t").rows) == ["a", "late", "soon"]
    assert extract(lake).status == "empty"


def test_a_database_without_snapshots_is_read_and_said(sql_server, lake_of):
    sql_server.execute(
        f"ALTER DATABASE {sql_server.name} SET ALLOW_SNAPSHOT_ISOLATION OFF", "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (2)"
    )
    assert "allows no SNAPSHOT isolation" in lake_of().ok("extract", "erp").stderr


def test_the_connection_is_diagnosed(sql_server, make):
    sql_server.execute("CREATE TABLE t (a int)")
    found = make().diagnose()
    assert found.server.startswith("SQL Server ")
    assert found.tls == "TLS"
    assert abs(found.clock_difference) < 3600
    assert found.tables == ("t",)
