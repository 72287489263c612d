"""The rights on the pages about databases: their SQL, run on a server, lets a user read everything, and nothing is missing."""

from __future__ import annotations

import re
import uuid
from urllib.parse import unquote, urlsplit

import pytest

from documentation import blocks
from workspace import ROOT

TABLES = ("CREATE TABLE clientes (id int PRIMARY KEY, nombre varchar(20))", "INSERT INTO clientes VALUES (1, 'Ana'), (2, 'Luis')")


def statements(page: str, heading: str, names: dict[str, str]) -> list[str]:
    """The SQL below a heading of a how-to, with other names for what is shared by all tests of a server."""
    path = ROOT / "docs/how-to" / page
    line = path.read_text(encoding="utf-8").splitlines().index(heading) + 1
    text = next(block.text for block in blocks(path) if block.language == "sql" and block.line > line)
    text = re.sub(r"--[^\n]*", "", text)
    for name, other in names.items():
        text = re.sub(name, other, text)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def source(kind: str, url, database: str, user: str, password: str, tables: list[str]) -> dict:
    connection = {"host": url.hostname, "port": url.port, "database": database, "user": user, "password": password}
    return {"sources": [{"name": "s", "type": kind, "connection": connection, "tables": tables, "extract": {"key_column": "id"}}]}


def test_the_rights_for_postgresql(postgresql_url, lake_project):
    psycopg2 = pytest.importorskip("psycopg2")
    url, name = urlsplit(postgresql_url), f"ducklake_test_{uuid.uuid4().hex[:12]}"

    def run(database: str, *lines: str):
        connection = psycopg2.connect(host=url.hostname, port=url.port, user=url.username, password=url.password, dbname=database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for line in lines:
                cursor.execute(line)
        connection.close()

    rights = statements("postgresql.md", "## Rights", {"DATABASE ventas": f"DATABASE {name}", "lector": name})
    assert len(rights) == 6
    run(url.path[1:], f"CREATE DATABASE {name}")
    try:
        run(name, "CREATE SCHEMA ventas", *TABLES, "CREATE TABLE ventas.pedidos AS SELECT * FROM clientes", *rights)
        run(name, "CREATE TABLE ventas.nuevos AS SELECT * FROM clientes")
        lake = lake_project({"config/sources.yaml": source("postgresql", url, name, name, "...", ["*"])})
        (found,) = lake.ok("test-connection", "s", "--json").results
        assert found["missing_rights"] == []
        done = lake.ok("extract", "s", "--json")
        assert {row["table"]: (row["rows"], row["notes"]) for row in done.results}["ventas.nuevos"][0] == 2
        assert not [note for row in done.results for note in row["notes"] if "transactions" in note]
    finally:
        run(url.path[1:], f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE IF EXISTS {name}")


def test_the_rights_and_the_key_for_mysql(mysql_url, lake_project):
    pymysql = pytest.importorskip("pymysql")
    url, name = urlsplit(mysql_url), f"ducklake_test_{uuid.uuid4().hex[:12]}"
    rights = statements("mysql.md", "## Rights", {"ventas": name, "lector": name})
    assert len(rights) == 3
    (key,) = statements("mysql.md", "## A key for increments", {})
    connection = pymysql.connect(
        host=url.hostname,
        port=url.port,
        user=unquote(url.username),
        password=unquote(url.password or ""),
        autocommit=True,
        ssl_disabled=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            for line in (f"USE {name}", *TABLES, key, *rights):
                cursor.execute(line)
            configuration = source("mysql", url, name, name, "a long password", ["clientes"])
            configuration["sources"][0]["extract"] = {"key_column": "updated_at"}
            lake = lake_project({"config/sources.yaml": configuration})
            (found,) = lake.ok("test-connection", "s", "--json").results
            assert found["missing_rights"] == []
            (row,) = lake.ok("extract", "s", "--json").results
            assert (row["rows"], [note for note in row["notes"] if "index" in note or "transactions" in note]) == (2, [])
        finally:
            cursor.execute(f"DROP DATABASE {name}")
            cursor.execute(f"DROP USER IF EXISTS {name}")
