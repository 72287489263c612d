"""`--set KEY=VALUE`: keys with dots between them, values as YAML has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ducklake_command_add_source.shape import SECRET, SECRET_WITHIN, Place, Shape
from ducklake_command_add_source.usage import usage

CORE = ("enabled", "description", "extract")
"""Keys of every source that may be set."""
_ELSEWHERE = {"name": "give it as NAME", "type": "--type TYPE", "tables": "--table PATTERN"}
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_REFERENCE = re.compile(r"\$\{[^}]+\}\Z")


def read(settings: Iterable[str], shape: Shape) -> tuple[dict[str, Any], dict[str, Any]]:
    """The connector's options, and core's keys.

    Args:
        settings: As typed.
        shape: The connector's options.

    Raises:
        ConfigurationError: One is none, or would show a secret.
    """
    options: dict[str, Any] = {}
    core: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        place = tuple(key.strip().split("."))
        if not equals or not all(place):
            raise usage("--set takes KEY=VALUE", "for example --set connection.host=db.local")
        if place[0] in _ELSEWHERE:
            raise usage(f"--set: {place[0]} is no option of the connector", _ELSEWHERE[place[0]])
        value = scalar(text)
        if place[0] not in CORE and (value is None or isinstance(value, int | float)) and _is_text(shape.types(place), value):
            value = text
        if _shows_secret(place, value, shape):
            hint = "--password-stdin, --password-env NAME, or a reference such as ${NAME}"
            raise usage(f"--set: {'.'.join(place)} is secret, and whoever lists this machine's processes would see it", hint)
        _put(core if place[0] in CORE else options, place, value)
    return options, core


def _shows_secret(place: Place, value: Any, shape: Shape) -> bool:
    """Whether a value, or one within it, is secret by its option or by its key, and written out."""
    if isinstance(value, dict):
        return any(_shows_secret((*place, str(key)), item, shape) for key, item in value.items())
    if isinstance(value, list):
        return any(_shows_secret(place, item, shape) for item in value)
    if value is None or (isinstance(value, str) and _REFERENCE.match(value)):
        return False
    if place[0] not in CORE and isinstance(value, str) and SECRET_WITHIN.search(value):
        return True
    known = next((field for field in shape.every() if field.place == place), None)
    return known.secret if known is not None else SECRET.search(place[-1]) is not None


def _put(target: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for part in place[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise usage(f"--set: {'.'.join(place)} stands below a value", "give the keys of one mapping")
    target[place[-1]] = value


def _is_text(types: frozenset[str], value: Any) -> bool:
    """Whether an option takes text, and not what its value looks like."""
    looks = {"null"} if value is None else {"boolean"} if isinstance(value, bool) else {"integer", "number"}
    return "string" in types and not types & looks


def answer(text: str, types: frozenset[str]) -> Any:
    """What somebody means who was asked for an option: text where the option is text, whatever it looks like.

    Args:
        text: As typed.
        types: Of `Shape.types`.
    """
    if not types or (text[:1] in ("[", "{") and types & {"array", "object"}):
        return scalar(text)
    if "boolean" in types and text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    if "integer" in types and re.fullmatch(r"[-+]?(?:0|[1-9][0-9]*)", text):
        return int(text)
    if "number" in types and re.fullmatch(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", text):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    return text


def scalar(text: str) -> Any:
    """What a text means in the configuration: numbers that lose no digit, true, false, null, lists, mappings and quoted text; else text.

    Args:
        text: As typed.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if text[:1] in ("[", "{", '"', "'"):
        try:
            return YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            raise usage("--set: a value that begins like a list, a mapping or a quoted text is broken", "put it in quotes") from None
    words = {"true": True, "false": False, "null": None, "~": None}
    if text in words:
        return words[text]
    if re.fullmatch(r"-?(?:0|[1-9][0-9]*)", text):
        return int(text)
    if re.fullmatch(r"-?(?:0|[1-9][0-9]*)\.[0-9]+", text) and repr(float(text)) == text:
        return float(text)
    return text
