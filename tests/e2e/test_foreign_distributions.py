"""Installed plugins of others that break every rule: each fails what it was asked for, by name and version, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ducklake.testing import LakeProject
from plugin_factory import make_distribution

Make = Callable[..., LakeProject]

CONNECTOR = """
import os
import sys

import pyarrow as pa

from ducklake.api import Options, hookimpl
from ducklake.api.connector import Connector, Session
from ducklake.api.extraction import Extraction
from ducklake.api.tables import SourceTable

api = 1
print("noise")
os.write(1, b"noise")

class HowOptions(Options):
    how: str = "None"

SCHEMA = pa.schema([("a", pa.int64())])
BATCH = pa.RecordBatch.from_pydict({"a": [1, 2]})

def stop(error):
    raise error

def stream(*items):
    for item in items:
        yield item() if callable(item) else item

def batch(kind, array):
    schema = pa.schema([("a", kind)])
    return Extraction(schema=schema, streams=[[pa.RecordBatch.from_arrays([array], schema=schema)]])

def broken_text():
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])), pa.py_buffer(bytes([255]))])

def broken_decimal():
    import decimal
    whole = pa.array([decimal.Decimal("123456.7")], pa.decimal128(10, 1))
    return pa.Array.from_buffers(pa.decimal128(3, 1), 1, whole.buffers())

class HowSession(Session):
    def __init__(self, how):
        self.how = how

    def tables(self):
        return [SourceTable("t")] if self.how != "nameless" else [SourceTable(""), SourceTable("a\\0b"), SourceTable("t")]

    def get_schema(self, table):
        return SCHEMA

    def extract(self, request):
        print("noise")
        os.write(1, b"noise")
        os.system("echo noise")
        if self.how in ("nameless", "close", "confirm"):
            return Extraction(schema=SCHEMA, streams=[[BATCH]])
        return eval(self.how)

    def confirm(self, table):
        if self.how == "confirm":
            sys.exit(0)

    def close(self):
        if self.how == "close":
            sys.exit(0)

class How(Connector[HowOptions]):
    name = "how"
    Options = HowOptions
    capabilities = frozenset({"tables"})

    def validate_connection(self): ...

    def open(self, requests):
        return sys.exit(0) if self.options.how == "open" else HowSession(self.options.how)

@hookimpl
def register_connectors(register):
    register(How)
"""

FAILURES = {
    "open": "acme-how 1.0 raised SystemExit: 0",
    "stop(ValueError('lost'))": "acme-how 1.0 raised ValueError: lost",
    "stop(BaseException('worse'))": "acme-how 1.0 raised BaseException: worse",
    "sys.exit(0)": "acme-how 1.0 raised SystemExit: 0",
    "None": "acme-how 1.0 raised TypeError: extract() returned a NoneType",
    "Extraction(schema={}, streams=[])": "acme-how 1.0 raised TypeError: the schema of an Extraction is a dict",
    "Extraction(schema=SCHEMA, streams=[[BATCH]], state={1: object()})": "acme-how 1.0 raised TypeError",
    "Extraction(schema=SCHEMA, streams=[stream(BATCH, lambda: sys.exit(0))])": "acme-how 1.0 raised SystemExit: 0",
    "Extraction(schema=SCHEMA, streams=[[BATCH]], verify=lambda: sys.exit(0))": "acme-how 1.0 raised SystemExit: 0",
    "Extraction(schema=SCHEMA, streams=[[{'a': 1}]])": "yielded a dict, not an Arrow record batch",
    "Extraction(schema=SCHEMA, streams=[[pa.RecordBatch.from_pydict({'a': ['1']})]])": "a batch has the columns (a string)",
    "Extraction(schema=pa.schema([]), streams=[])": "the table has no columns",
    "Extraction(schema=pa.schema([('a', pa.int64()), ('a', pa.int64())]), streams=[])": "two columns have the name 'a'",
    "batch(pa.string(), broken_text())": "no string: Invalid UTF8",
    "batch(pa.decimal128(3, 1), broken_decimal())": "does not fit in precision",
    "batch(pa.timestamp('us'), pa.array([-(2**63)]).cast(pa.timestamp('us')))": "no moment",
}

STEPS = """
import sys

from ducklake.api import Options, Transform, hookimpl
from ducklake.api.quality import CheckResult, QualityCheck

api = 1

class HowOptions(Options):
    how: str = ""

class Step(Transform[HowOptions]):
    name = "how"
    Options = HowOptions

    def to_sql(self, inputs, context):
        print("noise")
        return eval(self.options.how) if self.options.how else f"SELECT * FROM {inputs[0].sql}"

class Check(QualityCheck[HowOptions]):
    name = "how"
    Options = HowOptions

    def columns(self):
        return ()

    def metrics(self, relation):
        return {"rows": "count(*)"}

    def evaluate(self, values, rows):
        return eval(self.options.how)

@hookimpl
def register_transforms(register):
    register(Step)

@hookimpl
def register_quality_checks(register):
    register(Check)
