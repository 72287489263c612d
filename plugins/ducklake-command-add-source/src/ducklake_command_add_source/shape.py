"""The options of a connector as its JSON Schema has them: what may be given, what has to be, what is secret."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str, ...]
"""Keys that lead to an option: `("connection", "host")`."""

SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|api_?key|private_?key|odbc_connect|(?:^|[_-])(?:pwd|pw|pass)(?:$|[_-])", re.IGNORECASE
)
"""Names of what is secret, whatever the connector says of it; an ODBC string may hold a password."""
SECRET_WITHIN = re.compile(r"(?:pwd|passw(?:or)?d)\s*=", re.IGNORECASE)
"""What a value that is a list of settings says before a secret."""

_SCALARS = ("string", "integer", "number", "boolean")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """An option.

    Attributes:
        place: Where it stands.
        required: Whether the mapping that it stands in makes no sense without it.
        secret: Whether its value is never shown.
        scalar: Whether it is a text, a number, a word or a flag, so that it can be asked for.
        whole: The mapping that it is, where it is one of named options; else empty.
        default: What holds where it is left out.
        description: For people.
        choices: The words that it may be, if it is one of some.
    """

    place: Place
    required: bool
    secret: bool
    scalar: bool
    whole: Mapping[str, Any]
    default: Any = None
    description: str = ""
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The keys with dots between them, as `--set` takes them."""
        return ".".join(self.place)


class Shape:
    """The options of one type of source.

    Args:
        schema: The JSON Schema of the connector's `Options`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._root = schema

    def below(self, place: Place = ()) -> list[Field]:
        """The options of a mapping, in their order.

        Args:
            place: Where the mapping stands; the source itself by default.
        """
        schema = self._root
        for part in place:
            schema = self._plain(schema.get("properties", {}).get(part, {}))
        return [self._field((*place, name), schema, name) for name in schema.get("properties", {})]

    def every(self, place: Place = ()) -> Iterator[Field]:
        """All options, those of mappings behind the mapping itself.

        Args:
            place: Where to begin.
        """
        for field in self.below(place):
            yield field
            if field.whole:
                yield from self.every(field.place)

    def has(self, place: Place) -> bool:
        """Whether there is an option at a place.

        Args:
            place: Its keys.
        """
        return any(field.place == place for field in self.every())

    def place(self, word: str) -> Place | None:
        """Where an option of a name stands: in `connection`, or at the top.

        Args:
            word: The last key.
        """
        return next((place for place in (("connection", word), (word,)) if self.has(place)), None)

    def types(self, place: Place) -> frozenset[str]:
        """What an option may be, in JSON's words (`string`, `integer`, `number`, `boolean`, `array`, `object`, `null`); nothing if unknown.

        Args:
            place: Its keys; those of a mapping whose keys are free lead to what its values may be.
        """
        schema: Any = self._root
        for part in place:
            schema = self._plain(schema)
            below = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
            schema = below if isinstance(below, dict) else {}
        return frozenset(self._types(schema))

    @property
    def secrets(self) -> list[Field]:
        """The secret options; the one called `password` first."""
        found = [field for field in self.every() if field.secret]
        return sorted(found, key=lambda field: field.place[-1] != "password")

    def wanted(self, given: Mapping[str, Any], *, all_of_them: bool) -> list[Field]:
        """What to ask for: what is required, and with `all_of_them` what stands before the last required or secret option of its mapping.

        Authors put first what everybody has to say: host, port, database, user, password; what follows is for few.

        Args:
            given: The options so far; they are not asked for.
            all_of_them: Whether to ask for more than what is required.
        """
        return [field for field in self._wanted((), all_of_them) if field.secret is False and look(given, field.place) is None]

    def _wanted(self, place: Place, all_of_them: bool) -> Iterator[Field]:
        fields = self.below(place)
        last = max((at for at, field in enumerate(fields) if field.required or field.secret), default=-1)
        for at, field in enumerate(fields):
            if field.whole and field.required:
                yield from self._wanted(field.place, all_of_them)
            elif field.required or (all_of_them and field.scalar and at < last):
                yield field

    def put(self, options: dict[str, Any], place: Place, value: Any) -> None:
        """Set an option; an empty mapping sets nothing.

        Args:
            options: The options so far, changed.
            place: Where.
            value: Its value.
        """
        if value == {}:
            return
        for part in place[:-1]:
            options = options.setdefault(part, {})
        options[place[-1]] = value

    def ordered(self, options: Mapping[str, Any], place: Place = ()) -> dict[str, Any]:
        """The options in the schema's order, others last.

        Args:
            options: A mapping of options.
            place: Where it stands.
        """
        names = [field.place[-1] for field in self.below(place)]
        keys = sorted(options, key=lambda key: names.index(key) if key in names else len(names))
        return {key: self.ordered(value, (*place, key)) if isinstance(value := options[key], dict) else value for key in keys}

    def _field(self, place: Place, parent: Mapping[str, Any], name: str) -> Field:
        schema = self._plain(parent["properties"][name])
        secret = bool(schema.get("writeOnly")) or schema.get("format") == "password"
        scalar = "enum" in schema or "const" in schema or schema.get("type") in _SCALARS
        whole = schema if schema.get("type") == "object" and schema.get("properties") else {}
        choices = tuple(str(choice) for choice in schema.get("enum", ()))
        required = name in parent.get("required", ())
        return Field(place, required, secret, scalar, whole, schema.get("default"), schema.get("description", ""), choices)

    def _types(self, schema: Mapping[str, Any]) -> Iterator[str]:
        if "$ref" in schema:
            yield from self._types(self._plain(schema))
            return
        declared = schema.get("type", ())
        yield from (declared,) if isinstance(declared, str) else declared
        if "type" not in schema and all(isinstance(choice, str) for choice in schema.get("enum", (None,))):
            yield "string"
        for word in ("anyOf", "oneOf", "allOf"):
            for member in schema.get(word, ()):
                yield from self._types(member)

    def _plain(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind a reference, or the only member of a union that is not null."""
        if "$ref" in schema:
            return {**self._plain(self._definitions.get(schema["$ref"].rpartition("/")[2], {})), **_without(schema, "$ref")}
        for word in ("anyOf", "oneOf", "allOf"):
            members = [member for member in schema.get(word, ()) if member.get("type") != "null"]
            if len(members) == 1:
                return {**self._plain(members[0]), **_without(schema, word)}
        return schema


def look(options: Mapping[str, Any], place: Place) -> Any:
    """What stands at a place, or None.

    Args:
        options: A mapping of options.
        place: Where.
    """
    value: Any = options
    for part in place:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}
