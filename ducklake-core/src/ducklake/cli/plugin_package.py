"""New plugin packages, outside of this repository, from the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from ducklake import __version__
from ducklake.errors import ConfigurationError, DataError, did_you_mean
from ducklake.plugins.info import KINDS

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*\Z")
LONGEST_NAME = 40
"""Longer ones would not fit into the lines of the templates."""

WORDS = {
    "connector": "source type",
    "transform": "transform",
    "check": "quality check",
    "checks": "quality check",
    "writer": "storage format",
    "engine": "engine",
    "command": "command",
    "observer": "observer",
    "secrets": "source of secrets",
}
_CASES = frozenset({"connector", "transform", "check", "writer", "engine"})
_PATHS = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "ci.yml": ".github/workflows/ci.yml",
    "init.py": "src/{package}/__init__.py",
    "test.py": "tests/{test}.py",
}


def refuse_name(kind: str, name: str) -> None:
    """Refuse kinds that do not exist and names that no package, module and class can have.

    Args:
        kind: `connector`, ...
        name: What stands behind `type:`, or the command.

    Raises:
        ConfigurationError: With what to type instead.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"there are no plugins of kind {kind!r}", hint=did_you_mean(kind, KINDS, "kinds"), code="usage")
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        rule = f"use up to {LONGEST_NAME} lower-case letters and digits, parted by - or _, with a letter first"
        plain = "-".join(re.findall(r"[a-z0-9]+", name.casefold())).lstrip("0123456789-")[:LONGEST_NAME].rstrip("-")
        hint = f"ducklake plugins new {kind} {plain}" if plain else rule
        raise ConfigurationError(f"{name!r} cannot be the name of a plugin: {rule}", hint=hint, code="usage")


def create_package(kind: str, name: str, target: Path) -> list[str]:
    """Write a package that installs, registers and passes its own tests.

    Args:
        kind: Of `KINDS`.
        name: A plain name.
        target: The package's folder; must not exist, or be empty.

    Returns:
        The files, relative to the folder.

    Raises:
        ConfigurationError: There is something in the folder already; nothing was written.
        DataError: It cannot be written.
    """
    try:
        if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
            hint = "choose another name, or another folder with --path"
            raise ConfigurationError(f"{target} exists already; nothing is overwritten", hint=hint, code="exists")
        made = dict(_files(kind, name))
        for path, content in made.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            with (target / path).open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise DataError(f"{error.filename or target}: {error.strerror or error}", hint="choose another folder with --path") from error
    return list(made)


def distribution(kind: str, name: str) -> str:
    """The name of the package.

    Args:
        kind: Of the plugin.
        name: Of the plugin.
    """
    return f"ducklake-{kind}-{name.replace('_', '-')}"


def _files(kind: str, name: str) -> Iterator[tuple[str, str]]:
    package = distribution(kind, name).replace("-", "_")
    templates = files("ducklake") / "templates" / "plugin"
    own = templates / {"checks": "check"}.get(kind, kind)
    known = {
        "kind": kind,
        "name": name,
        "word": WORDS[kind],
        "distribution": package.replace("_", "-"),
        "package": package,
        "Class": _class(name),
        "NAME": package.upper(),
        "core": ".".join(__version__.split(".")[:2]),
        "hint": _hint(kind),
    }
    known["usage"] = _filled(own / "usage.md.tmpl", known)
    for folder in (templates / "common", own):
        for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
            file = source.name.removesuffix(".tmpl")
            if file == "usage.md" or file == source.name:
                continue
            test = "test_conformance" if own.name in _CASES else f"test_{own.name}"
            path = _PATHS.get(file, f"src/{{package}}/{file}").format(package=package, test=test)
            yield path, _filled(source, known)
    yield f"src/{package}/py.typed", ""


def _class(name: str) -> str:
    """As many of the name's parts as leave a line short enough."""
    first, *others = (part.capitalize() for part in re.split("[-_]", name))
    found = first[:16]
    for part in others:
        if len(found + part) > 16:
            break
        found += part
    return found


def _filled(template: Traversable, known: Mapping[str, str]) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(known)


def _hint(kind: str) -> str:
    if {"checks": "check"}.get(kind, kind) in _CASES:
        return "`tests/test_conformance.py` runs what DuckLake expects of every plugin of this kind; change its case as the plugin changes."
    return "The tests run the installed `ducklake`, as a user would."
