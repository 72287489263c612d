"""Who may import whom: the layers of core by import-linter, plugin packages by what their files say."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ducklake.api
from ducklake.cli.plugin_package import create_package
from ducklake.plugins.info import KINDS
from workspace import PLUGINS, ROOT, Package

PUBLIC = ("ducklake.api", "ducklake.errors", "ducklake.hookspecs")
CORE_LINES = 10_000


def test_core_keeps_its_layers():
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("package", PLUGINS, ids=str)
def test_plugin_imports_only_what_is_public_and_what_it_declares(package: Package):
    """A plugin that brings commands may use `ducklake.Lake` besides."""
    declared = {name.replace("-", "_") for name in package.requires if name.startswith("ducklake-")}
    allowed = {*PUBLIC, *(declared - {"ducklake_core"}), package.module}
    if "command" in package.kinds:
        allowed.add("ducklake")
    for path in package.source.rglob("*.py"):
        for name in imported(path):
            if name.partition(".")[0].startswith("ducklake"):
                assert any(name == root or name.startswith(f"{root}.") for root in allowed), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("package", PLUGINS, ids=str)
def test_tests_of_a_plugin_see_what_those_of_an_outsider_may_see(package: Package):
    """What is public, what it declares, and `ducklake.testing`."""
    declared = {name.replace("-", "_") for name in package.requires if name.startswith("ducklake-")}
    allowed = {*PUBLIC, *(declared - {"ducklake_core"}), package.module, "ducklake.testing", "ducklake.Lake"}
    for path in (package.folder / "tests").rglob("*.py"):
        for name in imported(path):
            if name.partition(".")[0].startswith("ducklake"):
                assert any(name == root or name.startswith(f"{root}.") for root in allowed), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("kind", KINDS)
def test_new_plugins_import_only_what_is_public(kind: str, tmp_path: Path):
    create_package(kind, "moon", tmp_path / "new")
    own = f"ducklake_{kind}_moon"
    for path in (tmp_path / "new").rglob("*.py"):
        allowed = {
            *PUBLIC,
            own,
            *({"ducklake.testing"} if "tests" in path.parts else ()),
            *({"ducklake.Lake"} if kind == "command" else ()),
        }
        for name in imported(path):
            if name.partition(".")[0].startswith("ducklake"):
                assert any(name == root or name.startswith(f"{root}.") for root in allowed), f"{path.name} imports {name}"


def test_core_stays_small():
    """Counted is what runs in a lake: no blank lines, comments or docstrings, not `testing`, which nothing imports, nor the
    demo and the maker of new plugins, which work without one."""
    core = ROOT / "ducklake-core/src/ducklake"
    without = (core / "cli" / name for name in ("demo_data.py", "commands/demo.py", "plugin_package.py"))
    aside = {*(core / "testing").rglob("*.py"), *without}
    lines = sum(code_lines(path) for path in core.rglob("*.py") if path not in aside)
    assert lines <= CORE_LINES, f"core has {lines} lines of code: what of it could be a plugin package?"


def code_lines(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(1 for number, line in enumerate(lines, 1) if number not in texts and line.strip() and not line.lstrip().startswith("#"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from ducklake import api` imports the module, `from ducklake.api import X` a name of one
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "ducklake" else {node.module}
    return names


def test_type_checkers_see_every_name_of_the_api():
    """Names are imported when they are asked for, which a type checker takes for Any unless they are imported for it as well."""
    tree = ast.parse((ROOT / "ducklake-core/src/ducklake/api/__init__.py").read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    given = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    assert set(ducklake.api.__all__) <= named | given
