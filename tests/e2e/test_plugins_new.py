"""`ducklake plugins new`: a package that installs, registers and passes its own tests and lint as it is made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ducklake.cli.plugin_package import WORDS, create_package
from ducklake.plugins.info import KINDS
from ducklake.testing.project import environment, run_command
from workspace import ROOT

LONG = "abcdefghijklmnopqrstuvwxyz-abcdefghij-xy"


def test_every_kind_of_plugin_has_a_template():
    assert set(WORDS) == set(KINDS)


def test_a_package_is_made_beside_others_and_never_over_one(tmp_path):
    outcome = run_command("plugins", "new", "connector", "moon", "--path", str(tmp_path), "--json")
    made = {row["path"] for row in outcome.results}
    folder = tmp_path / "ducklake-connector-moon"
    assert {"pyproject.toml", "README.md", ".github/workflows/ci.yml", "tests/test_conformance.py"} < made
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == made
    assert outcome.json["project"] == str(folder)
    (folder / "README.md").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = run_command("plugins", "new", "connector", "moon", "--path", str(tmp_path), "--json")
    assert (again.exit_code, again.errors[0]["code"]) == (2, "exists")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("conector", "moon", "did you mean 'connector'?"),
        ("connector", "Full Moon!", "ducklake plugins new connector full-moon"),
        ("connector", "../moon", "ducklake plugins new connector moon"),
        ("connector", "2moons", "ducklake plugins new connector moons"),
        ("connector", "", "use up to"),
        ("connector", "x" * 41, "ducklake plugins new connector"),
        ("command", "extract", "choose another name"),
    ],
)
def test_what_cannot_be_a_name_is_refused_before_anything_is_written(tmp_path, kind, name, hint):
    outcome = run_command("plugins", "new", kind, name, "--path", str(tmp_path / "new"), "--json")
    assert outcome.exit_code == 2, str(outcome)
    assert hint in outcome.errors[0]["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_our_own_plugins_is_warned_of(tmp_path):
    outcome = run_command("plugins", "new", "connector", "csv", "--path", str(tmp_path))
    assert outcome.exit_code == 0
    assert "DuckLake has a connector 'csv' of its own" in outcome.stderr


def test_packages_of_every_kind_and_length_of_name_are_linted_and_formatted(tmp_path):
    for kind in KINDS:
        for name in ("m", "full_moon", LONG):
            create_package(kind, name, tmp_path / f"{kind}-{name}")
    for check in (["check"], ["format", "--check"]):
        ran = subprocess.run([tool("ruff"), *check, "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.matrix
def test_new_packages_are_built_installed_and_used(tmp_path):
    """A connector and a transform, from the command to rows in staging, with nothing but wheels; the tutorial goes the same way."""
    env = Environment(tmp_path, "connector", "transform")
    assert {"connector.moon", "transform.moon"} <= {f"{row['kind']}.{row['name']}" for row in env.document("plugins", "--check")["results"]}
    lake = tmp_path / "lake"
    (lake / "config").mkdir(parents=True)
    (lake / "config/sources.yaml").write_text("sources: [{name: s, type: moon, count: 5}]\n", encoding="utf-8")
    (lake / "config/pipelines.yaml").write_text(
        "pipelines:\n  - name: p\n    source: {layer: raw, domain: s, table: numbers}\n"
        "    destination: {layer: staging, domain: d, table: t}\n    transforms: [{type: moon, column: name}]\n",
        encoding="utf-8",
    )
    assert env.document("extract", "s", cwd=lake)["results"][0]["rows"] == 5
    assert env.document("run", "p", cwd=lake)["status"] == "ok"
    answer = env.document("query", "SELECT name FROM staging.d.t WHERE id = 4", cwd=lake)
    assert answer["rows"] == [["NUMBER 4"]]


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
def test_a_package_of_each_kind_passes_its_own_tests_and_types(tmp_path, kind):
    env = Environment(tmp_path, kind, extras="[dev]")
    found = {f"{row['kind']}.{row['name']}": row for row in env.document("plugins", "--check")["results"]}
    assert found[f"{kind}.moon"]["status"] == "ok"
    package = tmp_path / f"ducklake-{kind}-moon"
    for command in (["pytest", "-q"], ["mypy"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        env.run(*command, cwd=package)


class Environment:
    """A fresh environment with core and new plugins called `moon`, from wheels."""

    def __init__(self, folder: Path, *kinds: str, extras: str = ""):
        uv = shutil.which("uv")
        if uv is None or not (ROOT / "ducklake-core/pyproject.toml").exists():
            pytest.skip("needs uv, and the source of core to build its wheel")
        self.bin = folder / "venv/bin"
        self.uv = uv
        self.build(ROOT / "ducklake-core", folder)
        for kind in kinds:
            self.run("new", kind, cwd=folder)
            self.build(folder / f"ducklake-{kind}-moon", folder)
        self.run(uv, "venv", "-q", "--no-config", "--python", sys.executable, folder / "venv", cwd=folder)
        pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["constraint-dependencies"]
        (folder / "constraints.txt").write_text("\n".join(pins), encoding="utf-8")
        packages = [f"ducklake-{kind}-moon{extras}" for kind in kinds]
        install = ["pip", "install", "-q", "--no-config", "--python", self.bin / "python", "--find-links", folder / "dist"]
        self.run(uv, *install, "--constraints", folder / "constraints.txt", "ducklake-core", *packages, cwd=folder)

    def build(self, package: Path, folder: Path) -> None:
        self.run(self.uv, "build", "-q", "--no-config", "--wheel", "--out-dir", folder / "dist", package, cwd=folder)

    def run(self, command: str | Path, *arguments: str | Path, cwd: Path) -> str:
        if command == "new":
            outcome = run_command("plugins", "new", str(arguments[0]), "moon", "--path", str(cwd))
            assert outcome.exit_code == 0, str(outcome)
            return outcome.stdout
        program = self.bin / command if not os.path.isabs(command) else command
        env = environment({"VIRTUAL_ENV": None, "PYTHONPATH": None, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"})
        ran = subprocess.run([program, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{program} {arguments}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def document(self, *arguments: str, cwd: Path | None = None) -> dict:
        return json.loads(self.run("ducklake", *arguments, "--json", cwd=cwd or self.bin))


def tool(name: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name}: uv sync")
    return path
