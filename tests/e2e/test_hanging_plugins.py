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
  - {name: s, type: hanging, where: WHERE, extract: {timeout: 1 second, batch_size: 1}}
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
    assert "s.b: not finished within its time limit of 1 seconds" in found["b"]["error"]["message"]
    assert project.files("data/raw/s/b/**/*.parquet") == []
    assert project.query("SELECT count(*) FROM raw.s.c") == [[2]]
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
