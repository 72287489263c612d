"""A piece of a configuration file that still knows where it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ducklake.errors import Problem

Path = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A value out of YAML with the places of everything below it.

    Its `repr` shows no values: they may be secrets.

    Attributes:
        value: Plain data: None, bool, int, float, str, lists, and dicts with text keys.
        file: The file's shown name, for example `config/sources.yaml`.
        positions: (line, column) from 1 by absolute path in the file; for an entry of a mapping its key's.
        path: Absolute path of `value` in the file.
        references: The absolute paths whose value came out of `${...}`, each with what could not be resolved.
        label: What the node is, for messages: `source shop`.
    """

    value: Any = dataclasses.field(repr=False)
    file: str
    positions: Mapping[Path, tuple[int, int]] = dataclasses.field(repr=False, default_factory=dict)
    path: Path = ()
    references: Mapping[Path, tuple[Problem, ...]] = dataclasses.field(repr=False, default_factory=dict)
    label: str = ""

    def at(self, *path: str | int) -> Node:
        """The node below; with the value None where there is nothing.

        Args:
            *path: Keys and indexes (from 0), relative to this node.
        """
        value = self.value
        for part in path:
            value = _step(value, part)
        return dataclasses.replace(self, value=value, path=self.path + path)

    def has(self, *path: str | int) -> bool:
        """Whether something stands at a relative path, be it an explicit null."""
        value = self.value
        for part in path:
            if not _holds(value, part):
                return False
            value = value[part]
        return True

    def without(self, *keys: str) -> Node:
        """The same mapping without some of its keys."""
        return dataclasses.replace(self, value={key: value for key, value in (self.value or {}).items() if key not in keys})

    def named(self, label: str) -> Node:
        """The same node, called `label` in messages."""
        return dataclasses.replace(self, label=label)

    def position(self, *path: str | int) -> tuple[int, int]:
        """Line and column, from 1, of what stands at a relative path, or of its nearest ancestor."""
        full = self.path + path
        while full and full not in self.positions:
            full = full[:-1]
        return self.positions.get(full, (1, 1))

    def problem(self, code: str, message: str, *path: str | int, hint: str | None = None) -> Problem:
        """A problem at a relative path.

        Args:
            code: The stable word for scripts.
            message: One line; the node's label is put in front of it.
            *path: Where, relative to this node.
            hint: The next thing to do.
        """
        line, column = self.position(*path)
        text = f"{self.label}: {message}" if self.label else message
        return Problem(code, text, hint, self.file, line, column)

    @property
    def missing(self) -> tuple[Problem, ...]:
        """What could not be resolved in or below this node, in the file's order."""
        found = [
            problem
            for path, problems in self.references.items()
            if path[: len(self.path)] == self.path and self.has(*path[len(self.path) :])
            for problem in problems
        ]
        return tuple(sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0)))


def dotted(path: Path) -> str:
    """A path for people: `tables[2].extract.mode`, list places counted from 1."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(part, str):
        return isinstance(value, dict) and part in value
    return isinstance(value, list) and 0 <= part < len(value)


def _step(value: Any, part: str | int) -> Any:
    return value[part] if _holds(value, part) else None
