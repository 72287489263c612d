"""Ctrl-C and SIGTERM end a command soon, whatever it waits for, and leave the tables as they were."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ducklake.testing import LakeProject
from ducklake.testing.project import command, environment

Make = Callable[..., LakeProject]

PLUGINS = """
import os
import time

import pyarrow as pa

from ducklake.api import Column, NoOptions, Options, PythonTransform, RowsConnector, Schema, hookimpl

def ready():
    os.write(int(os.environ["READY"]), b"ready")

class SlowOptions(Options):
    stubborn: bool = False

class Slow(RowsConnector[SlowOptions]):
    name = "slow"
    Options = SlowOptions

    def schemas(self):
        return {"t": pa.schema([("id", pa.int64())])}

    def rows(self, table):
        ready()
        while True:
            try:
                time.sleep(0.2)
            except KeyboardInterrupt:
                if not self.options.stubborn:
                    raise
            if not self.options.stubborn:
                yield {"id": 1}

class SlowStep(PythonTransform[NoOptions]):
    name = "slow_step"
    Options = NoOptions

    def output(self, inputs, context):
        return Schema((Column("id", "BIGINT"),))

    def apply(self, batches, context):
        for batch in batches:
            ready()
            while True:
                time.sleep(0.2)
                yield batch.select(["id"])

@hookimpl
def register_connectors(register):
    register(Slow)

@hookimpl
def register_transforms(register):
    register(SlowStep)
"""
SOURCES = """
sources:
  - {name: s, type: csv, path: a.csv}
  - {name: slow, type: slow, extract: {batch_size: 1}}
  - {name: stuck, type: slow, stubborn: true}
"""
ENDLESS = "SELECT count(*) AS id FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range % 7 = 3"
PIPELINES = """
pipelines:
  - name: python
    source: {layer: raw, domain: s, table: a}
    destination: {layer: staging, domain: d, table: t}
    transforms: [{type: slow_step}]
"""
LIMIT = 10
"""Seconds that a command may take to end; most take a fraction of one."""


@pytest.fixture
def lake(lake_project: Make) -> LakeProject:
    lake = lake_project(
        {"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "lake_plugins.py": PLUGINS, "a.csv": "id\n1\n2\n"}
    )
    lake.ok("extract", "s")
    return lake


def stopped(
    lake: LakeProject, number: int, *words: str, then: int | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Start a command, wait until its plugin says that it is at work, send a signal, and where asked others until it ends."""
    reader, writer = os.pipe()
    started = subprocess.Popen(
        [*command(), "-C", str(lake.path), *words],
        env=environment({"READY": str(writer), **(env or {})}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[writer],
        text=True,
    )
    os.close(writer)
    try:
        assert os.read(reader, 5) == b"ready", started.communicate()
        started.send_signal(number)
        for _ in range(LIMIT * 5 if then is not None else 0):
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(0.2)
                break
            started.send_signal(then)
        out, err = started.communicate(timeout=LIMIT)
    finally:
        started.kill()
        os.close(reader)
    return started.returncode, out, err


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("extract slow", signal.SIGINT),
        ("extract slow", signal.SIGTERM),
        ("extract stuck", signal.SIGINT),
        ("run python", signal.SIGINT),
        ("run python", signal.SIGTERM),
    ],
)
def test_a_signal_ends_what_a_plugin_does(lake: LakeProject, line: str, number: int) -> None:
    before = lake.files()
    code, out, err = stopped(lake, number, *line.split(), "--json")
    assert code == 128 + number, err
    assert json.loads(out)["errors"][0]["code"] == "interrupted"
    assert "Fatal" not in err
    assert "Traceback" not in err
    assert lake.files() == before
    assert lake.query("SELECT id FROM raw.s.a ORDER BY id") == [[1], [2]]
    lake.ok("extract", "s")
    work = lake.path / "data" / ".ducklake" / "tmp"
    assert [path for path in work.rglob("*") if path.is_file()] == []


PATIENT = "import ducklake.cli.signals\n\nducklake.cli.signals.PATIENCE = 3600.0\n"


@pytest.mark.skipif(shutil.which("timeout") is None, reason="needs the command timeout: apt-get install coreutils")
def test_a_signal_that_comes_twice_at_once_is_one(lake: LakeProject) -> None:
    before = lake.files()
    started = subprocess.run(
        ["timeout", "-s", "INT", "3", *command(), "-C", str(lake.path), "extract", "slow", "--json"],
        env=environment({"READY": "1"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 124, started.stderr
    assert '"interrupted"' in started.stdout
    assert lake.files() == before
    work = lake.path / "data" / ".ducklake" / "tmp"
    assert [path for path in work.rglob("*") if path.is_file()] == []


def test_a_second_signal_ends_at_once_what_the_first_one_could_not(lake: LakeProject, tmp_path: Path) -> None:
    (tmp_path / "patient").mkdir()
    (tmp_path / "patient/sitecustomize.py").write_text(PATIENT)
    before = lake.files()
    env = {"PYTHONPATH": str(tmp_path / "patient")}
    code, out, err = stopped(lake, signal.SIGINT, "extract", "stuck", "--json", then=signal.SIGTERM, env=env)
    assert code == 128 + signal.SIGINT, err
    assert json.loads(out)["errors"][0]["code"] == "interrupted"
    assert "Traceback" not in err
    assert lake.files() == before
    lake.ok("extract", "s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_query_that_never_ends(lake: LakeProject, number: int, tmp_path: Path) -> None:
    started = subprocess.Popen(
        [*command(), "-C", str(lake.path), "query", "-"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdin is not None
    # The command has set up its signals once it reads its statement; more than a pipe holds shows that it does.
    started.stdin.write("-- " + "x" * 200_000 + "\n")
    started.stdin.flush()
    started.stdin.write(ENDLESS)
    started.stdin.close()
    started.stdin = None
    started.send_signal(number)
    _, err = started.communicate(timeout=LIMIT)
    assert started.returncode == 128 + number, err
    assert "interrupted" in err
