"""Help, version, completion and start-up of the command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ducklake.cli.app import COMMANDS
from ducklake.testing.project import environment, run_command

HEAVY = ("duckdb", "pyarrow", "sqlalchemy", "sqlglot", "structlog", "pydantic", "rich")


def test_help_names_every_command_and_global_option():
    outcome = run_command("--help")
    assert outcome.exit_code == 0, str(outcome)
    for name in COMMANDS:
        assert f"\n  {name} " in outcome.stdout
    for option in ("--project", "--json", "--verbose", "--quiet", "--version"):
        assert option in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", [*COMMANDS, "catalog show", "catalog extractions", "catalog runs", "catalog quality", "config schema"])
def test_every_command_explains_itself(name: str):
    outcome = run_command(*name.split(), "-h")
    assert outcome.exit_code == 0, str(outcome)
    assert f"Usage: ducklake {name}" in outcome.stdout
    assert "--project" in outcome.stdout
    assert "Args:" not in outcome.stdout


def test_the_command_without_arguments_shows_the_help_as_a_usage_error():
    outcome = run_command()
    assert outcome.exit_code == 2
    assert "Usage: ducklake" in outcome.stderr
    assert outcome.stdout == ""


def test_version_names_the_versions_that_matter():
    outcome = run_command("--version")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("ducklake ")
    assert "DuckDB" in outcome.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"], ["plugins", "--json"]])
def test_start_up_imports_nothing_heavy(arguments: list[str], tmp_path):
    code = f"""
import sys
from ducklake.cli.main import main
try:
    main({arguments!r})
except SystemExit as leaving:
    assert leaving.code == 0, leaving.code
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False)
    assert finished.stderr.splitlines()[-1] == "[]", finished.stderr


def test_the_shell_completes_commands_options_and_names_of_the_project(lake_project):
    project = lake_project(
        {
            "config/sources.yaml": "sources:\n  - {name: shop, type: csv, path: a.csv}\n  - {name: ship, type: csv, path: b.csv}\n",
        }
    )

    def complete(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - (not line.endswith(" "))), "_DUCKLAKE_COMPLETE": "complete_bash"}
        return run_command(env=words, cwd=project.path).stdout.split()

    assert complete("ducklake ex") == ["extract"]
    assert "--json" in complete("ducklake extract --j")
    assert complete("ducklake extract sho") == ["shop"]
    assert sorted(complete("ducklake extract s")) == ["ship", "shop"]
    assert complete("ducklake catalog sh") == ["show"]
