"""Reading YAML with positions: safe, strict, and as YAML 1.2 has it.

Only `true` and `false` are booleans, so that the country `NO` stays text; dates, numbers with leading zeros and
`22:30` stay text too, and keys always are. What comes out is what JSON could hold.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ducklake.config.compose import Composer
from ducklake.config.node import Node
from ducklake.config.validation import validate_model
from ducklake.errors import ConfigurationError

__all__ = ["Node", "load_yaml", "parse_yaml", "validate_model"]


def load_yaml(path: Path, shown: str) -> Node:
    """Read a YAML file; an empty one is an empty mapping.

    Args:
        path: The file.
        shown: Its name in messages, relative to the project.

    Raises:
        ConfigurationError: It cannot be read, is not UTF-8, no YAML, or no mapping; with line and column.
    """
    return parse_yaml(read_text(path, shown), shown)


def read_text(path: Path, shown: str) -> str:
    """The text of a configuration file.

    Args:
        path: The file.
        shown: Its name in messages.

    Raises:
        ConfigurationError: It cannot be read or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise ConfigurationError(f"the file cannot be read: {cause}", code="file", file=shown) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise ConfigurationError(message, hint="save the file as UTF-8", code="yaml", file=shown, line=line) from error


def parse_yaml(text: str, shown: str) -> Node:
    """As `load_yaml`, from text.

    Args:
        text: The document.
        shown: The file's name in messages.

    Raises:
        ConfigurationError: As `load_yaml`.
    """
    composer = Composer(shown)
    try:
        root = composer.compose(iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
    except yaml.YAMLError as error:
        raise _broken(error, text, shown) from error
    if root is None or (root.kind == "scalar" and root.value is None):
        return Node({}, shown, composer.positions)
    if root.kind != "map":
        raise composer.error("the file must hold keys such as 'sources:' at its top", root)
    return Node(composer.expand(root), shown, composer.positions)


def _broken(error: yaml.YAMLError, text: str, shown: str) -> ConfigurationError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
        line = text.count("\n", 0, control.start()) + 1 if control else None
        message = f"the character {control.group()!r} is not allowed" if control else " ".join(str(error).split())
        return ConfigurationError(f"broken YAML: {message}", code="yaml", file=shown, line=line)
    row = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    parts = [getattr(error, "problem", None), getattr(error, "context", None)]
    message = " ".join(part for part in parts if part)
    hint = "indent with spaces, not with tabs" if "\t" in row[: mark.column + 1] else _quoting_hint(row)
    return ConfigurationError(f"broken YAML: {message}", hint=hint, code="yaml", file=shown, line=mark.line + 1, column=mark.column + 1)


def _quoting_hint(row: str) -> str | None:
    """For the two things that most often need quotes: `key: *.csv`, `key: @x`, `key: a: b`."""
    found = re.match(r"\s*(?:- )?\s*([\w-]+):\s+([^'\"\s].*)$", row)
    if found and (found.group(2)[0] in "*&@`%!{[" or ": " in found.group(2)):
        return f'if this is text, put it in quotes: {found.group(1)}: "..."'
    return None
