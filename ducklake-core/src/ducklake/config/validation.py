"""From pydantic's errors to problems with file, line and a hint, in one wording for core and plugins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from ducklake.config.node import Node, Path, dotted
from ducklake.config.redaction import MASK, SHORTEST
from ducklake.errors import ConfigurationError, Problem, did_you_mean, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

ModelT = TypeVar("ModelT", bound="BaseModel")

SECRET_KEY = re.compile(r"passw|passphrase|(?:^|[_-])pw(?:$|[_-])|[_-]pwd|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
"""Keys and variables whose values are never shown."""

_WORDS = {
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    "int_parsing_size": "a smaller whole number",
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "a number"),
    "finite_number": "a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping of keys to values"),
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

    schema = _Schema(model)
    flags = [problem for path in _flags(node.value, ()) if (problem := _flag_problem(node, schema, path))]
    try:
        instance = model.model_validate(node.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return (None, flags) if flags else (instance, [])
    grouped: dict[tuple[Path, bool], list[ErrorDetails]] = {}
    for detail in details:
        path = _data_path(node, detail)
        if not node.references.get(node.path + path):
            grouped.setdefault((path, detail["type"] == "missing"), []).append(detail)
    problems = [_problem(node, schema, path, group) for (path, _), group in grouped.items()]
    return None, [*flags, *(problem for problem in problems if problem is not None)]


def _flags(value: Any, path: Path) -> Iterator[Path]:
    """Where true and false stand."""
    if isinstance(value, bool):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _flags(item, (*path, key))


def _flag_problem(node: Node, schema: _Schema, path: Path) -> Problem | None:
    """Pydantic takes `port: true` for 1; nobody means that."""
    types = schema.types(path)
    if not types & {"integer", "number"} or not types <= {"integer", "number", "null"}:
        return None
    wanted = "a whole number" if "integer" in types else "a number"
    return node.problem("invalid_value", f"{dotted(path)} must be {wanted}{_shown(node.at(*path).value)}", *path)


def _data_path(node: Node, detail: ErrorDetails) -> Path:
    """The part of an error's location that exists in the data; pydantic mixes in names of union members."""
    path: Path = ()
    for part in detail["loc"]:
        if node.has(*path, part):
            path = (*path, part)
    if detail["type"] == "missing":
        path = (*path, detail["loc"][-1])
    return path


def _problem(node: Node, schema: _Schema, path: Path, details: list[ErrorDetails]) -> Problem | None:
    kind = details[0]["type"]
    if kind == "extra_forbidden":
        where = f" in {dotted(path[:-1])}" if path[:-1] else ""
        hint = did_you_mean(str(path[-1]), schema.keys(path[:-1]), "keys")
        return node.problem("unknown_key", f"unknown key '{path[-1]}'{where}", *path, hint=hint)
    if kind == "missing":
        return _missing(node, schema, path)
    return _invalid(node, schema, path, details)


def _missing(node: Node, schema: _Schema, path: Path) -> Problem | None:
    """A key that is not there; None if it is there misspelt and reported as unknown anyway."""
    parent, key = path[:-1], str(path[-1])
    close = nearest(key, set(node.at(*parent).value or ()) - set(schema.keys(parent)))
    message = f"the key '{dotted(path)}' is missing"
    if close is None:
        return node.problem("missing_key", message, *parent)
    if schema.closed(parent):
        return None
    return node.problem("missing_key", message, *parent, close, hint=f"rename '{close}' to '{key}'")


def _invalid(node: Node, schema: _Schema, path: Path, details: list[ErrorDetails]) -> Problem:
    value = node.at(*path).value
    hidden = any(SECRET_KEY.search(str(part)) for part in path) or (node.path + path) in node.references or schema.secret(path)
    wanted = list(dict.fromkeys(words for detail in details if (words := _wanted(detail))))
    if not wanted:
        message = _message(details[0], value if hidden else None)
        return node.problem("invalid_value", f"{dotted(path)}: {message}" if path else message, *path)
    message = f"{dotted(path) or 'this'} must be {' or '.join(wanted)}{'' if hidden else _shown(value)}"
    return node.problem("invalid_value", message, *path, hint=None if hidden else _hint(path, value, details[0], wanted))


def _hint(path: Path, value: Any, detail: ErrorDetails, wanted: list[str]) -> str | None:
    if detail["type"] in ("literal_error", "enum") and isinstance(value, str):
        close = nearest(value, re.findall(r"'([^']*)'", str((detail.get("ctx") or {}).get("expected", ""))))
        return f"did you mean {close!r}?" if close else None
    if "text" in wanted and isinstance(value, int | float):
        word = str(value).lower() if isinstance(value, bool) else value
        return f'put it in quotes: {path[-1]}: "{word}"' if path and isinstance(path[-1], str) else "put it in quotes"
    return None


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


def _message(detail: ErrorDetails, secret: Any) -> str:
    """Pydantic's own words, or those of a model's validator, without a value that may be secret."""
    message = " ".join(str((detail.get("ctx") or {}).get("error") or detail["msg"]).split())
    if secret is not None:
        if detail["type"] not in ("value_error", "assertion_error") or len(str(secret)) < SHORTEST:
            return "the value is not valid"
        message = message.replace(str(secret), MASK)
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


@lru_cache(maxsize=256)
def _json_schema(model: type[BaseModel]) -> dict[str, Any]:
    try:
        return model.model_json_schema(by_alias=True)
    except Exception:  # a plugin's own type may have no schema: then there is no did-you-mean
        return {}


class _Schema:
    """A model's JSON Schema, asked for what may stand at a path; made only when that is asked."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    @property
    def _root(self) -> dict[str, Any]:
        return _json_schema(self._model)

    def types(self, path: Path) -> set[str]:
        """JSON's words for what may stand at a path; `any` where everything may."""
        return {schema.get("type", "any") for schema in self._at(path) if "anyOf" not in schema and "oneOf" not in schema}

    def keys(self, path: Path) -> list[str]:
        """The keys that may stand in the mapping at a path."""
        return sorted({key for schema in self._at(path) for key in schema.get("properties", {})})

    def closed(self, path: Path) -> bool:
        """Whether unknown keys are refused at a path."""
        return any(schema.get("additionalProperties") is False for schema in self._at(path))

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
