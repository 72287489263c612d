"""A database of its own on a server for tests, and a lake over it."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import psycopg2
import pytest

from ducklake_connector_postgresql.connector import PostgresqlConnector
from ducklake_connector_postgresql.options import PostgresqlOptions


class Database:
    """A new database; statements run in autocommit."""

    def __init__(self, fields, lake_project, connector_context):
        self.fields, self._lake_project, self._context = fields, lake_project, connector_context

    def connect(self, **changes):
        fields = {**self.fields, **changes}
        return psycopg2.connect(dbname=fields.pop("database"), **{name: value for name, value in fields.items() if value})

    def execute(self, *statements, **changes):
        connection = self.connect(**changes)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def connector(self, **changes):
        fields = {name: value for name, value in {**self.fields, **changes}.items() if value}
        return PostgresqlConnector(PostgresqlOptions(connection=fields), self._context("erp"))

    def lake(self, tables=("t",), extract=None, name="lake", **changes):
        """A project whose source `erp` is this database."""
        fields = {name: value for name, value in {**self.fields, **changes}.items() if value}
        source = {"name": "erp", "type": "postgresql", "connection": fields, "tables": list(tables)}
        if extract:
            source["extract"] = extract
        return self._lake_project({"config/sources.yaml": {"sources": [source]}}, name)


@pytest.fixture
def database(postgresql_url, lake_project, connector_context):
    url = urlsplit(postgresql_url)
    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    fields = {"host": url.hostname, "port": url.port, "user": url.username, "password": url.password}
    admin = Database({**fields, "database": url.path.lstrip("/")}, lake_project, connector_context)
    admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        yield Database({**fields, "database": name}, lake_project, connector_context)
    finally:
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", f"DROP DATABASE {name}")
