"""Databases for the tests: one on PostgreSQL over its ODBC driver, one on SQL Server where there is one."""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

VARIABLE = "DUCKLAKE_TEST_SQLSERVER_URL"


def helper():
    """The module beside this file, under one name."""
    name = "ducklake_sqlserver_over_postgresql"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("over_postgresql.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


OVER = helper()


@pytest.fixture
def over():
    """PostgreSQL's words in place of Transact-SQL."""
    return OVER


@pytest.fixture
def database(postgresql_url, over):
    """An empty database on PostgreSQL, over ODBC."""
    from ducklake.errors import PluginError
    from ducklake_connector_sqlserver import drivers

    try:
        found = drivers.installed()
    except PluginError:
        found = []
    if over.DRIVER not in found:
        pytest.skip("needs a server: PostgreSQL over ODBC: apt-get install odbc-postgresql unixodbc")
    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    admin = over.Database(postgresql_url, urlsplit(postgresql_url).path.lstrip("/") or "postgres")
    admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        yield over.Database(postgresql_url, name)
    finally:
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", f"DROP DATABASE {name}")


@pytest.fixture
def connector(database, over, connector_context):
    """Make a connector over that database."""
    from ducklake_connector_sqlserver.options import SqlServerOptions

    def make(**changes):
        options = SqlServerOptions(connection={**database.fields, **changes.pop("connection", {})}, **changes)
        return over.PostgresqlOverOdbc(options, connector_context("erp"))

    return make


@pytest.fixture
def lake_of(database, lake_project):
    """A project whose source `erp` is that database; its connector is registered by lake_plugins.py."""

    def make(tables=("*",), connection=None, name="lake", **changes):
        source = {
            "name": "erp",
            "type": "over-odbc",
            "connection": {**database.fields, **(connection or {})},
            "tables": list(tables),
            **changes,
        }
        return lake_project(
            {"config/sources.yaml": {"sources": [source]}, "lake_plugins.py": PLUGIN.format(path=str(Path(__file__).resolve()))}, name
        )

    return make


PLUGIN = """
import importlib.util

from ducklake.api import hookimpl

spec = importlib.util.spec_from_file_location("ducklake_sqlserver_conftest", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


@hookimpl
def register_connectors(register):
    register(module.helper().PostgresqlOverOdbc)
"""


class SqlServerDatabase:
    """A database of a test's own on a live SQL Server."""

    def __init__(self, url: str, name: str | None) -> None:
        parts = urlsplit(url)
        self.url, self.name = url, name
        self.options = {
            "host": parts.hostname,
            "port": parts.port or 1433,
            "database": name or parts.path.lstrip("/") or "master",
            "user": unquote(parts.username or "sa"),
            "password": unquote(parts.password or ""),
            "tls": "require",
        }

    def execute(self, *statements):
        """Run statements on one connection and return the rows of the last one."""
        import pyodbc

        from ducklake_connector_sqlserver import drivers
        from ducklake_connector_sqlserver.options import SqlServerConnection

        options = SqlServerConnection(**self.options)
        driver = drivers.choose("test", None, drivers.installed())
        return OVER.run(pyodbc.connect(drivers.joined(drivers.fields_of(options, driver, "test")), autocommit=True), statements)


@pytest.fixture
def sql_server():
    """An empty database on the SQL Server of DUCKLAKE_TEST_SQLSERVER_URL, which allows snapshots."""
    url = os.environ.get(VARIABLE)
    if not url:
        pytest.skip(
            f"runs on SQL Server only: set {VARIABLE}=sqlserver://user:password@host:1433/master, and install Microsoft's ODBC driver"
        )
    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    admin = SqlServerDatabase(url, None)
    admin.execute(f"CREATE DATABASE {name}", f"ALTER DATABASE {name} SET ALLOW_SNAPSHOT_ISOLATION ON")
    try:
        yield SqlServerDatabase(url, name)
    finally:
        admin.execute(f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE", f"DROP DATABASE {name}")
