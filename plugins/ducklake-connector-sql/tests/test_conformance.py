import sqlite3

from ducklake.api import quote
from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake_connector_sql.connector import SqlConnector

CONNECTION = {"drivername": "sqlite", "database": "filled.db"}


def fill(place, tables):
    path = place.folder / "filled.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    for name, table in tables.items():
        kinds = {"int64": "BIGINT", "string": "TEXT"}
        columns = ", ".join(f"{quote(field.name)} {kinds[str(field.type)]}" for field in table.schema)
        connection.execute(f"CREATE TABLE {quote(name)} ({columns})")
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        connection.executemany(f"INSERT INTO {quote(name)} VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    return {"connection": CONNECTION}


def sample(place):
    connection = sqlite3.connect(place.folder / "shop.db")
    connection.executescript(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, price DECIMAL(12,2));"
        "INSERT INTO people VALUES (1, 'Ana', 1.5), (2, NULL, NULL), (3, 'Eva', 2);"
        "CREATE VIEW names AS SELECT name FROM people;"
        "CREATE TABLE no_rows (id INTEGER);"
    )
    connection.close()
    return {"connection": {"drivername": "sqlite", "database": "shop.db"}}


class TestSqlOverSqlite(ConnectorTests):
    case = ConnectorCase(
        SqlConnector,
        sample,
        unreachable=[{"connection": {"drivername": "sqlite", "database": "missing.db"}}],
        fill=fill,
    )
