"""A disk that is full: the command says so with the path, tables stay as they were, and a later run goes on."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ducklake.testing import LakeProject

Make = Callable[..., LakeProject]

PIPELINES = """
pipelines:
  - name: p
    source: {layer: raw, domain: s, table: a}
    destination: {layer: staging, domain: d, table: t}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (only root may)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


def test_a_full_disk_changes_no_table_and_a_later_run_goes_on(lake_project: Make, small_disk: Path) -> None:
    lake = lake_project(
        {
            "config/sources.yaml": "sources:\n  - {name: s, type: csv, path: a.csv, extract: {mode: full}}\n",
            "config/pipelines.yaml": PIPELINES,
            "config/settings.yaml": f"data_path: {small_disk}\n",
            "a.csv": "id\n1\n",
        }
    )
    lake.ok("extract", "s")
    lake.ok("run", "p")
    both = "SELECT r.id, s.id FROM raw.s.a r, staging.d.t s"
    landed = sorted(small_disk.glob("raw/**/*.parquet"))

    lake.write({"a.csv": "id\n2\n"})
    fill(small_disk / "filler")
    for words in (("extract", "s"), ("run", "p", "--full-refresh")):
        outcome = lake.fails(1, *words, "--json")
        assert str(small_disk) in outcome.errors[0]["message"]
        assert "No space left" in outcome.errors[0]["message"]
        assert "free the disk" in outcome.errors[0]["hint"]
    assert lake.query(both) == [[1, 1]]
    assert sorted(small_disk.glob("raw/**/*.parquet")) == landed

    (small_disk / "filler").unlink()
    lake.ok("extract", "s")
    lake.ok("run", "p")
    assert lake.query(both) == [[2, 2]]
    assert set(landed) < set(small_disk.glob("raw/**/*.parquet"))
