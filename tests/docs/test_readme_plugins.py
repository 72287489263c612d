"""The plugins of the README are short, formatted, typed where a user sees it, and work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from documentation import blocks
from workspace import ROOT

LINES = {"register_connectors": 25, "register_transforms": 12, "register_quality_checks": 15}
EXAMPLES = {
    hook: block.text for block in blocks(ROOT / "README.md") if block.language == "python" for hook in LINES if f"def {hook}" in block.text
}


@pytest.mark.parametrize("hook", LINES)
def test_it_is_short_and_its_options_are_typed(hook):
    code = [line for line in EXAMPLES[hook].splitlines() if line.strip()]
    assert len(code) <= LINES[hook]
    assert re.search(r"class \w+Options\(Options\):\n    \w+: (str|int)", EXAMPLES[hook])


def test_they_are_formatted_and_linted_at_100_columns(tmp_path):
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("needs ruff: uv sync")
    for hook, text in EXAMPLES.items():
        (tmp_path / f"{hook}.py").write_text(text, encoding="utf-8")
    for command in (["format", "--check"], ["check", "--select", "E,F,I,W"]):
        line = [ruff, *command, "--isolated", "--no-cache", "--line-length", "100", "."]
        ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_they_work_together(lake_project):
    pipeline = {
        "name": "p",
        "source": {"layer": "raw", "domain": "sky", "table": "phases"},
        "destination": {"layer": "staging", "domain": "sky", "table": "phases"},
        "transforms": [{"type": "upper", "column": "name"}],
        "quality_checks": [{"type": "not_blank", "column": "name"}],
    }
    lake = lake_project(
        {
            "lake_plugins.py": "\n\n".join(EXAMPLES.values()),
            "config/sources.yaml": {"sources": [{"name": "sky", "type": "moon", "phases": 5}]},
            "config/pipelines.yaml": {"pipelines": [pipeline]},
        }
    )
    lake.ok("extract", "sky")
    outcome = lake.ok("run", "p", "--json")
    assert [check["passed"] for check in outcome.results[0]["checks"]] == [True]
    assert lake.query("SELECT count(*), max(name) FROM staging.sky.phases") == [[5, "NEW"]]
