from ducklake.api import quote
from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake_connector_postgresql.connector import PostgresqlConnector

KINDS = {"int64": "bigint", "string": "text"}


def connection(database):
    return {"connection": {name: value for name, value in database.fields.items() if value}}


def fill(place, tables):
    database = place.fixture("database")
    database.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with database.connect() as session, session.cursor() as cursor:
        for name, table in tables.items():
            columns = ", ".join(f"{quote(field.name)} {KINDS[str(field.type)]}" for field in table.schema)
            cursor.execute(f"CREATE TABLE {quote(name)} ({columns})")
            places = ", ".join(["%s"] * table.num_columns)
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                cursor.execute(f"INSERT INTO {quote(name).replace('%', '%%')} VALUES ({places})", row)
    session.close()
    return connection(database)


def large(place):
    database = place.fixture("database")
    database.execute("CREATE TABLE t AS SELECT id, repeat(md5(id::text), 32) AS text FROM generate_series(1, 2000000) AS s(id)")
    return connection(database)


def sample(place):
    database = place.fixture("database")
    database.execute(
        "CREATE TABLE people (id bigint PRIMARY KEY, name text, born date, price numeric(12, 2))",
        "INSERT INTO people VALUES (1, 'Ana', '2000-01-01', 1.5), (2, NULL, NULL, NULL), (3, 'Eva', '1999-12-31', 2)",
        "CREATE VIEW names AS SELECT name FROM people",
        "CREATE TABLE no_rows (id bigint)",
    )
    return connection(database)


class TestPostgresql(ConnectorTests):
    case = ConnectorCase(
        PostgresqlConnector,
        sample,
        unreachable=[{"connection": {"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "p4ssw0rd"}}],
        fill=fill,
        large=large,
    )
