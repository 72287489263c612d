import sys

from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake.testing.suites import HOSTILE_NAMES
from ducklake_connector_sqlserver.connector import SqlServerConnector

KINDS = {"int64": "bigint", "string": "text"}
SERVER_KINDS = {"int64": "bigint", "string": "nvarchar(max)"}
UNREACHABLE = {"connection": {"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "p4ssw0rd"}}


def literal(value, prefix=""):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else prefix + "'" + value.replace("'", "''") + "'"


def brackets(name):
    return "[" + name.replace("]", "]]") + "]"


def live(place):
    """The test's database on SQL Server."""
    return place.fixture("sql_server")


def create(database, quote, kinds, tables, prefix=""):
    for name, table in tables.items():
        columns = ", ".join(f"{quote(field.name)} {kinds[str(field.type)]}" for field in table.schema)
        database.execute(f"CREATE TABLE {quote(name)} ({columns})")
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            database.execute(f"INSERT INTO {quote(name)} VALUES ({', '.join(literal(value, prefix) for value in row)})")


def fill(place, tables):
    database = live(place)
    for (name,) in database.execute("SELECT name FROM sys.tables"):
        database.execute(f"DROP TABLE {brackets(name)}")
    create(database, brackets, SERVER_KINDS, tables, "N")
    return {"connection": database.options}


def sample(place):
    database = live(place)
    database.execute(
        "CREATE TABLE people (id bigint PRIMARY KEY, name nvarchar(40), born date, price decimal(12, 2), seen datetime2)",
        "INSERT INTO people VALUES (1, N'Ana', '2000-01-01', 1.5, '2024-01-01'), (2, NULL, NULL, NULL, NULL)",
        "CREATE TABLE no_rows (id bigint)",
    )
    database.execute("CREATE VIEW names AS SELECT name FROM people")
    return {"connection": database.options}


def large(place):
    database = live(place)
    database.execute(
        "CREATE TABLE t (id bigint, text varchar(1100))",
        "INSERT INTO t SELECT TOP (2000000) ROW_NUMBER() OVER (ORDER BY a.object_id), "
        "REPLICATE(CONVERT(varchar(32), HASHBYTES('MD5', CAST(a.object_id AS varbinary(4))), 2), 32) "
        "FROM sys.all_objects AS a CROSS JOIN sys.all_objects AS b",
    )
    return {"connection": database.options}


class TestSqlServer(ConnectorTests):
    """On a live SQL Server; `TestOverOdbc` runs the same over another server's driver."""

    case = ConnectorCase(
        SqlServerConnector,
        sample,
        fill=fill,
        large=large,
        # The server takes no name that is empty or ends with a space, and none of more than 128 characters.
        names=[name for name in HOSTILE_NAMES if name.strip() == name and len(name) <= 128 and "\0" not in name],
    )


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def fill_over_odbc(place, tables):
    database = place.fixture("database")
    for (name,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        database.execute(f"DROP TABLE {quoted(name)}")
    create(database, quoted, KINDS, tables)
    return {"connection": database.fields}


def sample_over_odbc(place):
    database = place.fixture("database")
    database.execute(
        "CREATE TABLE people (id bigint PRIMARY KEY, name text, born date, price numeric(12, 2))",
        "INSERT INTO people VALUES (1, 'Ana', '2000-01-01', 1.5), (2, NULL, NULL, NULL), (3, 'Eva', '1999-12-31', 2)",
        "CREATE VIEW names AS SELECT name FROM people",
        "CREATE TABLE no_rows (id bigint)",
    )
    return {"connection": database.fields}


def large_over_odbc(place):
    database = place.fixture("database")
    database.execute("CREATE TABLE t AS SELECT i::bigint AS id, repeat(md5(i::text), 32) AS text FROM generate_series(1, 2000000) AS i")
    return {"connection": database.fields}


class TestOverOdbc(ConnectorTests):
    """The session, its channels and its increments, over PostgreSQL's driver."""

    case = ConnectorCase(
        sys.modules["ducklake_sqlserver_over_postgresql"].PostgresqlOverOdbc,  # conftest.py loads it
        sample_over_odbc,
        unreachable=[UNREACHABLE],
        fill=fill_over_odbc,
        large=large_over_odbc,
    )
