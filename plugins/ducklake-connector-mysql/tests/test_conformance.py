from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake.testing.suites import HOSTILE_NAMES
from ducklake_connector_mysql.connector import MySqlConnector

KINDS = {"int64": "BIGINT", "string": "LONGTEXT"}


def quote(name):
    return f"`{name.replace('`', '``')}`"


def fill(place, tables):
    database = place.fixture("database")
    database.execute("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")  # for a cell of 16 MB
    with database.connect() as session, session.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {quote(name)}")
        for name, table in tables.items():
            columns = ", ".join(f"{quote(field.name)} {KINDS[str(field.type)]}" for field in table.schema)
            cursor.execute(f"CREATE TABLE {quote(name)} ({columns})")
            places = ", ".join(["%s"] * table.num_columns)
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                cursor.execute(f"INSERT INTO {quote(name).replace('%', '%%')} VALUES ({places})", row)
    return {"connection": database.options}


def large(place):
    database = place.fixture("database")
    database.execute(
        "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, text TEXT)",
        "INSERT INTO t (text) SELECT repeat(md5(seq), 32) FROM seq_1_to_2000000",
    )
    return {"connection": database.options}


def sample(place):
    database = place.fixture("database")
    database.execute(
        "CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT, born DATE, price DECIMAL(12, 2))",
        "INSERT INTO people VALUES (1, 'Ana', '2000-01-01', 1.5), (2, NULL, NULL, NULL), (3, 'Eva', '1999-12-31', 2)",
        "CREATE VIEW names AS SELECT name FROM people",
        "CREATE TABLE no_rows (id BIGINT)",
    )
    return {"connection": database.options}


class TestMySql(ConnectorTests):
    case = ConnectorCase(
        MySqlConnector,
        sample,
        unreachable=[{"connection": {"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "p4ssw0rd"}}],
        fill=fill,
        large=large,
        # MySQL takes no name that ends with a space or holds characters beyond U+FFFF.
        names=[name for name in HOSTILE_NAMES if name.strip() and max(name) <= "\uffff"],
    )
