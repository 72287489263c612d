"""A project in a folder, and the `ducklake` command run in it as a user would."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.testing.warm import WarmCommands

if TYPE_CHECKING:
    from ducklake.lake import Lake

Content = str | bytes | Mapping[str, Any] | Callable[[Path], object]
"""What a file of a test project holds: text, bytes, a mapping (as YAML, or JSON by the file's name), or a function that makes the file."""

TIME_LIMIT = 300
"""Seconds until a command that hangs fails its test; no test is meant to come near."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        args: What was typed behind `ducklake`.
        exit_code: As the shell sees it; negative for a signal.
        stdout: Results.
        stderr: Logs and progress.
    """

    args: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document that `--json` prints."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"stdout is not one JSON document: {error}\n{self}") from error

    @property
    def results(self) -> list[dict[str, Any]]:
        """`results` of the document."""
        found: list[dict[str, Any]] = self.json["results"]
        return found

    @property
    def errors(self) -> list[dict[str, Any]]:
        """`errors` of the document."""
        found: list[dict[str, Any]] = self.json["errors"]
        return found

    def __str__(self) -> str:
        return f"$ ducklake {' '.join(self.args)}\nexit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


@dataclasses.dataclass(frozen=True)
class LakeProject:
    """A lake project on disk.

    Attributes:
        path: Its folder.
    """

    path: Path

    def write(self, files: Mapping[str, Content]) -> LakeProject:
        """Make or replace files.

        Args:
            files: Path within the project to content.
        """
        for name, content in files.items():
            _write(self.path / name, content)
        return self

    def run(self, *args: str, env: Mapping[str, str | None] | None = None, cwd: Path | None = None, stdin: str = "") -> Outcome:
        """Run `ducklake` in a process of its own, with `-C` this project.

        On Linux that is forked from one that has loaded the installed command already, which takes a fifth of the time.

        Args:
            *args: What to type behind `ducklake`.
            env: Variables on top of the test's own; None takes one away. `DUCKLAKE_*` of the developer's shell never gets in.
            cwd: Where to stand, without `-C` then; by default the project, with it.
            stdin: What is piped in.
        """
        where = () if cwd is not None else ("-C", str(self.path))
        full, start = environment(env), _warm()
        if start is None or not start.suits(full):
            return run_command(*where, *args, env=env, cwd=cwd or self.path, stdin=stdin)
        done = start.run([*where, *args], cwd=cwd or self.path, env=full, stdin=stdin, time_limit=TIME_LIMIT)
        return Outcome((*where, *args), *done)

    def ok(self, *args: str, env: Mapping[str, str | None] | None = None) -> Outcome:
        """As `run`, for a command that has to succeed.

        Args:
            *args: What to type behind `ducklake`.
            env: As for `run`.
        """
        outcome = self.run(*args, env=env)
        assert outcome.exit_code == 0, str(outcome)
        return outcome

    def fails(self, exit_code: int, *args: str, env: Mapping[str, str | None] | None = None) -> Outcome:
        """As `run`, for a command that has to fail in one way, and without a traceback.

        Args:
            exit_code: The expected one.
            *args: What to type behind `ducklake`.
            env: As for `run`.
        """
        outcome = self.run(*args, env=env)
        assert outcome.exit_code == exit_code, str(outcome)
        assert "Traceback" not in outcome.stderr, str(outcome)
        return outcome

    def extract(self, *sources: str, full: bool = False) -> list[dict[str, Any]]:
        """Extract in this process, which takes a fraction of a command's time; it has to succeed.

        Args:
            *sources: Their names.
            full: As `--full`.

        Returns:
            `results`, as `--json` prints them.
        """
        done = self.lake.extract(*sources, full=full)
        results = [result.to_json() for result in done.results]
        assert done.exit_code == 0, json.dumps(results, indent=2)
        return results

    def query(self, sql: str) -> list[list[Any]]:
        """The rows of a SELECT, as `ducklake query --json` prints them.

        Args:
            sql: One SELECT over tables of the lake.
        """
        rows: list[list[Any]] = self.ok("query", sql, "--json").json["rows"]
        return rows

    def files(self, pattern: str = "data/**/*.parquet") -> list[str]:
        """The project's files that match, sorted, without the private folder `data/.ducklake`.

        Args:
            pattern: A glob pattern relative to the project.
        """
        found = (path.relative_to(self.path).as_posix() for path in self.path.glob(pattern) if path.is_file())
        return sorted(name for name in found if not name.startswith("data/.ducklake/"))

    @property
    def lake(self) -> Lake:
        """The Python API on this project; a new object each time."""
        from ducklake import Lake

        return Lake(self.path)


def run_command(*args: str, env: Mapping[str, str | None] | None = None, cwd: Path | None = None, stdin: str = "") -> Outcome:
    """Run the `ducklake` of this Python's environment.

    Args:
        *args: What to type behind `ducklake`.
        env: Variables on top of the test's own; None takes one away.
        cwd: Where to stand.
        stdin: What is piped in.
    """
    finished = subprocess.run(
        [*command(), *args],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(env),
        timeout=TIME_LIMIT,
        check=False,
    )
    return Outcome(args, finished.returncode, finished.stdout, finished.stderr)


@functools.cache
def _warm() -> WarmCommands | None:
    """The loaded process of this one, where fork() is safe and the installed command is that of this Python."""
    script = Path(command()[0])
    if sys.platform != "linux" or script.parent != Path(sys.executable).parent:
        return None
    return WarmCommands(str(script), environment())


def command() -> Sequence[str]:
    """How to start the installed `ducklake`: the script beside this Python, else the one on the path."""
    beside = Path(sys.executable).with_name("ducklake")
    found = str(beside) if beside.exists() else shutil.which("ducklake")
    assert found, "the command ducklake is not installed beside this Python: pip install ducklake-core"
    return (found,)


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment for a command under test: the same on every machine and terminal.

    Args:
        changes: Variables to set; None takes one away.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("DUCKLAKE_")}
    settings: dict[str, str | None] = {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1", "FORCE_COLOR": None}
    settings["PYTHONDONTWRITEBYTECODE"] = None  # without compiled modules each command would take twice as long to start
    for name, value in {**settings, **(changes or {})}.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def sqlite_file(script: str) -> Callable[[Path], None]:
    """A file of a test project that is a SQLite database.

    Args:
        script: The statements that fill it, separated by semicolons.
    """

    def create(path: Path) -> None:
        import sqlite3

        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        try:
            connection.executescript(script)
            connection.commit()
        finally:
            connection.close()

    return create


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    else:
        import yaml

        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
