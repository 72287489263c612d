"""Print the marks that pyproject.toml declares, one a line: the long tests that only `.ci/run --full` runs."""

from __future__ import annotations

import tomllib
from pathlib import Path

config = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
for mark in config["tool"]["pytest"]["ini_options"].get("markers", []):
    print(mark.partition(":")[0].partition("(")[0].strip())
