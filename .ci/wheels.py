"""Judge the wheels from outside: in fresh environments, without this repository's packages or its configuration.

python .ci/wheels.py lake WORK       core and csv alone make a lake
python .ci/wheels.py plugins WORK    each plugin's tests pass with its wheel, what that declares, and core[testing]
python .ci/wheels.py duckdb WORK     engine, formats, transforms, checks and files pass on the other DuckDB version too

WORK holds `dist/` with the wheels.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OTHER_DUCKDB = "2.0.1"
LIMIT = 600
"""Seconds that one command may take."""


def ended(*command: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run a command outside of the repository; returns its exit code, output and errors. One that hangs is aborted.

    It writes to files: a process that it leaves behind and that holds a pipe open would keep this one waiting for ever.
    """
    env = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        process = subprocess.Popen([str(part) for part in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # pytest then says where it was
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            err.write(f"\nstill running after {LIMIT} s\n")
        out.seek(0)
        err.seek(0)
        return process.returncode, out.read(), err.read()


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command outside of the repository and return what it prints; leave with its words if it fails."""
    code, out, err = ended(*command, cwd=cwd)
    if code:
        sys.exit(f"$ {' '.join(str(part) for part in command)}\n{out}{err}\nexit {code}")
    return out


def environment(work: Path, name: str, *packages: str, pins: Sequence[str] | None = None) -> Path:
    """A fresh environment with these packages, ours from the wheels; returns its bin folder."""
    venv = work / "venvs" / name
    constraints = work / "constraints.txt"
    if pins is None:
        pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["constraint-dependencies"]
    constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
    run("uv", "venv", "--quiet", "--python", sys.executable, venv)
    run(
        "uv", "pip", "install", "--quiet", "--no-config", "--python", venv / "bin/python",
        "--find-links", work / "dist", "--constraints", constraints, *packages, cwd=work,
    )  # fmt: skip
    return venv / "bin"


def lake(work: Path) -> None:
    """`pip install --find-links dist ducklake-core ducklake-connector-csv` gives a lake with just that."""
    tools = environment(work, "lake", "ducklake-core", "ducklake-connector-csv")
    found = {row["name"] for row in json.loads(run("uv", "pip", "list", "--python", tools / "python", "--format", "json"))}
    ours = {name for name in found if name.startswith("ducklake")}
    assert ours == {"ducklake-core", "ducklake-connector-csv", "ducklake-connector-files"}, f"installed are {sorted(ours)}"
    run(tools / "ducklake", "init", "tienda", cwd=work)
    project = work / "tienda"
    (project / "ventas.csv").write_text("id,importe\n1,10.50\n2,3.25\n", encoding="utf-8")
    (project / "config/sources.yaml").write_text("sources:\n  - {name: caja, type: csv, path: ventas.csv}\n", encoding="utf-8")
    run(tools / "ducklake", "validate", cwd=project)
    run(tools / "ducklake", "extract", "caja", cwd=project)
    answer = json.loads(run(tools / "ducklake", "query", "--json", "SELECT sum(importe) AS total FROM raw.caja.ventas", cwd=project))
    assert answer["rows"] == [["13.75"]], answer
    print(f"{', '.join(sorted(ours))}: init, validate, extract and query work")


def plugins(work: Path) -> None:
    """Each plugin's tests, copied away from the repository, in an environment of its own."""
    failed = [
        folder.name for folder in sorted((ROOT / "plugins").iterdir()) if (folder / "pyproject.toml").exists() and not alone(work, folder)
    ]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def alone(work: Path, folder: Path) -> bool:
    """Whether one plugin's tests pass with only its wheel, its declared dependencies and core's `[testing]`."""
    tools = environment(work, folder.name, folder.name, "ducklake-core[testing]")
    tests = work / "alone" / folder.name
    shutil.copytree(folder / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    marks = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]["markers"]
    short = " and ".join(f"not {mark.partition(':')[0]}" for mark in marks)
    write_ini(tests, short, marks)
    report = work / f"junit-alone-{folder.name}.xml"
    command: Sequence[str | Path] = (tools / "python", "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", ".")
    code, out, err = ended(*command, cwd=tests)
    lines = out.strip().splitlines() or [err.strip()]
    print(f"{folder.name}: {lines[-1]}", flush=True)
    if code:
        print(out + err, flush=True)
    return code == 0


def write_ini(tests: Path, chosen: str, marks: Sequence[str] | None = None) -> None:
    """The configuration of copied tests: which marks run, and that one which hangs is named and ended."""
    strict = "" if marks is None else "--strict-markers "
    lines = [
        "[pytest]",
        "faulthandler_timeout = 300",
        "faulthandler_exit_on_timeout = true",
        f'addopts = --import-mode=importlib {strict}-q -m "{chosen}"',
        *(["markers =", *(f"    {mark}" for mark in marks)] if marks else []),
    ]
    (tests / "pytest.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")


def duckdb(work: Path) -> None:
    """What runs SQL, in an environment with the version of DuckDB that is not pinned."""
    parts = ("connector-csv", "connector-sqlite", "checks-standard", "transform-")
    packages = [folder for folder in sorted((ROOT / "plugins").iterdir()) if folder.name.removeprefix("ducklake-").startswith(parts)]
    names = [folder.name for folder in packages]
    tools = environment(work, "duckdb", "ducklake-core[testing]", "hypothesis", *names, pins=[f"duckdb=={OTHER_DUCKDB}"])
    tests = work / "other-duckdb"
    for folder in packages:
        shutil.copytree(folder / "tests", tests / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests/integration/test_conformance_builtin.py", tests)
    write_ini(tests, "not large")
    report = work / "junit-other-duckdb.xml"
    command = (tools / "python", "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", ".")
    print(f"DuckDB {OTHER_DUCKDB}: {run(*command, cwd=tests).strip().splitlines()[-1]}")


if __name__ == "__main__":
    {"lake": lake, "plugins": plugins, "duckdb": duckdb}[sys.argv[1]](Path(sys.argv[2]).resolve())
