"""A connector that hangs is given up at the time limit: its table failed, the others land, the process ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ducklake.testing import LakeProject

Make = Callable[..., LakeProject]

CONNECTOR = """
import threading
import time

from ducklake.api import Options, RowsConnector, hookimpl

asked = threading.Event()


class HangingOptions(Options):
    where: str


class Hanging(RowsConnector[HangingOptions]):
    name = "hanging"

    def at(self, where):
        if self.options.where == where:
            while not (where == "cancellable" and asked.wait(0.01)):
                time.sleep(0.01)

    def open(self, requests):
        self.at("open")
        session = super().open(requests)
        session.close = lambda: self.at("close")
        session.confirm = lambda table: self.at("confirm")
        session.cancel = asked.set
        return session

    def schemas(self):
        import pyarrow as pa

        return {name: pa.schema([("id", pa.int64())]) for name in ("a", "b", "c")}

    def rows(self, table):
        yield {"id": 1}
        if table == "b":
            self.at("rows")
            self.at("cancellable")
        yield {"id": 2}


@hookimpl
def register_connectors(register):
    register(Hanging)
"""
SOURCES = """
sources:
  - {name: s, type: hanging, where: WHERE, extract: {timeout: 4 seconds, batch_size: 1}}
  - {name: files, type: csv, path: f.csv}
"""


@pytest.fixture
def lake(lake_project: Make) -> Callable[[str], LakeProject]:
    def make(where: str) -> LakeProject:
        sources = SOURCES.replace("WHERE", where)
        return lake_project({"lake_plugins.py": CONNECTOR, "config/sources.yaml": sources, "f.csv": "id\n1\n"})

    return make


@pytest.mark.parametrize("where", ["rows", "cancellable"])
def test_a_table_that_hangs_has_failed_and_the_others_land(lake, where: str) -> None:
    project = lake(where)
    outcome = project.fails(1, "extract", "--all", "--json")
    found = {result["table"]: result for result in outcome.results}
    assert {table: result["status"] for table, result in found.items()} == {"a": "success", "b": "error", "c": "success", "f": "success"}
    assert found["b"]["error"]["code"] == "time_limit"
    assert "s.b: not finished within its time limit of 4 seconds" in found["b"]["error"]["message"]
    assert project.files("data/raw/s/b/**/*.parquet") == []
    again = project.write({"config/sources.yaml": SOURCES.replace("WHERE", "nowhere")}).ok("extract", "s", "--json")
    assert [result["status"] for result in again.results] == ["success"] * 3
    assert project.query("SELECT count(*) FROM raw.s.b") == [[2]]


def test_a_source_that_cannot_be_opened_in_time_fails_alone(lake) -> None:
    project = lake("open")
    outcome = project.fails(1, "extract", "--all", "--json")
    assert [(result["source"], result["status"]) for result in outcome.results] == [("s", "error"), ("files", "success")]
    assert outcome.errors[0]["code"] == "time_limit"


@pytest.mark.parametrize("where", ["confirm", "close"])
def test_what_has_landed_stays_where_a_connector_hangs_afterwards(lake, where: str) -> None:
    project = lake(where)
    outcome = project.ok("extract", "--all", "--json")
    assert {result["status"] for result in outcome.results} == {"success"}
    assert "time limit" in outcome.stderr
    assert project.query("SELECT count(*) FROM raw.s.b") == [[2]]


@pytest.mark.parametrize("value", ["0", "-1", "soon", "true", "99999999999"])
def test_a_time_limit_that_is_none_is_refused(lake_project: Make, value: str) -> None:
    project = lake_project({"config/sources.yaml": f"sources: [{{name: s, type: csv, path: f.csv, extract: {{timeout: {value}}}}}]\n"})
    outcome = project.fails(2, "validate", "--json")
    assert "no time limit" in outcome.errors[0]["message"]
    assert (outcome.errors[0]["file"], outcome.errors[0]["line"]) == ("config/sources.yaml", 1)


ENDLESS = """
from itertools import count

from ducklake.api import NoOptions, RowsConnector, hookimpl


class Endless(RowsConnector[NoOptions]):
    name = "endless"

    def schemas(self):
        import pyarrow as pa

        return {"t": pa.schema([("id", pa.int64())])}

    def rows(self, table):
        return ({"id": number} for number in count())


@hookimpl
def register_connectors(register):
    register(Endless)
