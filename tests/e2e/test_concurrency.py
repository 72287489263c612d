"""Several commands at once: each succeeds or says that a table is in use, and nobody sees half a table."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from ducklake.testing import LakeProject
from ducklake.testing.project import command, environment

Make = Callable[..., LakeProject]

ROWS = 5000
SOURCES = "sources:\n  - {name: s, type: csv, path: '*.csv', table: '{stem}', extract: {mode: full}}\n"
PIPELINES = """
pipelines:
  - name: p
    source: {layer: raw, domain: s, table: a}
    destination: {layer: staging, domain: d, table: t}
"""


@pytest.fixture
def lake(lake_project: Make) -> LakeProject:
    numbers = "".join(f"{number}\n" for number in range(ROWS))
    lake = lake_project({"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "a.csv": f"id\n{numbers}", "b.csv": "id\n1\n"})
    lake.ok("extract", "s")
    lake.ok("run", "p")
    return lake


def test_six_writers_and_four_readers_at_once(lake: LakeProject) -> None:
    writers = [["extract", "s", "--table", "a"]] * 4 + [["extract", "s", "--table", "b"], ["run", "p"]]
    whole = [
        f"SELECT count(*) = {ROWS} AND count(DISTINCT _extraction_id) = 1 AND count(DISTINCT id) = {ROWS} FROM {table}"
        for table in ("raw.s.a", "staging.d.t")
    ]
    readers = [["query", sql] for sql in whole * 2]
    landed = len(lake.files("data/raw/s/a/**/*.parquet"))

    started = [
        subprocess.Popen(
            [*command(), "-C", str(lake.path), *words, "--json"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (writer for pair in zip(writers, [*readers, *readers[:2]], strict=True) for writer in pair)
    ]
    succeeded = 0
    for process in started:
        out, err = process.communicate()
        document = json.loads(out)
        if "rows" in document:
            assert document["rows"] == [[True]], err
            continue
        (row,) = document["results"]
        assert process.returncode in (0, 5), err
        # A run that began before any extraction had landed has nothing to do.
        assert (row["status"] in {"success", "skipped"}) == (process.returncode == 0)
        if process.returncode == 5:
            assert "is in use by process" in row["error"]["message"]
        succeeded += (row.get("source"), row["table"], row["status"]) == ("s", "a", "success")

    assert succeeded >= 1
    assert len(lake.files("data/raw/s/a/**/*.parquet")) == landed + succeeded
    lake.ok("extract", "s")
    lake.ok("run", "p")
