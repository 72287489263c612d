"""Plugins that misbehave fail their own table and nothing else; what they print spoils no answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ducklake.testing import LakeProject
from ducklake.testing.project import run_command

Make = Callable[..., LakeProject]

CONNECTOR = """
import os
import sys

from ducklake.api import Options, RowsConnector, hookimpl


class TwoOptions(Options):
    bad: str = ""


class Two(RowsConnector[TwoOptions]):
    name = "two"
    Options = TwoOptions

    def schemas(self):
        import pyarrow as pa

        schema = pa.schema([("id", pa.int64())])
        return {"good": schema, "bad": schema}

    def rows(self, table):
        yield {"id": 1}
        if table == "bad":
            exec(self.options.bad)
        yield {"id": 2}


@hookimpl
def register_connectors(register):
    register(Two)
"""

STEP = """
from ducklake.api import NoOptions, PythonTransform, Schema, Column, hookimpl


class Twice(PythonTransform):
    name = "twice"
    Options = NoOptions

    def output(self, inputs, context):
        return Schema((*inputs[0].schema, Column("doble", "BIGINT")))

    def apply(self, batches, context):
        import pyarrow.compute as pc

        for batch in batches:
            BODY
            yield batch.append_column("doble", pc.multiply(batch.column("id"), 2))


@hookimpl
def register_transforms(register):
    register(Twice)
"""

OBSERVER = """
from ducklake.api import hookimpl


@hookimpl
def after_step(event):
    raise SystemExit(f"observer of {event.table}")
"""

SOURCES = "sources:\n  - {name: dos, type: two, bad: BAD}\n  - {name: drops, type: csv, path: a.csv, extract: {mode: full}}\n"
PIPELINES = """
pipelines:
  - name: doble
    source: {layer: raw, domain: drops, table: a}
    destination: {layer: staging, domain: v, table: doble}
    transforms: [{type: twice}, {type: filter, condition: doble > 2}]
  - name: igual
    source: {layer: raw, domain: drops, table: a}
    destination: {layer: staging, domain: v, table: igual}
"""


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("raise ValueError('lost the thread')", "ValueError: lost the thread"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise BaseException('worse')", "BaseException: worse"),
        ("raise KeyError", "KeyError"),
    ],
)
def test_a_connector_that_raises_fails_its_table_and_the_rest_goes_on(lake_project: Make, bad: str, message: str) -> None:
    sources = SOURCES.replace("BAD", f'"{bad}"')
    project = lake_project({"lake_plugins.py": CONNECTOR, "config/sources.yaml": sources, "a.csv": "id\n1\n"})
    outcome = project.fails(1, "extract", "--all", "--json")
    found = {result["table"]: result for result in outcome.results}
    assert {table: result["status"] for table, result in found.items()} == {"good": "success", "bad": "error", "a": "success"}
    assert message in found["bad"]["error"]["message"]
    assert "lake_plugins" in found["bad"]["error"]["message"]
    assert project.files("data/raw/dos/bad/**/*.parquet") == []


def test_what_a_plugin_prints_does_not_spoil_the_document(lake_project: Make) -> None:
    noise = "print('noise'); os.write(1, b'more noise'); os.system('echo even more noise')"
    project = lake_project({"lake_plugins.py": CONNECTOR, "config/sources.yaml": SOURCES.replace("BAD", f'"{noise}"'), "a.csv": "id\n1\n"})
    outcome = project.ok("extract", "dos", "--json")
    assert [result["rows"] for result in outcome.results] == [2, 2]
    assert outcome.stderr.count("noise") == 3


LOUD = """
import atexit
import ctypes
import sys

libc = ctypes.CDLL(None)
out = sys.stdout


def shout(event=None):
    libc.printf(b"held back in C\\n")
    out.write("through the stream of before\\n")
    sys.__stdout__.write("through the stream of the beginning\\n")


shout()
atexit.register(shout)
"""


QUIET = [("extract", "drops"), ("run", "igual"), ("config", "schema"), ("extract", "nobody")]


def test_what_a_plugin_prints_from_c_or_at_the_end_does_not_spoil_the_document(lake_project: Make) -> None:
    csv_only = SOURCES.splitlines()[0] + "\n" + SOURCES.splitlines()[2]
    pipeline = PIPELINES.partition("  - name: doble")[0] + PIPELINES[PIPELINES.index("  - name: igual") :]
    local = LOUD + "from ducklake.api import hookimpl\n\n@hookimpl\ndef after_step(event):\n    shout()\n"
    files = {"lake_plugins.py": local, "config/sources.yaml": csv_only, "config/pipelines.yaml": pipeline, "a.csv": "id\n1\n"}
    project = lake_project(files)
    for command in QUIET:
        outcome = run_command("-C", str(project.path), *command, "--json")
        assert outcome.json
        assert "held back" not in outcome.stdout
        assert "through" not in outcome.stdout
        if command in (("extract", "drops"), ("run", "igual")):
            assert outcome.stderr.count("held back in C") == 3


def test_a_step_in_python_works_between_steps_in_sql(lake_project: Make) -> None:
    files = {
        "lake_plugins.py": STEP.replace("BODY", "pass"),
        "config/sources.yaml": SOURCES.splitlines()[0] + "\n" + SOURCES.splitlines()[2],
    }
    project = lake_project({**files, "config/pipelines.yaml": PIPELINES, "a.csv": "id\n1\n2\n3\n"})
    project.ok("extract", "drops")
    project.ok("run", "--all")
    assert project.query("SELECT id, doble FROM staging.v.doble ORDER BY 1") == [[2, 4], [3, 6]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("yield batch", "declares"),
        ("yield 7", "not an Arrow record batch"),
    ],
)
def test_a_step_that_raises_fails_its_pipeline_and_the_rest_goes_on(lake_project: Make, body: str, message: str) -> None:
    files = {"lake_plugins.py": STEP.replace("BODY", body), "config/sources.yaml": SOURCES.splitlines()[0] + "\n" + SOURCES.splitlines()[2]}
    project = lake_project({**files, "config/pipelines.yaml": PIPELINES, "a.csv": "id\n1\n"})
    project.ok("extract", "drops")
    outcome = project.fails(1, "run", "--all", "--json")
    found = {result["pipeline"]: result for result in outcome.results}
    assert {name: result["status"] for name, result in found.items()} == {"doble": "error", "igual": "success"}
    assert message in found["doble"]["error"]["message"]
    assert "step 1 (twice)" in found["doble"]["error"]["message"]
    assert project.files("data/staging/v/doble/*") == []


def test_an_observer_that_raises_is_a_warning(lake_project: Make) -> None:
    sources = SOURCES.splitlines()[0] + "\n" + SOURCES.splitlines()[2]
    project = lake_project({"lake_plugins.py": OBSERVER, "config/sources.yaml": sources, "a.csv": "id\n1\n"})
    outcome = project.ok("extract", "drops", "--json")
    assert outcome.results[0]["status"] == "success"
    assert "observer of raw.drops.a" in outcome.stderr
    assert "warning" in outcome.stderr
