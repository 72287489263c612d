"""The parser's events, composed into plain data and positions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import yaml

from ducklake.config.node import Path
from ducklake.errors import ConfigurationError

MAX_NODES = 200_000
"""Values of one file after aliases are expanded; more is an attack or an accident."""

MAX_DEPTH = 60

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,999})\Z")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.?)(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")

_TAG = "tag:yaml.org,2002:"
_TAGGED: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool, "null": type(None)}


def plain_scalar(text: str) -> Any:
    """What unquoted text means: the rules of YAML 1.2, and text for every number that would lose a digit.

    Args:
        text: For example `12`, `true` or `0012`, which stays text.
    """
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _SPECIAL.match(text):
        return float(text.replace(".", ""))
    return text


@dataclasses.dataclass(slots=True)
class Raw:
    """A composed value whose aliases are not yet expanded.

    Attributes:
        kind: `scalar`, `list`, `map`, or `merge` for a key `<<`.
        line: From 1.
        column: From 1.
        value: Of a scalar or key.
        items: Of a list; of a map pairs of key and value.
    """

    kind: str
    line: int
    column: int
    value: Any = None
    items: list[Any] = dataclasses.field(default_factory=list)


def _raw(kind: str, event: Any) -> Raw:
    return Raw(kind, event.start_mark.line + 1, event.start_mark.column + 1)


class Composer:
    """Composes one file.

    Args:
        shown: The file's name in messages.

    Attributes:
        positions: What `Node.positions` wants, filled by `expand`.
    """

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.positions: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self._anchors: dict[str, Raw] = {}
        self._count = 0

    def error(self, message: str, raw: Raw, hint: str | None = None) -> ConfigurationError:
        """An error at a value."""
        return ConfigurationError(message, hint=hint, code="yaml", file=self.shown, line=raw.line, column=raw.column)

    def compose(self, events: Iterator[Any]) -> Raw | None:
        """The root of the only document, or None of an empty file.

        Args:
            events: Of `yaml.parse`.
        """
        root: Raw | None = None
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                if root is not None:
                    raise self.error("a second document begins here; a file holds one", _raw("scalar", event))
                root = self._value(event, events, 0)
        return root

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Raw:
        raw = _raw("scalar", event)
        if depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH} levels", raw)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self.error(f"no anchor &{event.anchor} ends before this alias", raw)
            return self._anchors[event.anchor]
        anchor = event.anchor
        if isinstance(event, yaml.ScalarEvent):
            raw.value = self._scalar(event, raw)
        else:
            self._collection(event, events, raw, depth)
        if anchor:
            self._anchors[anchor] = raw
        return raw

    def _collection(self, event: Any, events: Iterator[Any], raw: Raw, depth: int) -> None:
        raw.kind, tag, end = (
            ("list", "seq", yaml.SequenceEndEvent) if isinstance(event, yaml.SequenceStartEvent) else ("map", "map", yaml.MappingEndEvent)
        )
        if event.tag not in (None, "!", _TAG + tag):
            raise self.error(f"the tag {event.tag} is not allowed", raw)
        while not isinstance(event := next(events), end):
            if raw.kind == "list":
                raw.items.append(self._value(event, events, depth + 1))
            else:
                raw.items.append((self._key(event), self._value(next(events), events, depth + 1)))

    def _key(self, event: Any) -> Raw:
        key = _raw("scalar", event)
        if not isinstance(event, yaml.ScalarEvent):
            raise self.error("a key must be plain text", key, 'text that begins with a brace or bracket needs quotes: "{name}"')
        key.value = event.value
        if event.value == "<<" and event.implicit[0]:
            key.kind = "merge"
        return key

    def _scalar(self, event: Any, raw: Raw) -> Any:
        text: str = event.value
        if event.tag in (None, "!"):
            return plain_scalar(text) if event.tag is None and event.implicit[0] else text
        tag = event.tag.removeprefix(_TAG)
        value: Any = text if tag == "str" else plain_scalar(text)
        wanted: Any = _TAGGED.get(tag, ())
        if not isinstance(value, wanted):
            raise self.error(f"the tag {event.tag} is not allowed here", raw)
        return float(value) if tag == "float" else value

    def expand(self, raw: Raw, path: Path = ()) -> Any:
        """Plain data, with every position noted.

        Args:
            raw: What `compose` returned.
            path: Where it goes.

        Raises:
            ConfigurationError: A key stands twice, or aliases multiply without bound.
        """
        self._count += 1
        if self._count > MAX_NODES:
            raise self.error(f"the file holds more than {MAX_NODES} values after its aliases are expanded", raw)
        self.positions.setdefault(path, (raw.line, raw.column))
        if raw.kind == "list":
            return [self.expand(item, (*path, index)) for index, item in enumerate(raw.items)]
        if raw.kind == "map":
            return self._mapping(raw, path)
        return raw.value

    def _mapping(self, raw: Raw, path: Path) -> dict[str, Any]:
        lines: dict[str, int] = {}
        result: dict[str, Any] = {}
        for key, value in raw.items:
            if key.kind == "merge":
                continue
            if key.value in lines:
                raise self.error(f"the key '{key.value}' stands twice, first in line {lines[key.value]}", key, "keep one of the two")
            lines[key.value] = key.line
            self.positions[(*path, key.value)] = (key.line, key.column)
            result[key.value] = self.expand(value, (*path, key.value))
        for key, value in raw.items:
            if key.kind == "merge":
                self._merge(result, key, value, path)
        return result

    def _merge(self, result: dict[str, Any], merge: Raw, value: Raw, path: Path) -> None:
        for source in value.items if value.kind == "list" else [value]:
            if source.kind != "map":
                raise self.error("<< takes an alias of a mapping, or a list of those", merge)
            for name, item in self._flat(source):
                if name.value not in result:
                    self.positions[(*path, name.value)] = (name.line, name.column)
                    result[name.value] = self.expand(item, (*path, name.value))

    def _flat(self, source: Raw) -> Iterator[tuple[Raw, Raw]]:
        """Keys and values of a mapping that is merged, its own first, then those that it merges itself."""
        yield from (pair for pair in source.items if pair[0].kind != "merge")
        for key, value in source.items:
            if key.kind == "merge":
                self._count += 1
                for inner in value.items if value.kind == "list" else [value]:
                    if inner.kind != "map" or self._count > MAX_NODES:
                        raise self.error("<< takes an alias of a mapping, or a list of those", key)
                    yield from self._flat(inner)
