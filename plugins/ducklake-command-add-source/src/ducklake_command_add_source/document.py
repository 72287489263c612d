"""A source more in sources.yaml, everything else left as it stands."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ducklake.errors import ConfigurationError
from ducklake_command_add_source.usage import usage

_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./@%+-]*\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_DASH = re.compile(r"^(?P<blanks> *)-(?=[ \t\r\n]|\Z)", re.MULTILINE)
_APART = re.compile(r"\n[ \t]*\r?\n[ \t]*(?:#[^\n]*\n[ \t]*)*- ")
_NULLS = ("", "~", "null", "Null", "NULL")
_WIDTH = 1 << 20
"""No line is broken: a list in braces may stand where a line break would be wrong."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Value:
    """A value of the file.

    Attributes:
        kind: `scalar`, `list`, `map` or `alias`.
        start: Where it begins, in characters.
        end: Where it ends; of a block what follows it begins there, behind comments.
        flow: Whether it stands in braces or brackets.
        text: Of a scalar, or the anchor of an alias.
        tag: Its tag and anchor, and whether it is plain: what else decides about its meaning.
        items: Of a list; of a mapping keys and values in turn.
    """

    kind: str
    start: int
    end: int
    flow: bool = False
    text: str = ""
    tag: tuple[Any, ...] = ()
    items: tuple[_Value, ...] = ()

    @property
    def meaning(self) -> tuple[Any, ...]:
        """All of it but where it stands."""
        return (self.kind, self.text, self.tag, tuple(item.meaning for item in self.items))

    @property
    def pairs(self) -> list[tuple[_Value, _Value]]:
        """Keys and values of a mapping."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))

    @property
    def is_empty(self) -> bool:
        """Whether it is nothing, `null`, or a list without entries."""
        return (self.kind == "list" and not self.items) or (self.kind == "scalar" and self.tag[-1] and self.text in _NULLS)


def with_source(text: str, block: Mapping[str, Any], file: str) -> str:
    """The text of sources.yaml with a source more, behind those that there are; what stands there is kept to the byte.

    Only where the last line of the file belongs to a text that a line break would change, the source comes before the others.

    Args:
        text: The file's.
        block: The source, as plain data.
        file: The file's name in messages.

    Raises:
        ConfigurationError: The file is none that this can be done to; the hint says what to change.
    """
    import yaml

    try:
        as_text(block).encode()
    except UnicodeEncodeError:
        raise usage("an option is no Unicode text", "the terminal, or who calls, has to speak UTF-8") from None
    try:
        known, end = _read(text)
        entry, _ = _read(as_text(block, 0))
        assert entry is not None  # a list of one
        before = _sources(known, file)
        for new in _candidates(text, known, end, block):
            if _adds(new, known, before, entry.items[0]):
                return new
    except yaml.YAMLError as error:
        raise ConfigurationError("the file is no YAML", hint="ducklake validate says where", code="yaml", file=file) from error
    raise _refused("its list is laid out in a way that a program cannot add to", file)


def as_text(block: Mapping[str, Any], indent: int = 2, end: str = "\n") -> str:
    """A source as an entry of the list.

    Args:
        block: The source, as plain data.
        indent: Blanks before the dash.
        end: What ends a line.
    """
    return _written([_styled(block)], indent).replace("\n", end)


def _refused(message: str, file: str) -> ConfigurationError:
    hint = "write 'sources:' in a line of its own, and below it each source behind '  - '"
    return ConfigurationError(f"nothing can be added to 'sources': {message}", hint=hint, code="yaml", file=file)


def _sources(known: _Value | None, file: str) -> _Value | None:
    """The value of `sources`, where there is one."""
    if known is None or known.is_empty:
        return None
    if known.kind != "map":
        raise _refused("the file holds no keys", file)
    found = [value for key, value in known.pairs if key.text == "sources"]
    if len(found) > 1:
        raise _refused("the key stands there twice", file)
    if found and found[0].kind != "list" and not found[0].is_empty:
        raise _refused("it is an alias" if found[0].kind == "alias" else "it is no list", file)
    return found[0] if found else None


def _adds(new: str, known: _Value | None, before: _Value | None, entry: _Value) -> bool:
    """Whether a new text says what the old one said, and has the source besides."""
    import yaml

    try:
        read, _ = _read(new)
    except yaml.YAMLError:
        return False
    if read is None or read.kind != "map":
        return False
    others = [(key.meaning, value.meaning) for key, value in read.pairs if key.text != "sources"]
    pairs = known.pairs if known is not None and known.kind == "map" else []
    if others != [(key.meaning, value.meaning) for key, value in pairs if key.text != "sources"]:
        return False
    lists = [value for key, value in read.pairs if key.text == "sources" and value.kind == "list"]
    old = [item.meaning for item in before.items] if before is not None else []
    return len(lists) == 1 and [item.meaning for item in lists[0].items] in ([*old, entry.meaning], [entry.meaning, *old])


def _candidates(text: str, known: _Value | None, end: int, block: Mapping[str, Any]) -> Iterator[str]:
    """New texts, the best first; which of them says what it should is for the reader to find out."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    head, tail = text[:end], text[end:]
    whole = head if not head or head.endswith(("\n", "\r")) else head + line_end
    entry = as_text(block, end=line_end)
    key, sources = next(((key, value) for key, value in known.pairs if key.text == "sources"), (None, None)) if known else (None, None)
    braces = _braces(block)
    if known is None or key is None or sources is None:
        yield f"{whole}sources:{line_end}{entry}{tail}"
        return
    if sources.is_empty:
        held = text[sources.start : sources.end]
        if "#" not in held and not known.flow:
            colon = text[: sources.start].rstrip(" \t")
            rest = text[sources.end : end]
            rest = rest if not rest or rest.endswith(("\n", "\r")) else rest + line_end
            yield f"{colon}{rest or line_end}{entry}{tail}"
            after = _next_line(text, sources.end)
            rest = text[sources.end : after].rstrip("\r\n")
            yield f"{colon}{rest}{line_end}{entry}{text[after:]}"
        if sources.kind == "list":
            yield f"{text[: sources.end - 1]}{braces}{text[sources.end - 1 :]}"
        yield f"{text[: sources.start]}[{braces}]{text[sources.end :]}"
        return
    if sources.flow:
        last = sources.items[-1].end
        yield f"{text[:last]}, {braces}{text[last:]}"
        return
    dash = _DASH.search(text, text.rfind("\n", 0, key.end) + 1)
    if dash is None:
        return
    entry = as_text(block, len(dash["blanks"]), line_end)
    if _APART.search(text) and not re.search(r"\n[ \t]*\r?\n\Z", whole):
        yield f"{whole}{line_end}{entry}{tail}"
    yield f"{whole}{entry}{tail}"
    if following := next((other for other in known.items[::2] if other.start > sources.start), None):
        at = text.rfind("\n", 0, following.start) + 1
        yield f"{text[:at]}{entry}{text[at:]}"
    first = _next_line(text, key.end)
    yield f"{text[:first]}{entry}{text[first:]}"


