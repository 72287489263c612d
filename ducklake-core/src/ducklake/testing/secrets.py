"""Secrets in the options of plugins: which there are, and which are not marked as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr

_SOUNDS_SECRET = re.compile(r"(?:^|_)(?:password|passwd|pwd|secret|token|api_?key|private_?key|passphrase)(?:$|_)", re.IGNORECASE)


def reveal(options: Any) -> Iterator[str]:
    """The secrets among options, as they are.

    Args:
        options: A model, or what stands in one.
    """
    match options:
        case SecretStr():
            yield options.get_secret_value()
        case SecretBytes():
            yield options.get_secret_value().decode("utf-8", "replace")
        case BaseModel():
            for name in type(options).model_fields:
                yield from reveal(getattr(options, name))
        case dict():
            for value in options.values():
                yield from reveal(value)
        case list() | tuple() | set() | frozenset():
            for value in options:
                yield from reveal(value)


def unmarked(model: type[BaseModel], place: str = "") -> list[str]:
    """Fields whose names sound like a secret, but whose types are plain.

    Args:
        model: Options, or a model within.
        place: Where the model stands.
    """
    found = []
    for name, field in model.model_fields.items():
        kinds = list(_kinds(field.annotation))
        if _SOUNDS_SECRET.search(name) and str in kinds:
            found.append(place + name)
        for kind in kinds:
            if issubclass(kind, BaseModel) and kind is not model:
                found += unmarked(kind, f"{place}{name}.")
    return found


def _kinds(annotation: Any) -> Iterator[type[Any]]:
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)
