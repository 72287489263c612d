"""The pytest plugin of DuckLake: fixtures for tests of plugins and of whole lakes.

It is loaded into every pytest run of an environment that has `ducklake-core`, so it imports next to nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ducklake.api.connector import ConnectorContext
    from ducklake.api.engine import Engine, EngineSession
    from ducklake.testing.clock import FakeClock
    from ducklake.testing.project import Content, LakeProject
    from ducklake.testing.servers import SshServer
    from ducklake.testing.web import WebServer


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of the conformance suites, and let commands hear Ctrl-C also where a shell has begun all this in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "large: streams gigabytes; deselect with -m 'not large'")


@pytest.fixture
def lake_project(tmp_path: Path) -> Callable[..., LakeProject]:
    """Make a lake project: `lake_project({"config/sources.yaml": ..., "shop.db": sqlite_file("CREATE ...")})`.

    Contents are text, bytes, a mapping (written as YAML) or a function that gets the path. A project without
    `config/sources.yaml` gets one without sources.
    """
    from ducklake.testing.project import LakeProject

    def make(files: Mapping[str, Content] | None = None, name: str = "lake") -> LakeProject:
        project = LakeProject(tmp_path / name)
        project.path.mkdir(parents=True, exist_ok=True)
        return project.write({"config/sources.yaml": "sources: []\n", **(files or {})})

    return make


@pytest.fixture
def engine_session() -> Iterator[EngineSession]:
    """An open, private session of the built-in DuckDB engine."""
    from ducklake.api.engine import EngineSettings
    from ducklake.builtin import duckdb_engine

    engines: list[type[Engine]] = []

    def register(engine: type[Engine]) -> None:
        engines.append(engine)

    duckdb_engine.register_engines(register)
    with engines[0]().open(EngineSettings(threads=2)) as session:
        yield session


@pytest.fixture
def connector_context(tmp_path: Path, engine_session: EngineSession) -> Callable[..., ConnectorContext]:
    """Make what core lends to a connector, over a project in `tmp_path`.

    Example:
        MyConnector(MyConnector.Options(path="x"), connector_context(source="shop"))
    """
    import logging

    from ducklake.api.connector import ConnectorContext

    def make(source: str = "s", **changes: Any) -> ConnectorContext:
        fields = {"project": tmp_path, "engine": engine_session, "log": logging.getLogger("ducklake.testing"), **changes}
        return ConnectorContext(source=source, **fields)

    return make


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """`postgresql://USER:PASSWORD@HOST:PORT/DATABASE` of a server for tests: that of DUCKLAKE_TEST_POSTGRESQL_URL, else a private one."""
    from ducklake.testing.servers import ServerMissing, postgresql

    try:
        with postgresql() as url:
            yield url
    except ServerMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """`mysql://USER:PASSWORD@HOST:PORT/DATABASE` of a server for tests: that of DUCKLAKE_TEST_MYSQL_URL, else a private MariaDB."""
    from ducklake.testing.servers import ServerMissing, mariadb

    try:
        with mariadb() as url:
            yield url
    except ServerMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshServer]:
    """A private SSH server with SFTP: host, port, user, key, host_key, and a folder to put files into."""
    from ducklake.testing.servers import ServerMissing, sshd

    try:
        with sshd() as server:
            yield server
    except ServerMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def http_server() -> Iterator[WebServer]:
    """A web server on the loopback: `http_server.routes["/orders"] = [{"id": 1}]`, then read `http_server.url`."""
    from ducklake.testing.web import web_server

    with web_server() as server:
        yield server


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The time that every `Lake` of this process sees (`lake_project(...).lake`); commands in processes of their own do not."""
    from ducklake.lake import Lake
    from ducklake.testing.clock import FakeClock

    clock = FakeClock()
    monkeypatch.setattr(Lake, "clock", staticmethod(clock))
    return clock


@pytest.fixture
def fake_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Answer `${secret:NAME}`, here and in commands: `fake_secrets({"erp": "s3cret"})`."""
    import json
    import os

    folder = tmp_path / "fake_secrets"

    def answer(secrets: Mapping[str, str]) -> None:
        info = folder / "ducklake_fake_secrets-1.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ducklake-fake-secrets\nVersion: 1\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("[ducklake]\nsecrets.fake = ducklake.testing.fake_secrets\n", encoding="utf-8")
        (folder / "secrets.json").write_text(json.dumps(dict(secrets)), encoding="utf-8")
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(dict.fromkeys(paths)))
        monkeypatch.setenv("FAKE_SECRETS", str(folder / "secrets.json"))
        monkeypatch.syspath_prepend(str(folder))

    return answer
