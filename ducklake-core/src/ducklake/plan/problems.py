"""From what plugins and the engine raise to problems with file, line, pipeline, step and the nearest name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.engine import EngineError
from ducklake.api.options import OptionError
from ducklake.api.parse import SqlSyntaxError
from ducklake.api.tables import UnknownColumn
from ducklake.errors import DuckLakeError, Problem, did_you_mean

if TYPE_CHECKING:
    from ducklake.config.node import Node
    from ducklake.plugins.info import PluginInfo

Path = tuple[str | int, ...]

RAISED = "plugin"
"""The code of a problem that is a plugin's own exception."""


def step_problem(node: Node, error: BaseException, plugin: PluginInfo, known: Sequence[str] = ()) -> Problem:
    """Say what is wrong with a step or check.

    Args:
        node: Its block.
        error: What was raised while it was made, bound or compiled.
        plugin: Whose code it is.
        known: The columns that it can name.
    """
    match error:
        case UnknownColumn():
            return name_problem(node, "bind", f"no column {error.name!r}", error.name, did_you_mean(error.name, error.known, "columns"))
        case EngineError(column=str(column)):
            return name_problem(node, "bind", f"no column {column!r}", column, did_you_mean(column, known, "columns"))
        case EngineError():
            quoted = re.search(r'"([^"]+)"|name (\w+)|function:? (\w+)', str(error))
            name = next(filter(None, quoted.groups()), None) if quoted else None
            return name_problem(node, "bind", str(error).split("\n")[0], name, None)
        case OptionError():
            return node.problem("invalid_value", str(error), *error.path, hint=error.hint)
        case SqlSyntaxError():
            return name_problem(node, "sql", str(error), error.name, None)
        case DuckLakeError():
            found = error.problem
            return node.problem(found.code, found.message, hint=found.hint)
        case _:
            text = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
            return node.problem(RAISED, f"{plugin.title} raised {text}", hint="run again with -v for the traceback")


def name_problem(node: Node, code: str, message: str, name: str | None, hint: str | None) -> Problem:
    """A problem about a name, at the place below the node where the name stands.

    Args:
        node: A block.
        code: The stable word for scripts.
        message: One line.
        name: What the message is about.
        hint: The next thing to do.
    """
    path = next(_places(node.value, name), None) if name else None
    if path is None:
        keys = [key for key in node.value or {} if key != "type"]
        path = (keys[0],) if len(keys) == 1 else ()
    problem = node.problem(code, message, *path, hint=hint)
    value = node.at(*path).value
    if name and isinstance(value, str) and "\n" in value.strip("\n") and problem.line is not None:
        # A text of several lines is a block (`query: |`) that begins on the line below its key.
        row = next((row for row, text in enumerate(value.splitlines()) if _word(name).search(text)), 0)
        return dataclasses.replace(problem, line=problem.line + 1 + row, column=None)
    return problem


def _places(value: Any, name: str) -> Iterator[Path]:
    """Where a name stands in a block: as a key or value of its own first, then as a word within a text."""
    folded = name.casefold()
    texts: list[Path] = []
    for path, text in _scalars(value, ()):
        if text.casefold() == folded:
            yield path
        elif _word(name).search(text):
            texts.append(path)
    yield from texts


def _scalars(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(key, str):
            yield (*path, key), key
        if isinstance(item, str):
            yield (*path, key), item
        yield from _scalars(item, (*path, key))


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
