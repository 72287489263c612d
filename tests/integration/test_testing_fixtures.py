"""The fixtures for plugin authors do what they say."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request

import pytest

ROWS = """
from ducklake.api import Options, RowsConnector, hookimpl


class OneOptions(Options):
    answer: str


class One(RowsConnector[OneOptions]):
    name = "one"

    def schemas(self):
        import pyarrow as pa

        return {"t": pa.schema([("answer", pa.string())])}

    def rows(self, table):
        return [{"answer": self.options.answer}]


@hookimpl
def register_connectors(register):
    register(One)
"""


@pytest.fixture
def lake(lake_project):
    sources = "sources: [{name: s, type: one, answer: '${secret:erp}'}]\n"
    return lake_project({"lake_plugins.py": ROWS, "config/sources.yaml": sources})


def test_secrets_are_answered_here_and_in_commands(lake, fake_secrets):
    fake_secrets({"erp": "s3cret of the test"})
    outcome = lake.ok("extract", "s")
    assert "s3cret" not in outcome.stdout + outcome.stderr
    assert lake.query("SELECT length(answer) FROM raw.s.t") == [[len("s3cret of the test")]]
    fake_secrets({"erp": "another"})
    assert lake.lake.extract("s").ok
    lake.write({"config/sources.yaml": "sources: [{name: s, type: one, answer: '${secret:other}'}]\n"})
    lake.fails(2, "extract", "s")


def test_the_clock_stands_until_it_is_moved(lake, fake_clock, fake_secrets):
    fake_secrets({"erp": "x"})
    lake.lake.extract("s")
    assert lake.files() == ["data/raw/s/t/year=2026/month=01/day=02/data.parquet"]
    fake_clock.advance(days=30)
    lake.lake.extract("s")
    assert lake.files()[-1] == "data/raw/s/t/year=2026/month=02/day=01/data.parquet"


def test_the_web_server_answers_and_keeps_what_it_was_asked(http_server):
    http_server.routes["/plain"] = "text"
    http_server.routes["/rows"] = lambda request: [{"page": request.query["page"]}]
    with urllib.request.urlopen(f"{http_server.url}/rows?page=2") as answer:
        assert answer.read() == b'[{"page": "2"}]'
    with urllib.request.urlopen(f"{http_server.url}/plain", data=b"body") as answer:
        assert answer.headers["content-type"].startswith("text/plain")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{http_server.url}/nothing")
    assert [(request.method, request.path, request.body) for request in http_server.requests] == [
        ("GET", "/rows", b""),
        ("POST", "/plain", b"body"),
        ("GET", "/nothing", b""),
    ]


def test_the_ssh_server_gives_files(ssh_server, tmp_path):
    (ssh_server.folder / "a.csv").write_text("id\n1\n", encoding="utf-8")
    login = [
        f"-P{ssh_server.port}",
        f"-i{ssh_server.key}",
        "-oBatchMode=yes",
        "-oStrictHostKeyChecking=no",
        f"-oUserKnownHostsFile={tmp_path}/known",
    ]
    target = f"{ssh_server.user}@{ssh_server.host}:{ssh_server.folder}/a.csv"
    try:
        ran = subprocess.run(["sftp", "-q", *login, target, str(tmp_path / "a.csv")], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the command sftp: apt-get install openssh-client")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "id\n1\n"
    assert ssh_server.host_key.startswith("SHA256:")
