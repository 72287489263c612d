"""Every plugin package is in the mould of `.ci/new-package`, and core's extras know all of them."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib

import pytest

from workspace import PLUGINS, ROOT, Package

CORE = tomllib.loads((ROOT / "ducklake-core/pyproject.toml").read_text(encoding="utf-8"))
KINDS = {"connector", "transform", "check", "checks", "writer", "export", "engine", "notifier", "observer", "command", "secrets"}
each = pytest.mark.parametrize("package", PLUGINS, ids=str)
registering = pytest.mark.parametrize("package", [package for package in PLUGINS if package.entry_points], ids=str)


@pytest.fixture(scope="module")
def mould(tmp_path_factory) -> Package:
    """A package as the script makes it, in a workspace of its own."""
    root = tmp_path_factory.mktemp("workspace")
    (root / ".ci").mkdir()
    (root / "ducklake-core").mkdir()
    script = root / ".ci/new-package"
    script.write_bytes((ROOT / ".ci/new-package").read_bytes())
    (root / "ducklake-core/pyproject.toml").write_bytes((ROOT / "ducklake-core/pyproject.toml").read_bytes())
    subprocess.run([sys.executable, script, "connector", "moon", "MoonConnector", "Rows from the moon."], check=True, capture_output=True)
    return Package(root / "plugins/ducklake-connector-moon")


@each
def test_package_has_the_files_of_the_mould(package, mould):
    for made in mould.folder.rglob("*"):
        name = made.relative_to(mould.folder).as_posix().replace(mould.module, package.module)
        if name.endswith("/plugin.py") and not package.entry_points:
            continue  # a library that plugins share registers nothing
        assert (package.folder / name).exists(), f"{package} lacks {name}; .ci/new-package makes it"


@each
def test_package_describes_itself_as_the_mould_does(package, mould):
    ours, theirs = package.config, mould.config
    assert ours["build-system"] == theirs["build-system"]
    assert ours["project"]["name"] == package.folder.name
    assert ours["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{package.module}"]
    for key in ("version", "readme", "requires-python", "license"):
        assert ours["project"][key] == theirs["project"][key], key
    assert set(theirs["project"]) - {"entry-points"} <= set(ours["project"])
    assert any(text.startswith("ducklake-core>=") for text in ours["project"]["dependencies"])


@each
def test_package_is_tested_and_its_readme_says_how_to_install_it(package):
    assert list((package.folder / "tests").glob("test_*.py")), f"{package} has no tests"
    readme = (package.folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {package}\n")
    assert f"pip install {package}" in readme


@registering
def test_entry_points_are_kind_dot_name(package):
    for name, target in package.entry_points.items():
        kind, dot, rest = name.partition(".")
        assert dot
        assert rest
        assert kind in KINDS
        assert re.fullmatch(rf"{package.module}(\.\w+)+", target), f"{name} = {target}"
        assert package.folder.name.startswith(f"ducklake-{kind}")


@registering
def test_plugin_module_says_its_api_and_stays_light(package):
    """A plugin module declares; what it registers is imported inside the hook."""
    for target in package.entry_points.values():
        code = f"import sys, {target} as p; assert p.api == 1; print(*sorted(m.partition('.')[0] for m in sys.modules))"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert loaded.returncode == 0, loaded.stderr
        heavy = {"duckdb", "pyarrow", "pydantic", "sqlalchemy", "sqlglot", "structlog"} & set(loaded.stdout.split())
        assert not heavy, f"importing {target} imports {heavy}"


def test_extras_of_core_cover_every_package():
    extras = CORE["project"]["optional-dependencies"]
    names = {package.folder.name for package in PLUGINS}
    assert {re.match(r"[\w-]+", text).group() for text in extras["all"]} == names
    behind_a_word = " ".join(text for extra, texts in extras.items() if extra != "all" for text in texts)
    for package in PLUGINS:
        if package.entry_points:
            assert package.folder.name in behind_a_word, f"no extra of core but [all] brings {package}"
    assert set(CORE["tool"]["uv"]["sources"]) == names


def test_all_packages_share_one_version():
    version = CORE["project"]["version"]
    assert {package.project["version"] for package in PLUGINS} == {version}
    assert importlib.metadata.version("ducklake-core") == version
    import ducklake

    assert ducklake.__version__ == version


@registering
def test_package_runs_the_conformance_suites(package):
    """Each class that a package registers has a case of its own; there is nothing to run for commands and the like."""
    suites = {"connector": "ConnectorTests", "transform": "TransformTests", "check": "CheckTests", "checks": "CheckTests"}
    wanted = {suites[kind] for kind in package.kinds if kind in suites}
    tests = "".join(path.read_text(encoding="utf-8") for path in (package.folder / "tests").glob("*.py"))
    assert all(f"({suite})" in tests for suite in wanted), f"{package} lacks a class of {wanted} in tests/test_conformance.py"
