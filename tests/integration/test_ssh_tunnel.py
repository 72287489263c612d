"""Databases behind an SSH server: PostgreSQL, MariaDB and any SQLAlchemy database through a real sshd."""

from __future__ import annotations

import contextlib
import json
import socket
import uuid
from urllib.parse import unquote, urlsplit

import pytest

ROWS = 3000


@contextlib.contextmanager
def postgresql(url):
    import psycopg2

    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(url)
    fields = {"host": parts.hostname, "port": parts.port or 5432, "user": parts.username, "password": parts.password or ""}

    def run(database, *statements):
        connection = psycopg2.connect(dbname=database, **fields)
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    run(parts.path.lstrip("/"), f"CREATE DATABASE {name} TEMPLATE template0")
    run(name, f"CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS v FROM generate_series(1, {ROWS}) AS g")
    try:
        yield {**fields, "database": name}
    finally:
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        run(parts.path.lstrip("/"), ended, f"DROP DATABASE {name}")


@contextlib.contextmanager
def mysql(url):
    import pymysql

    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(url)
    fields = {"host": parts.hostname, "port": parts.port or 3306, "user": unquote(parts.username or ""), "password": parts.password or ""}

    def run(*statements):
        with pymysql.connect(autocommit=True, **fields) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    rows = ", ".join(f"({number}, '{'x' * 500}')" for number in range(1, ROWS + 1))
    run(f"CREATE DATABASE {name}", f"CREATE TABLE {name}.t (id INT PRIMARY KEY, v TEXT)", f"INSERT INTO {name}.t VALUES {rows}")
    try:
        yield {**fields, "database": name}
    finally:
        run(f"DROP DATABASE {name}")


@pytest.fixture(params=["postgresql", "mysql", "sql"])
def source(request, ssh_server):
    """A source whose database is reached through the SSH server."""
    kind = request.param
    server = request.getfixturevalue("mysql_url" if kind == "mysql" else "postgresql_url")
    with (mysql if kind == "mysql" else postgresql)(server) as connection:
        if kind == "sql":
            connection = {"drivername": "postgresql+psycopg2", **connection}
        connection["ssh"] = {
            "host": ssh_server.host,
            "port": ssh_server.port,
            "user": ssh_server.user,
            "key": str(ssh_server.key),
            "host_key": ssh_server.host_key,
        }
        yield {"name": "erp", "type": kind, "connection": connection, "tables": ["t"]}


@pytest.fixture
def lake(lake_project):
    def make(source, **ssh):
        source = json.loads(json.dumps(source))
        source["connection"].update(ssh.pop("connection", {}))
        source["connection"]["ssh"].update(ssh)
        source["connection"]["ssh"] = {name: value for name, value in source["connection"]["ssh"].items() if value is not None}
        return lake_project({"config/sources.yaml": {"sources": [source]}}, uuid.uuid4().hex)

    return make


def test_rows_come_through_the_tunnel(source, lake) -> None:
    project = lake(source)
    project.ok("test-connection", "erp")
    outcome = project.ok("extract", "erp", "--json")
    assert outcome.results[0]["rows"] == ROWS
    assert project.query("SELECT count(*), sum(id), min(length(v)) FROM raw.erp.t") == [[ROWS, ROWS * (ROWS + 1) // 2, 500]]


def test_another_key_of_the_ssh_server_ends_it(source, lake) -> None:
    wrong = "SHA256:" + "A" * 43
    outcome = lake(source, host_key=wrong).fails(4, "extract", "erp", "--json")
    assert outcome.errors[0]["code"] == "host_key"
    assert source["connection"]["ssh"]["host_key"] in outcome.errors[0]["message"]


def test_an_ssh_server_that_nobody_knows_is_not_trusted(source, lake, tmp_path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    outcome = lake(source, host_key=None, known_hosts=str(known)).fails(4, "extract", "erp", "--json")
    assert outcome.errors[0]["code"] == "host_key"
    assert source["connection"]["ssh"]["host_key"] in outcome.errors[0]["hint"]


def test_a_known_ssh_server_is_trusted_by_known_hosts(source, lake, tmp_path, ssh_server) -> None:
    public = ssh_server.key.with_name("host.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[{ssh_server.host}]:{ssh_server.port} {public[0]} {public[1]}\n")
    lake(source, host_key=None, known_hosts=str(known)).ok("extract", "erp")


def test_a_login_that_is_refused_is_told_without_the_password(source, lake) -> None:
    outcome = lake(source, key=None, password="not-the-right-one").fails(4, "extract", "erp")
    assert "refuses the user" in outcome.stderr
    assert "not-the-right-one" not in outcome.stdout + outcome.stderr


def test_an_ssh_server_that_is_not_there_is_told(source, lake) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = lake(source, port=port).fails(4, "test-connection", "erp")
    assert f"erp: cannot reach the SSH server 127.0.0.1:{port}" in outcome.stderr


def test_a_database_that_the_ssh_server_cannot_reach_is_told(source, lake) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = lake(source, connection={"port": port}).fails(4, "test-connection", "erp")
    assert f"erp: the SSH server cannot reach {source['connection']['host']}:{port}" in outcome.stderr


def test_a_missing_key_file_is_named(source, lake) -> None:
    outcome = lake(source, key="nowhere/id_ed25519").fails(2, "test-connection", "erp")
    assert "connection.ssh.key: no such file" in outcome.stderr


def test_sockets_and_databases_without_a_usual_port_are_refused_before_anything_is_reached(lake_project) -> None:
    ssh = {"host": "bastion", "user": "u"}
    sources = [
        {"name": "a", "type": "postgresql", "connection": {"host": "/run/postgresql", "database": "d", "ssh": ssh}},
        {"name": "b", "type": "sql", "connection": {"drivername": "duckdb", "database": "d", "ssh": ssh}},
        {"name": "c", "type": "sql", "connection": {"drivername": "firebird", "host": "h", "database": "d", "ssh": ssh}},
        {"name": "d", "type": "mysql", "connection": {"host": "h", "database": "d", "ssh": {**ssh, "host_key": "MD5:aa"}}},
    ]
    outcome = lake_project({"config/sources.yaml": {"sources": sources}}).fails(2, "validate", "--json")
    messages = " ".join(error["message"] for error in outcome.errors)
    for part in ("folder of a socket", "needs host, as", "needs port", "host_key"):
        assert part in messages
