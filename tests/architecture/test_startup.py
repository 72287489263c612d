"""Start-up is a feature: what a command imports is asserted, in a process of its own."""

import json
import subprocess
import sys

import pytest

HEAVY = {"duckdb", "pyarrow", "sqlalchemy", "sqlglot", "structlog"}
RUN = """
import json, os, sys
arguments = json.loads(sys.argv[1])
sys.argv = ["ducklake", *arguments]
from ducklake.cli.main import main
code = 0
try:
    code = main() or 0
except SystemExit as left:
    code = left.code or 0
print("modules:", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


def imported_by(*arguments: str, cwd=None) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", RUN, json.dumps(arguments)], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    line = next(line for line in reversed(ran.stderr.splitlines()) if line.startswith("modules:"))
    return set(json.loads(line.removeprefix("modules:")))


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("plugins",), ("plugins", "--json"), ("extract", "--help")], ids=" ".join
)
def test_command_imports_nothing_heavy(arguments, tmp_path):
    assert not HEAVY & imported_by(*arguments, cwd=tmp_path)


@pytest.mark.parametrize("module", ["ducklake", "ducklake.api", "ducklake.hookspecs", "ducklake.errors", "ducklake.testing.plugin"])
def test_module_imports_nothing_heavy(module):
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not (HEAVY | {"pydantic", "typer", "rich"}) & set(json.loads(ran.stdout))


def test_in_house_plugins_are_not_imported_by_help_or_the_listing(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/sources.yaml").write_text("sources: []\n", encoding="utf-8")
    (tmp_path / "lake_plugins.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    for arguments in (("--help",), ("plugins",)):
        assert "lake_plugins" not in imported_by("-C", str(tmp_path), *arguments)