"""
STEP_FAILURES = {
    "sys.exit(0)": "acme-steps 1.0 raised SystemExit: 0",
    "1 / 0": "acme-steps 1.0 raised ZeroDivisionError",
    "None": "acme-steps 1.0 raised TypeError: to_sql() returned a NoneType",
}
CHECK_FAILURES = {
    "sys.exit(0)": "acme-steps 1.0 raised SystemExit: 0",
    "True": "acme-steps 1.0 returned bool, not a CheckResult",
    "CheckResult('many')": "acme-steps 1.0 counted 'many' failed rows",
}


@pytest.fixture
def env(lake_project: Make, request: pytest.FixtureRequest) -> dict[str, str]:
    """What a command needs to find the distributions."""
    site = request.getfixturevalue("tmp_path") / "site"
    site.mkdir()
    make_distribution(site, "acme-how", {"connector.how": "acme_how"}, {"acme_how": CONNECTOR})
    make_distribution(site, "acme-steps", {"transform.how": "acme_steps", "check.how": "acme_steps"}, {"acme_steps": STEPS})
    return {"PYTHONPATH": str(site)}


def make(lake_project: Make, *sources: dict[str, Any], pipelines: tuple[dict[str, Any], ...] = ()) -> LakeProject:
    csv = {"name": "last", "type": "csv", "path": "a.csv"}
    return lake_project(
        {"a.csv": "id\n1\n", "config/sources.yaml": {"sources": [*sources, csv]}, "config/pipelines.yaml": {"pipelines": list(pipelines)}}
    )


def test_each_way_to_break_a_connector_fails_its_own_table(lake_project: Make, env: dict[str, str]) -> None:
    lake = make(lake_project, *({"name": f"s{number}", "type": "how", "how": how} for number, how in enumerate(FAILURES)))
    outcome = lake.fails(1, "extract", "--all", "--json", env=env)
    failed = {row["source"]: row for row in outcome.results}
    for number, (how, message) in enumerate(FAILURES.items()):
        row = failed[f"s{number}"]
        assert row["status"] == "error", how
        assert message in row["error"]["message"], how
    assert failed["last"]["status"] == "success"
    assert lake.files() == failed["last"]["files"]


def test_what_has_landed_stays_whatever_its_connector_does_afterwards(lake_project: Make, env: dict[str, str]) -> None:
    lake = make(lake_project, {"name": "c", "type": "how", "how": "close"}, {"name": "d", "type": "how", "how": "confirm"})
    outcome = lake.ok("extract", "--all", "--json", env=env)
    assert [row["status"] for row in outcome.results] == ["success"] * 3
    assert "c: closing the source failed: c: acme-how 1.0 raised SystemExit: 0" in outcome.stderr
    assert "raw.d.t has landed, but confirming it at the source failed" in outcome.stderr


def test_a_table_that_no_lake_can_name_fails_alone(lake_project: Make, env: dict[str, str]) -> None:
    lake = make(lake_project, {"name": "n", "type": "how", "how": "nameless"})
    outcome = lake.fails(1, "extract", "n", "--json", env=env)
    assert [row["status"] for row in outcome.results] == ["error", "error", "success"]
    assert "its name is empty" in outcome.results[0]["error"]["message"]
    assert "zero byte" in outcome.results[1]["error"]["message"]
    assert len(lake.files()) == 1


def test_each_way_to_break_a_step_or_check_fails_its_own_pipeline(lake_project: Make, env: dict[str, str]) -> None:
    def pipeline(name: str, layer: str = "raw", domain: str = "last", table: str = "a", **more: Any) -> dict[str, Any]:
        source = {"layer": layer, "domain": domain, "table": table}
        return {"name": name, "source": source, "destination": {"layer": "staging", "domain": "d", "table": name}, **more}

    steps = [pipeline(f"step{at}", transforms=[{"type": "how", "how": how}]) for at, how in enumerate(STEP_FAILURES)]
    checks = [pipeline(f"check{at}", quality_checks=[{"type": "how", "how": how}]) for at, how in enumerate(CHECK_FAILURES)]
    rest = [pipeline("good", transforms=[{"type": "how"}]), pipeline("below", "staging", "d", "step0")]
    lake = make(lake_project, pipelines=(*steps, *checks, *rest))
    lake.ok("extract", "last", env=env)

    found = {row["pipeline"]: row for row in lake.fails(1, "run", "--all", "--json", env=env).results}
    for at, message in enumerate(STEP_FAILURES.values()):
        assert message in found[f"step{at}"]["error"]["message"]
    for at, message in enumerate(CHECK_FAILURES.values()):
        assert message in found[f"check{at}"]["error"]["message"]
    assert found["good"]["status"] == "success"
    assert found["below"]["status"] == "skipped"
    assert lake.files("data/staging/**/*.parquet") == ["data/staging/d/good/data.parquet"]


def test_two_installed_plugins_of_one_name_are_both_named_where_it_is_used(lake_project: Make, env: dict[str, str], tmp_path: Any) -> None:
    make_distribution(tmp_path / "site", "bcme-how", {"connector.how": "bcme_how"}, {"bcme_how": CONNECTOR}, "2.0")
    lake = make(lake_project, {"name": "s", "type": "how"})
    (problem,) = lake.fails(2, "extract", "s", "--json", env=env).errors
    assert "acme-how 1.0" in problem["message"]
    assert "bcme-how 2.0" in problem["message"]
    lake.ok("extract", "last", env=env)
