"""From pydantic's errors to problems with file, line and a hint, in one wording for core and plugins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ducklake.config.node import Node, Path, dotted
from ducklake.errors import ConfigurationError, Problem, did_you_mean, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

ModelT = TypeVar("ModelT", bound="BaseModel")

SECRET_KEY = re.compile(r"passw|passphrase|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
"""Keys and variables whose values are never shown."""

_WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "none_required": "empty",
}
_LIMITS = {
    "greater_than": ("greater than {gt}", "gt"),
    "greater_than_equal": ("at least {ge}", "ge"),
    "less_than": ("less than {lt}", "lt"),
    "less_than_equal": ("at most {le}", "le"),
}


def validate_model(model: type[ModelT], node: Node) -> ModelT:
    """Make a model of a node.

    Args:
        model: The model; its field aliases are the keys in YAML.
        node: A mapping, its references resolved.

    Raises:
        ConfigurationError: Every problem at its line: unknown keys, wrong values, and references that could not
            be resolved. Values that are secret, or that came out of references, are not shown.
    """
    instance, problems = check_model(model, node)
    problems = [*problems, *node.missing]
    if instance is None or problems:
        raise ConfigurationError(problems=sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return instance


def check_model(model: type[ModelT], node: Node) -> tuple[ModelT | None, list[Problem]]:
    """As `validate_model`, but unresolved references are left out of the problems.

    Args:
        model: The model.
        node: A mapping.

    Returns:
        The model, or None; it can be None without a problem if all that is wrong hangs on unresolved references.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(node.value), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    schema = _Schema(model)
    grouped: dict[tuple[Path, bool], list[ErrorDetails]] = {}
    for detail in details:
        path = _data_path(node, detail)
        if not node.references.get(node.path + path):
            grouped.setdefault((path, detail["type"] == "missing"), []).append(detail)
    return None, [_problem(node, schema, path, group) for (path, _), group in grouped.items()]


def _data_path(node: Node, detail: ErrorDetails) -> Path:
    """The part of an error's location that exists in the data; pydantic mixes in names of union members."""
    path: Path = ()
    for part in detail["loc"]:
        if node.has(*path, part):
            path = (*path, part)
    if detail["type"] == "missing":
        path = (*path, detail["loc"][-1])
    return path


def _problem(node: Node, schema: _Schema, path: Path, details: list[ErrorDetails]) -> Problem:
    first = details[0]
    key = path[-1] if path else ""
    if first["type"] == "extra_forbidden":
        parent = path[:-1]
        where = f" in {dotted(parent)}" if parent else ""
        return node.problem("unknown_key", f"unknown key '{key}'{where}", *path, hint=did_you_mean(str(key), schema.keys(parent), "keys"))
    if first["type"] == "missing":
        parent = path[:-1]
        unknown = set(node.at(*parent).value or ()) - set(schema.keys(parent))
        close = nearest(str(key), unknown)
        return node.problem(
            "missing_key",
            f"the key '{dotted(path)}' is missing",
            *parent,
            *([close] if close else []),
            hint=close and f"rename '{close}' to '{key}'",
        )
    value = node.at(*path).value
    hidden = any(SECRET_KEY.search(str(part)) for part in path) or (node.path + path) in node.references or schema.secret(path)
    shown = "" if hidden else _shown(value)
    name = dotted(path) or "this"
    wanted = list(dict.fromkeys(words for detail in details if (words := _wanted(detail))))
    if not wanted:
        return node.problem("invalid_value", f"{name}: {_message(first, hidden)}" if path else _message(first, hidden), *path)
    hint = None
    if first["type"] in ("literal_error", "enum") and isinstance(value, str) and not hidden:
        close = nearest(value, re.findall(r"'([^']*)'", str(first.get("ctx", {}).get("expected", ""))))
        hint = f"did you mean {close!r}?" if close else None
    elif "text" in wanted and isinstance(value, int | float):
        hint = f'put it in quotes: {key}: "{value}"' if isinstance(key, str) and not hidden else "put it in quotes"
    return node.problem("invalid_value", f"{name} must be {' or '.join(wanted)}{shown}", *path, hint=hint)


def _wanted(detail: ErrorDetails) -> str | None:
    """What would have been right, to stand behind `must be`."""
    context: Mapping[str, Any] = detail.get("ctx") or {}
    kind = detail["type"]
    if kind in _LIMITS:
        text, name = _LIMITS[kind]
        return text.format(**{name: context.get(name)})
    if kind in ("literal_error", "enum"):
        return str(context.get("expected")).replace("'", "")
    return _WORDS.get(kind)


def _message(detail: ErrorDetails, hidden: bool) -> str:
    if hidden and detail["type"] not in ("value_error", "string_too_short", "too_short", "string_too_long", "too_long"):
        return "the value is not valid"
    message = str((detail.get("ctx") or {}).get("error") or detail["msg"])
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _shown(value: Any) -> str:
    if value is None:
        return ", not empty"
    if isinstance(value, dict):
        return ", not a mapping"
    if isinstance(value, list):
        return ", not a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return f", not {text if len(text) <= 60 else text[:57] + '...'}"


class _Schema:
    """A model's JSON Schema, asked for the keys at a path; made only when there is an error to explain."""

    def __init__(self, model: type[BaseModel]) -> None:
        try:
            self._root: dict[str, Any] = model.model_json_schema(by_alias=True)
        except Exception:  # a plugin's own type may have no schema: then there is no did-you-mean
            self._root = {}

    def keys(self, path: Path) -> list[str]:
        """The keys that may stand in the mapping at a path."""
        return sorted({key for schema in self._at(path) for key in schema.get("properties", {})})

    def secret(self, path: Path) -> bool:
        """Whether a `SecretStr` stands there."""
        return any(schema.get("writeOnly") or schema.get("format") == "password" for schema in self._at(path))

    def _at(self, path: Path) -> list[dict[str, Any]]:
        schemas = self._members(self._root)
        for part in path:
            below: list[dict[str, Any]] = []
            for schema in schemas:
                found = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
                if found is None and isinstance(part, str):
                    found = schema.get("additionalProperties")
                if isinstance(found, dict):
                    below.extend(self._members(found))
            schemas = below
        return schemas

    def _members(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in schema:
            schema = {**self._root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {}), **schema}
        members = [member for word in ("anyOf", "oneOf", "allOf") for member in schema.get(word, [])]
        return [schema, *(found for member in members for found in self._members(member))]
