"""A source more in sources.yaml, everything else left as it stands."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ducklake.errors import ConfigurationError

_EMPTY = re.compile(
    r"^(?P<key>sources|'sources'|\"sources\")(?P<colon>[ \t]*:)(?:[ \t]+(?:\[\s*\]|~|null|Null|NULL)(?=\s|\Z))?", re.MULTILINE
)
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./@%+-]*\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 4096
"""No line is broken that was none before."""


def with_source(text: str, block: Mapping[str, Any], file: str) -> str:
    """The text of sources.yaml with a source more, behind those that there are.

    What stands there is kept to the byte; only a list in braces is laid out anew, comments and order kept.

    Args:
        text: The file's.
        block: The source, as plain data.
        file: The file's name in messages.

    Raises:
        ConfigurationError: The file is none that this can be done to.
    """
    from ruamel.yaml.error import YAMLError

    try:
        wanted = [*((_load(text) or {}).get("sources") or ()), block]
        for new in _candidates(text, block):
            if _sources(new) == wanted:
                return new
    except (YAMLError, AttributeError, TypeError, ValueError):
        pass
    message = "the file is laid out in a way that no source can be added to by a program"
    raise ConfigurationError(message, hint="`add-source --dry-run` prints the lines to add by hand", code="yaml", file=file)


def as_text(block: Mapping[str, Any], indent: int = 2, end: str = "\n") -> str:
    """A source as an entry of the list.

    Args:
        block: The source, as plain data.
        indent: Blanks before the dash.
        end: What ends a line.
    """
    stream = io.StringIO()
    _writer(indent).dump([_styled(block)], stream)
    return stream.getvalue().replace("\n", end)


def _candidates(text: str, block: Mapping[str, Any]) -> Iterator[str]:
    """New texts, the one that changes least first; which of them says what it should is for the reader to find out."""
    end = "\r\n" if "\r\n" in text else "\n"
    known = _load(text) or {}
    whole = text if not text or text.endswith(("\n", "\r")) else text + end
    if "sources" not in known:
        yield f"{whole}sources:{end}{as_text(block, end=end)}"
    elif not known["sources"]:
        yield _EMPTY.sub(r"\g<key>\g<colon>", whole, count=1) + as_text(block, end=end)
    else:
        entry = as_text(block, _indent(text), end)
        if re.search(r"\n\r?\n[ \t]*(#[^\n]*\n[ \t]*)*- ", text):
            yield whole + end + entry
        yield whole + entry
        yield text + entry
    yield _laid_out_anew(text, block)


def _laid_out_anew(text: str, block: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = _writer(_indent(text))
    reader = YAML()
    reader.preserve_quotes = True
    known = reader.load(text)
    known["sources"].append(_styled(block))
    stream = io.StringIO()
    yaml.dump(known, stream)
    return stream.getvalue().replace("\n", "\r\n" if "\r\n" in text else "\n")


def _indent(text: str) -> int:
    """Blanks before the dashes of the list."""
    found = re.search(r"^sources[ \t]*:.*?^(?P<blanks> *)- ", text.replace("\r\n", "\n"), re.MULTILINE | re.DOTALL)
    return len(found["blanks"]) if found else 2


def _writer(indent: int) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _WIDTH
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=indent + 2, offset=indent)
    return yaml


def _load(text: str) -> Any:
    """Plain data, by the rules of YAML 1.2."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def _sources(text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return (_load(text) or {}).get("sources")
    except (YAMLError, AttributeError):
        return None


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
