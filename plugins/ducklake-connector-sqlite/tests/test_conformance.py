import sqlite3

from ducklake.api import quote
from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake_connector_sqlite.connector import SqliteConnector


def fill(place, tables):
    path = place.folder / "filled.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    for name, table in tables.items():
        kinds = {"int64": "INTEGER", "string": "TEXT"}
        columns = ", ".join(f"{quote(field.name)} {kinds[str(field.type)]}" for field in table.schema)
        connection.execute(f"CREATE TABLE {quote(name)} ({columns})")
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        connection.executemany(f"INSERT INTO {quote(name)} VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    return {"connection": {"database": "filled.db"}}


def large(place):
    connection = sqlite3.connect(place.folder / "large.db")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
    row = "0123456789abcdef" * 64
    connection.executemany("INSERT INTO t (text) VALUES (?)", ((row,) for _ in range(2_000_000)))
    connection.commit()
    connection.close()
    return {"connection": {"database": "large.db"}}


def sample(place):
    connection = sqlite3.connect(place.folder / "shop.db")
    connection.executescript(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, born DATE);"
        "INSERT INTO people VALUES (1, 'Ana', '2000-01-01'), (2, NULL, NULL), (3, 'Eva', '1999-12-31');"
        "CREATE VIEW names AS SELECT name FROM people;"
        "CREATE TABLE no_rows (id INTEGER);"
    )
    connection.close()
    return {"connection": {"database": "shop.db"}}


class TestSqlite(ConnectorTests):
    case = ConnectorCase(SqliteConnector, sample, unreachable=[{"connection": {"database": "missing.db"}}], fill=fill, large=large)
