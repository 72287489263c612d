"""Encrypted connections: whose certificate is trusted, and whose is not."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ducklake.errors import SourceError
from ducklake.testing import read_table, servers
from ducklake_connector_mysql.connector import MySqlConnector
from ducklake_connector_mysql.options import MySqlOptions

CERTIFICATES = (
    "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
    "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
)
"""An authority, and a certificate of the name `localhost` alone."""


@pytest.fixture(scope="module")
def server():
    """A private MariaDB that offers encryption: its port, and the file of the authority."""
    pymysql = pytest.importorskip("pymysql", reason="needs the driver: pip install pymysql")
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    openssl, install, binary = (shutil.which(name, path=path) for name in ("openssl", "mariadb-install-db", "mariadbd"))
    if not (openssl and install and binary):
        pytest.skip("needs openssl and a server to start: apt-get install openssl mariadb-server")
    with servers._home("mysql") as (home, user):
        (home / "names").write_text("subjectAltName=DNS:localhost\n")
        for words in CERTIFICATES:
            subprocess.run([openssl, *words.split()], cwd=home, check=True, capture_output=True)
        for file in home.iterdir():
            file.chmod(0o644)
        plain = ["--no-defaults", f"--datadir={home / 'data'}"]
        servers._run([install, *plain, "--auth-root-authentication-method=normal", "--skip-test-db"], home, user)
        port = servers._free_port()
        network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={home / 'socket'}", f"--pid-file={home / 'pid'}"]
        secure = [f"--ssl-ca={home / 'ca.pem'}", f"--ssl-cert={home / 'server.pem'}", f"--ssl-key={home / 'server.key'}"]
        with servers._serving([binary, *plain, *network, *secure], home, user, port):
            with pymysql.connect(host="127.0.0.1", port=port, user="root", ssl_disabled=True) as admin, admin.cursor() as cursor:
                for statement in SETUP:
                    cursor.execute(statement)
            yield port, home / "ca.pem"


SETUP = (
    "CREATE DATABASE d",
    "USE d",
    "CREATE TABLE t AS SELECT seq AS id, MD5(seq) AS h FROM seq_1_to_50000",
    "CREATE USER x@'%' IDENTIFIED BY 'pw-of-x' REQUIRE SSL",
    "GRANT SELECT ON d.* TO x@'%'",
)


@pytest.fixture
def connector(server, connector_context):
    port, authority = server

    def make(**connection):
        if connection.get("ca"):
            connection["ca"] = str(authority)
        fields = {"host": "localhost", "port": port, "database": "d", "user": "x", "password": "pw-of-x", **connection}
        return MySqlConnector(MySqlOptions(connection=fields), connector_context("erp"))

    return make


@pytest.mark.parametrize(
    "connection",
    [{"tls": "verify-full", "ca": True}, {"tls": "verify-ca", "ca": True, "host": "127.0.0.1"}, {"tls": "require"}],
)
def test_rows_come_encrypted(connector, connection):
    assert read_table(connector(**connection), "t").num_rows == 50_000


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"tls": "verify-full", "ca": True, "host": "127.0.0.1"}, "not valid for '127.0.0.1'"),
        ({"tls": "verify-full"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"tls": "verify-ca"}, "CERTIFICATE_VERIFY_FAILED"),
        ({}, "Access denied"),
    ],
)
def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(connector, connection, words):
    with pytest.raises(SourceError, match=words) as caught:
        connector(**connection).validate_connection()
    assert not caught.value.retryable
    assert "pw-of-x" not in str(caught.value)


def test_rows_come_encrypted_and_verified_by_name_through_a_tunnel(connector, ssh_server):
    pytest.importorskip("paramiko", reason="needs paramiko: pip install 'ducklake-connector-sql[ssh]'")
    ssh = {"host": ssh_server.host, "port": ssh_server.port, "user": ssh_server.user, "key": str(ssh_server.key)}
    ssh["host_key"] = ssh_server.host_key
    found = connector(tls="verify-full", ca=True, ssh=ssh)
    assert read_table(found, "t").num_rows == 50_000
    assert "TLS" in found.diagnose().tls
    with pytest.raises(SourceError, match="certificate"):
        connector(tls="verify-full", ssh=ssh).validate_connection()
