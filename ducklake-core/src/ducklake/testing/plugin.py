"""The pytest plugin of DuckLake: fixtures for tests of plugins and of whole lakes.

It is loaded into every pytest run of an environment that has `ducklake-core`, so it imports next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ducklake.api.connector import ConnectorContext
    from ducklake.api.engine import Engine, EngineSession
    from ducklake.testing.project import Content, LakeProject


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
