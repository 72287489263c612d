"""Type `sql` on real servers: every type at its worst."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid

import pytest
import sqlalchemy as sa

from ducklake.errors import DataError, SourceError
from ducklake.testing import read_table
from ducklake_connector_sql.connector import SqlConnector
from ducklake_connector_sql.options import SqlOptions

D = decimal.Decimal


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def server(fixture: str, driver: str, module: str, package: str):
    @pytest.fixture
    def make(request, connector_context):
        pytest.importorskip(module, reason=f"needs the driver: pip install '{package}'")
        url = sa.make_url(request.getfixturevalue(fixture)).set(drivername=driver)
        name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")

        def source(*statements, **changes):
            with sa.create_engine(url.set(database=name), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
            fields = {"drivername": url.drivername, "host": url.host, "port": url.port, "database": name, "user": url.username}
            options = SqlOptions(connection={**fields, "password": url.password or "", **changes})
            return SqlConnector(options, connector_context("erp"))

        try:
            yield source
        finally:
            with admin.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name}")

    return make


postgresql = server("postgresql_url", "postgresql+psycopg", "psycopg", "psycopg[binary]")
mysql = server("mysql_url", "mysql+pymysql", "pymysql", "pymysql")


def one(connector, table="t"):
    table = read_table(connector, table)
    (row,) = table.to_pylist()
    return {name: (str(field.type), row[name]) for name, field in zip(table.schema.names, table.schema, strict=True)}


def test_postgresql_types(postgresql):
    connector = postgresql(
        "CREATE TABLE t (a smallint, b int, c bigint, d numeric(12,2), e numeric, f real, g double precision, h text, i char(4),"
        " j bytea, k date, l timestamp, m timestamptz, n boolean, o uuid, p jsonb,"
        " q int[], r interval, s time, u inet, v money, w bit(3), x timetz)",
        "INSERT INTO t VALUES (-32768, 2147483647, 9223372036854775807, 9999999999.99, 0.1234567890123456789012345678901234567890123,"
        " 0.1, 0.30000000000000004, 'NULL', 'ab', '\\x00ff', '0001-01-01', '2024-01-01 10:00:00.123456', '2024-01-01 10:00:00.5+02', true,"
        " '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{\"n\": 1.10, \"z\": null}', '{{1,2},{3,4}}',"
        " '1 mon 2 days 00:00:00.000001', '24:00:00', '10.0.0.1/8', '1.50', B'101', '10:00:00+02')",
    )
    assert one(connector) == {
        "a": ("int16", -32768),
        "b": ("int32", 2147483647),
        "c": ("int64", 9223372036854775807),
        "d": ("decimal128(12, 2)", D("9999999999.99")),
        "e": ("string", "0.1234567890123456789012345678901234567890123"),
        "f": ("float", pytest.approx(0.1)),
        "g": ("double", 0.30000000000000004),
        "h": ("string", "NULL"),
        "i": ("string", "ab  "),
        "j": ("binary", b"\0\xff"),
        "k": ("date32[day]", dt.date(1, 1, 1)),
        "l": ("timestamp[us]", moment("2024-01-01T10:00:00.123456")),
        "m": ("timestamp[us, tz=UTC]", moment("2024-01-01T08:00:00.5+00:00")),
        "n": ("bool", True),
        "o": ("string", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        "p": ("string", '{"n": 1.10, "z": null}'),
        "q": ("string", "{{1,2},{3,4}}"),
        "r": ("string", "1 mon 2 days 00:00:00.000001"),
        "s": ("string", "24:00:00"),
        "u": ("string", "10.0.0.1/8"),
        "v": ("string", "$1.50"),
        "w": ("string", "101"),
        "x": ("string", "10:00:00+02"),
    }


@pytest.mark.parametrize(
    ("declared", "value"),
    [("date", "infinity"), ("timestamp", "294276-01-01"), ("timestamptz", "-infinity"), ("date", "0044-03-15 BC"), ("numeric(5,2)", "NaN")],
)
def test_postgresql_values_without_a_place_fail_naming_the_column(postgresql, declared, value):
    connector = postgresql(f"CREATE TABLE t (k int, v {declared})", f"INSERT INTO t VALUES (1, '{value}')")
    with pytest.raises(DataError, match=r"erp\.t\.v: a value does not fit"):
        read_table(connector, "t")


def test_postgresql_schemas_views_and_names(postgresql):
    connector = postgresql(
        'CREATE SCHEMA "Ven tas"',
        'CREATE TABLE "Ven tas"."Pe""didos %%s" ("Sel%%ect" int, "a:b" text, g int GENERATED ALWAYS AS (1) STORED)',
        'INSERT INTO "Ven tas"."Pe""didos %%s" VALUES (1, \'x\')',
        "CREATE TABLE t (a int)",
        "CREATE VIEW v AS SELECT 1 AS one",
        "CREATE MATERIALIZED VIEW m AS SELECT 2 AS two",
    )
    with connector.open([]) as session:
        assert {table.name for table in session.tables()} == {"t", "v", "m", 'Ven tas.Pe"didos %s'}
    assert read_table(connector, 'Ven tas.Pe"didos %s').to_pylist() == [{"Sel%ect": 1, "a:b": "x", "g": 1}]
    assert read_table(connector, "m").to_pylist() == [{"two": 2}]


def test_postgresql_streams_all_rows(postgresql):
    connector = postgresql("CREATE TABLE t AS SELECT i, md5(i::text) AS h FROM generate_series(1, 100000) i")
    assert sorted(read_table(connector, "t")["i"].to_pylist()) == list(range(1, 100_001))


def test_postgresql_refusals(postgresql):
    with pytest.raises(SourceError, match="does not exist") as caught:
        postgresql(database="no_such_database").validate_connection()
    assert not caught.value.retryable


def test_mysql_types(mysql):
    connector = mysql(
        "CREATE TABLE t (a tinyint(1), b int unsigned, c bigint unsigned, d decimal(12,2), e decimal(65,30), f float, g double,"
        " h varchar(10), i blob, k date, l datetime(6), m timestamp(6) NULL, n time(6), o json, p year, q bit(9), r enum('x','y'),"
        " s set('x','y'), u geometry, v binary(3), w longtext) CHARACTER SET utf8mb4",
        "SET time_zone = '+02:00'",
        "INSERT INTO t VALUES (7, 4294967295, 18446744073709551615, -9999999999.99, 1.000000000000000000000000000001, 16777216,"
        " 0.30000000000000004, 'NULL', x'00ff', '2024-02-29', '2024-01-01 10:00:00.123456', '2024-01-01 10:00:00.5', '-838:59:59',"
        " '{\"a\": 1.10}', 2024, b'100000001', 'y', 'x,y', POINT(1,2), x'610000', 'ñ😀')",
    )
    row = one(connector)
    assert row.pop("u")[0] == "binary"
    assert row == {
        "a": ("int8", 7),
        "b": ("uint32", 4294967295),
        "c": ("uint64", 18446744073709551615),
        "d": ("decimal128(12, 2)", D("-9999999999.99")),
        "e": ("string", "1.000000000000000000000000000001"),
        "f": ("double", 16777216.0),
        "g": ("double", 0.30000000000000004),
        "h": ("string", "NULL"),
        "i": ("binary", b"\0\xff"),
        "k": ("date32[day]", dt.date(2024, 2, 29)),
        "l": ("timestamp[us]", moment("2024-01-01T10:00:00.123456")),
        "m": ("timestamp[us, tz=UTC]", moment("2024-01-01T08:00:00.5+00:00")),
        "n": ("string", "-838:59:59.000000"),
        "o": ("string", '{"a": 1.10}'),
        "p": ("uint64", 2024),
        "q": ("uint64", 257),
        "r": ("string", "y"),
        "s": ("string", "x,y"),
        "v": ("binary", b"a\0\0"),
        "w": ("string", "ñ😀"),
    }


@pytest.mark.parametrize("declared", ["date", "datetime"])
def test_mysql_zero_dates_fail_naming_the_column_instead_of_becoming_null(mysql, declared):
    connector = mysql(f"CREATE TABLE t (k int, v {declared})", "SET sql_mode = ''", "INSERT INTO t VALUES (1, '0000-00-00')")
    with pytest.raises(DataError, match=r"erp\.t\.v: a value does not fit"):
        read_table(connector, "t")


def test_mysql_names_and_rows(mysql):
    connector = mysql(
        "CREATE TABLE `Pe``didos %%s` (`Sel%%ect` int, `a:b` text)",
        "INSERT INTO `Pe``didos %%s` VALUES (1, 'x')",
        "CREATE TABLE n AS SELECT seq AS i FROM seq_1_to_50000",
    )
    assert read_table(connector, "Pe`didos %s").to_pylist() == [{"Sel%ect": 1, "a:b": "x"}]
    assert sorted(read_table(connector, "n")["i"].to_pylist()) == list(range(1, 50_001))


def test_mysql_refusals(mysql):
    with pytest.raises(SourceError, match=r"(?i)access denied") as caught:
        mysql(user="nobody_here", password="hunter2222").validate_connection()
    assert not caught.value.retryable
    assert "hunter2222" not in str(caught.value)
