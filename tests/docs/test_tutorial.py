"""The tutorials, run as they stand: each file written, each command typed, each answer compared."""

import shutil
import subprocess
import tomllib

import pytest

from walking import walk
from workspace import ROOT


def test_first_lake(tmp_path):
    assert walk(ROOT / "docs/tutorial/first-lake.md", tmp_path) >= 10


def test_first_plugin(tmp_path):
    """In an environment of its own, with core's wheel as the only thing of ours."""
    if shutil.which("uv") is None:
        pytest.skip("needs uv: pip install uv")
    dist, constraints, here = tmp_path / "dist", tmp_path / "constraints.txt", tmp_path / "here"
    here.mkdir()
    build = ["uv", "build", "--quiet", "--wheel", "--out-dir", dist, ROOT / "ducklake-core"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["constraint-dependencies"]
    constraints.write_text("\n".join(pins), encoding="utf-8")
    variables = {"UV_FIND_LINKS": str(dist), "UV_CONSTRAINT": str(constraints), "VIRTUAL_ENV": None, "PYTHONPATH": None}
    assert walk(ROOT / "docs/tutorial/first-plugin.md", here, variables) >= 7