def _next_line(text: str, at: int) -> int:
    """Where the line after a place begins."""
    return text.find("\n", at) + 1 or len(text)


def _read(text: str) -> tuple[_Value | None, int]:
    """The only document of a text, as the lake's own reader takes it, and where it ends: before `...`, if that stands there."""
    import yaml

    events: Iterator[Any] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    root, end = None, len(text)
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent) and event.explicit:
            end = min(end, _at(event.start_mark))
        elif isinstance(event, yaml.NodeEvent):
            if root is not None:
                raise yaml.YAMLError("a second document")
            root = _value(event, events)
    return root, end


def _value(event: Any, events: Iterator[Any]) -> _Value:
    import yaml

    start, end = _at(event.start_mark), _at(event.end_mark)
    if isinstance(event, yaml.AliasEvent):
        return _Value("alias", start, end, text=str(event.anchor))
    if isinstance(event, yaml.ScalarEvent):
        return _Value("scalar", start, end, text=event.value, tag=(event.anchor, event.tag, event.implicit[0]))
    kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "map"
    items = []
    inner = next(events)
    while not isinstance(inner, yaml.CollectionEndEvent):
        items.append(_value(inner, events))
        inner = next(events)
    return _Value(kind, start, _at(inner.end_mark), bool(event.flow_style), "", (event.anchor, event.tag), tuple(items))


def _at(mark: Any) -> int:
    """A place of the parser, in characters."""
    return int(mark.index)


def _braces(block: Mapping[str, Any]) -> str:
    """A source in one line."""
    return _written(_in_one_line(_styled(block)), 0).rstrip("\n")


def _written(value: Any, indent: int) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=indent + 2, offset=indent)
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _in_one_line(value: Any) -> Any:
    """A mapping, and all within it, in braces."""
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _in_one_line(item)
    if isinstance(value, Mapping | list):
        value.fa.set_flow_style()  # type: ignore[union-attr]
    return value


def _styled(value: Any, depth: int = 0) -> Any:
    """Text in quotes unless it is plain beyond doubt; entries of `tables`, and `extract`, in one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        return value if _PLAIN.match(value) and value.lower() not in _WORDS else DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        result = CommentedMap({key: _styled(item, depth + 1) for key, item in value.items()})
        for key, item in result.items():
            if isinstance(item, CommentedMap) and (key == "extract" or depth):
                item.fa.set_flow_style()
        return result
    if isinstance(value, Sequence):
        items = CommentedSeq(_styled(item, depth + 1) for item in value)
        for item in items:
            if isinstance(item, CommentedMap | CommentedSeq):
                item.fa.set_flow_style()
        return items
    return value
