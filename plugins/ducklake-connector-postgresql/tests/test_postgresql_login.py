"""Passwords, certificates, standbys and interrupts, on private servers that ask for them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ducklake.testing import servers
from ducklake.testing.project import environment

PASSWORD = "pw-of-x 'quoted' \\ ñ"
CERTIFICATES = (
    "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
    "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
)
"""An authority, and a certificate of the name `localhost` alone."""
RULES = """
host replication postgres 127.0.0.1/32 trust
host all postgres 127.0.0.1/32 trust
hostssl all x 127.0.0.1/32 scram-sha-256
"""


class Server:
    """A private server with encryption and passwords, and what is needed for a second one."""

    def __init__(self, home, user, port, binaries):
        self.home, self.user, self.port, self.binaries = home, user, port, binaries

    def execute(self, statement, port=None, database="d"):
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=port or self.port, user="postgres", dbname=database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server():
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    initdb, openssl = shutil.which("initdb", path=path), shutil.which("openssl")
    if not (initdb and openssl):
        pytest.skip("needs openssl and a server to start: apt-get install openssl postgresql")
    with servers._home("postgres") as (home, user):
        (home / "names").write_text("subjectAltName=DNS:localhost\n")
        for words in CERTIFICATES:
            subprocess.run([openssl, *words.split()], cwd=home, check=True, capture_output=True)
        if user:
            shutil.chown(home / "server.key", user)
        (home / "server.key").chmod(0o600)
        data = home / "data"
        servers._run([initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], home, user)
        (data / "pg_hba.conf").write_text(RULES)
        port = servers._free_port()
        made = Server(home, user, port, Path(initdb).parent)
        settings = [f"ssl_cert_file={home / 'server.pem'}", f"ssl_key_file={home / 'server.key'}", "ssl=on", "fsync=off"]
        settings += ["max_prepared_transactions=5", "wal_level=replica"]
        with serving(made, data, port, settings):
            made.execute("CREATE DATABASE d", database="postgres")
            escaped = PASSWORD.replace("'", "''")
            made.execute(f"CREATE ROLE x LOGIN PASSWORD '{escaped}'; GRANT pg_read_all_data TO x")
            made.execute("CREATE TABLE t AS SELECT g AS id, md5(g::text) AS h FROM generate_series(1, 50000) AS g")
            yield made


def serving(server, data, port, settings):
    options = [word for setting in settings for word in ("-c", setting)]
    command = [server.binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", server.home, *options]
    return servers._serving(command, server.home, server.user, port, lambda: "ready" in (data / "postmaster.pid").read_text())


@pytest.fixture
def lake_of(server, lake_project):
    def make(tables=("t",), extract=None, **connection):
        fields = {"host": "localhost", "port": server.port, "database": "d", "user": "x", "password": "${ERP_PASSWORD}", **connection}
        fields = {name: value for name, value in fields.items() if value is not None}
        source = {"name": "erp", "type": "postgresql", "connection": fields, "tables": list(tables), "extract": extract or {"retries": 0}}
        quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
        return lake_project({"config/sources.yaml": {"sources": [source]}, ".env": f"ERP_PASSWORD='{quoted}'\n"})

    return make


def test_a_password_and_a_verified_certificate_let_rows_come(server, lake_of):
    lake = lake_of(tls="verify-full", ca=str(server.home / "ca.pem"))
    shown = lake.ok("test-connection", "erp", "--json").results[0]
    assert "TLS" in str(shown)
    lake.ok("extract", "erp")
    assert lake.query("SELECT count(*), count(DISTINCT h) FROM raw.erp.t") == [[50_000, 50_000]]


def test_a_wrong_password_leaves_with_4_and_is_shown_nowhere(lake_of):
    outcome = lake_of(tls="require", password="wrong-4711").fails(4, "extract", "erp", "--json")
    assert 'password authentication failed for user "x"' in outcome.errors[0]["message"]
    assert outcome.errors[0]["message"].startswith("erp: ")
    assert "wrong-4711" not in str(outcome)


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"tls": "verify-full"}, "certificate"),
        ({"tls": "verify-full", "host": "127.0.0.1", "ca": True}, "127.0.0.1"),
        ({"tls": "disable"}, "no pg_hba.conf entry"),
    ],
)
def test_a_certificate_that_is_not_trusted_or_of_another_name_and_no_encryption_are_refused(server, lake_of, connection, words):
    if connection.get("ca"):
        connection = {**connection, "ca": str(server.home / "ca.pem")}
    outcome = lake_of(**connection).fails(4, "test-connection", "erp", "--json")
    assert words in outcome.errors[0]["message"]
    assert PASSWORD not in str(outcome)


def test_an_interrupt_ends_the_statement_at_the_server(server, lake_of):
    server.execute("CREATE OR REPLACE VIEW slow AS SELECT pg_sleep(600)::text AS s")
    lake = lake_of(["slow"], tls="require")
    command = [Path(sys.executable).with_name("ducklake"), "-C", str(lake.path), "extract", "erp"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def running():
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ducklake/erp' AND state = 'active' AND query LIKE 'COPY%'"
        return server.execute(asked) != [(0,)]

    while not running():
        assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    until = time.monotonic() + 20
    while running():
        assert time.monotonic() < until
    assert lake.files() == []


def test_a_transaction_that_is_prepared_lands_when_it_is_committed(server, lake_of):
    server.execute("DROP TABLE IF EXISTS p; CREATE TABLE p (id serial PRIMARY KEY, v text); INSERT INTO p (v) VALUES ('first')")
    server.execute("BEGIN; INSERT INTO p (v) VALUES ('prepared'); PREPARE TRANSACTION 'one'")
    server.execute("INSERT INTO p (v) VALUES ('after it')")
    lake = lake_of(["p"], {"key_column": "id"}, tls="require")
    assert "prepared transactions" in lake.ok("extract", "erp").stderr
    server.execute("COMMIT PREPARED 'one'")
    lake.ok("extract", "erp")
    assert lake.query("SELECT v FROM raw.erp.p ORDER BY v") == [["after it"], ["first"], ["prepared"]]


def test_a_standby_is_read_with_a_lookback_since_it_does_not_see_what_is_open(server, lake_of):
    server.execute("DROP TABLE IF EXISTS s; CREATE TABLE s (id int PRIMARY KEY, at timestamptz NOT NULL)")
    server.execute("CREATE INDEX ON s (at); INSERT INTO s SELECT g, now() - interval '1 hour' FROM generate_series(1, 1000) AS g")
    data, port = server.home / "standby", servers._free_port()
    copy = [server.binaries / "pg_basebackup", "-D", data, "-R", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-c", "fast"]
    servers._run(copy, server.home, server.user)
    settings = [f"ssl_cert_file={server.home / 'server.pem'}", f"ssl_key_file={server.home / 'server.key'}", "ssl=on"]
    with serving(server, data, port, [*settings, "max_prepared_transactions=5"]):
        lake = lake_of(["s"], {"key_column": "at"}, tls="require", port=port)
        assert "standby" in lake.ok("extract", "erp").stderr
        # A row whose key is older than those that have landed, as a long transaction of the primary leaves it.
        server.execute("INSERT INTO s VALUES (1001, now()); INSERT INTO s VALUES (1002, now() - interval '5 minutes')")
        for expected in (1001, 1002):
            until = time.monotonic() + 30
            while server.execute(f"SELECT count(*) FROM s WHERE id = {expected}", port) != [(1,)]:
                assert time.monotonic() < until
        lake.ok("extract", "erp")
        server.execute("INSERT INTO s VALUES (1003, now() - interval '5 minutes')")
        until = time.monotonic() + 30
        while server.execute("SELECT count(*) FROM s", port) != [(1003,)]:
            assert time.monotonic() < until
        lake.ok("extract", "erp")
        assert lake.query("SELECT count(*), count(DISTINCT id) FROM raw.erp.s") == [[1003, 1003]]
