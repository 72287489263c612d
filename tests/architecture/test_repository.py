"""What may not lie in the repository: lock files, addresses of registries, paths of one machine, secrets."""

import re

import pytest

from workspace import ROOT, files_of_the_repository

TEXT = [path for path in files_of_the_repository() if path.suffix not in {".png", ".db", ".parquet", ".duckdb", ".gz", ".zip"}]
TOP = {
    "pyproject.toml", "README.md", "ducklake-core", "plugins", "tests", "config", "data", "docs",
    "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "CLAUDE.md",
    ".ci", ".gitignore", ".pre-commit-config.yaml",
}  # fmt: skip
REGISTRIES = re.compile(
    r"pypi\.org/simple|pythonhosted\.org|--(extra-)?index-url|\bindex[-_]url\s*=|\[\[tool\.uv\.index\]\]|registry\.npmjs"
)
MACHINE = re.compile(r"(?<![\w.~-])/(home|Users|root|work|workspace|mnt)/[\w.-]")

pytestmark = pytest.mark.skipif(not TEXT, reason="git knows no files here: this is not a clone")


def offending(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in TEXT:
        if path.name == "test_repository.py":
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def test_no_lock_file_and_no_environment_file():
    names = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml", "package-lock.json", ".env"}
    assert not [path for path in files_of_the_repository() if path.name in names]


def test_no_address_of_a_registry():
    assert offending(REGISTRIES) == []


def test_no_path_of_one_machine():
    assert offending(MACHINE) == []


def test_top_level_is_as_agreed():
    assert {path.relative_to(ROOT).parts[0] for path in files_of_the_repository()} <= TOP


def test_nothing_is_left_for_later_in_the_code():
    later = re.compile(r"raise NotImplementedError|\b(TODO|FIXME|XXX)\b")
    assert [line for line in offending(later) if "/src/" in line or line.startswith(".ci/")] == []
