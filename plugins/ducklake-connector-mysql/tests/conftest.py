"""A database of a test's own on the MariaDB or MySQL of the test run."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest


@dataclasses.dataclass(frozen=True)
class Database:
    """A database that is gone after the test."""

    name: str
    options: dict[str, Any]

    def connect(self, **changes):
        import pymysql

        fields = {**self.options, **changes}
        return pymysql.connect(charset="utf8mb4", autocommit=True, ssl_disabled=True, **fields)

    def execute(self, *statements, **changes):
        """Run statements on one connection and return the rows of the last one."""
        with self.connect(**changes) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def source(self, name="erp", tables=("*",), **changes):
        """The source's block in sources.yaml."""
        return {"name": name, "type": "mysql", "connection": self.options, "tables": list(tables), **changes}


@pytest.fixture
def database(mysql_url):
    pytest.importorskip("pymysql", reason="needs the driver: pip install pymysql")
    url = urlsplit(mysql_url)
    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    options = {"host": url.hostname, "port": url.port or 3306, "user": unquote(url.username), "password": unquote(url.password or "")}
    made = Database(name, {**options, "database": name})
    made.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4", database=None)
    try:
        yield made
    finally:
        made.execute(f"DROP DATABASE {name}", database=None)


@pytest.fixture
def connector(database, connector_context):
    """Make a connector over the test's database."""
    from ducklake_connector_mysql.connector import MySqlConnector
    from ducklake_connector_mysql.options import MySqlOptions

    def make(**changes):
        return MySqlConnector(
            MySqlOptions(connection={**database.options, **changes.pop("connection", {})}, **changes), connector_context("erp")
        )

    return make
