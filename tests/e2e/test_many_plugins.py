"""Forty plugins that nobody asks for are listed, and not imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ducklake.testing import LakeProject
from plugin_factory import make_distribution

KINDS = ("connector", "transform", "check", "writer", "engine")
PLUGIN = """
import os
from pathlib import Path

with Path(os.environ["IMPORTED"]).open("a") as file:
    print(__name__, file=file)
raise RuntimeError("imported though nobody asked for it")
"""


@pytest.fixture
def lake(lake_project: Callable[..., LakeProject], tmp_path: Path) -> LakeProject:
    site = tmp_path / "site"
    site.mkdir()
    for number in range(40):
        kind, module = KINDS[number % len(KINDS)], f"dummy_{number}"
        make_distribution(site, f"ducklake-{kind}-dummy{number}", {f"{kind}.dummy{number}": module}, {module: PLUGIN})
    pipeline = {
        "name": "p",
        "source": {"layer": "raw", "domain": "s", "table": "a"},
        "destination": {"layer": "staging", "domain": "d", "table": "t"},
        "transforms": [{"type": "filter", "condition": "id > 0"}],
        "quality_checks": [{"type": "not_null", "columns": ["id"]}],
    }
    return lake_project(
        {
            "config/sources.yaml": {"sources": [{"name": "s", "type": "csv", "path": "a.csv"}]},
            "config/pipelines.yaml": {"pipelines": [pipeline]},
            "a.csv": "id\n1\n",
        }
    )


def test_plugins_that_nobody_asks_for_are_listed_and_not_imported(lake: LakeProject, tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    env = {"PYTHONPATH": str(tmp_path / "site"), "IMPORTED": str(imported)}
    listed = lake.ok("plugins", "--json", env=env).results
    assert sum(row["name"].startswith("dummy") for row in listed) == 40
    for command in (["--help"], ["extract", "s"], ["run", "p"]):
        lake.ok(*command, env=env)
        assert not imported.exists(), f"{command} imports {imported.read_text()}"


def test_asking_for_one_imports_that_one(lake: LakeProject, tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    lake.write({"config/sources.yaml": {"sources": [{"name": "s", "type": "dummy5"}]}})
    outcome = lake.run("extract", "s", env={"PYTHONPATH": str(tmp_path / "site"), "IMPORTED": str(imported)})
    assert outcome.exit_code == 2
    assert "imported though nobody asked for it" in outcome.stderr
    assert imported.read_text() == "dummy_5\n"