"""


def test_rows_without_an_end_are_stopped_at_the_time_limit(lake_project: Make) -> None:
    source = {"name": "s", "type": "endless", "extract": {"timeout": "4 seconds", "batch_size": 100}}
    project = lake_project({"lake_plugins.py": ENDLESS, "config/sources.yaml": {"sources": [source]}})
    outcome = project.fails(1, "extract", "s", "--json")
    assert outcome.results[0]["error"]["code"] == "time_limit"
    assert project.files() == []


HANGING_STEP = """
import time

from ducklake.api import Options, PythonTransform, hookimpl


class SlowOptions(Options):
    seconds: float


class Slow(PythonTransform[SlowOptions]):
    name = "slow"

    def output(self, inputs, context):
        return inputs[0].schema

    def apply(self, rows, context):
        for batch in rows:
            time.sleep(self.options.seconds)
            yield batch


@hookimpl
def register_transforms(register):
    register(Slow)
"""
PIPELINES = """
pipelines:
  - name: slow
    source: {layer: raw, domain: files, table: f}
    destination: {layer: staging, domain: d, table: slow}
    transforms: [{type: slow, seconds: SECONDS}]
    timeout: 4 seconds
  - name: endless
    source: {layer: raw, domain: files, table: f}
    destination: {layer: staging, domain: d, table: endless}
    transforms: [{type: sql, query: "SELECT count(*) AS n FROM input, range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = id"}]
    timeout: 4 seconds
  - name: quick
    source: {layer: raw, domain: files, table: f}
    destination: {layer: staging, domain: d, table: quick}
    timeout: 1 minute
"""


def test_a_run_that_hangs_has_failed_and_the_others_are_published(lake_project: Make) -> None:
    sources = "sources: [{name: files, type: csv, path: f.csv}]\n"
    pipelines = PIPELINES.replace("SECONDS", "600")
    files = {"lake_plugins.py": HANGING_STEP, "config/sources.yaml": sources, "config/pipelines.yaml": pipelines, "f.csv": "id\n1\n"}
    project = lake_project(files)
    project.ok("extract", "files")
    outcome = project.fails(1, "run", "--all", "--json")
    found = {result["pipeline"]: result for result in outcome.results}
    assert {name: result["status"] for name, result in found.items()} == {"slow": "error", "endless": "error", "quick": "success"}
    for name in ("slow", "endless"):
        assert found[name]["error"]["code"] == "time_limit"
        assert f"{name}: not finished within its time limit of 4 seconds" in found[name]["error"]["message"]
        assert f"raise timeout of {name} in config/pipelines.yaml" in found[name]["error"]["hint"]
    assert project.files("data/staging/**/*.parquet") == ["data/staging/d/quick/data.parquet"]
    project.write({"config/pipelines.yaml": pipelines.replace("600", "0.01")}).ok("run", "slow")
    assert project.query("SELECT id FROM staging.d.slow") == [[1]]


OBSERVERS = """
import sqlite3
import time

from ducklake.api import hookimpl


@hookimpl
def after_step(event):
    while WHERE == "after_step":
        time.sleep(0.01)


@hookimpl
def after_commit(event):
    while WHERE == "after_commit":
        time.sleep(0.01)


told = []


@hookimpl
def before_step(event):
    if not told:
        told.append(sqlite3.connect(":memory:"))  # which only the thread that made it may use
    told[0].execute("SELECT 1")
    print("told of", event.table)
"""


@pytest.mark.parametrize("where", ["after_step", "after_commit", "nowhere"])
def test_an_observer_that_hangs_is_told_nothing_more_and_holds_nothing_up(lake_project: Make, where: str) -> None:
    sources = "sources: [{name: a, type: csv, path: a.csv}, {name: b, type: csv, path: b.csv}]\n"
    settings = "plugins: {observer_timeout: 3 seconds}\n"
    observer = OBSERVERS.replace("WHERE", repr(where))
    files = {"lake_plugins.py": observer, "config/sources.yaml": sources, "config/settings.yaml": settings}
    project = lake_project({**files, "a.csv": "id\n1\n", "b.csv": "id\n2\n"})
    outcome = project.ok("extract", "--all", "--json")
    assert [result["status"] for result in outcome.results] == ["success", "success"]
    assert project.query("SELECT id FROM raw.a.a UNION ALL SELECT id FROM raw.b.b") == [[1], [2]]
    warning = f"(lake_plugins.py) in {where}: not finished within its time limit of 3 seconds (it is told nothing more"
    assert outcome.stderr.count(warning) == (where != "nowhere")
    assert outcome.stderr.count("told of") == (2 if where == "nowhere" else 1)
