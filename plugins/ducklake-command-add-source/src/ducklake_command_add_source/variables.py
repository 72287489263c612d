"""Passwords in `.env`: under what name, and written so that they are read back to the last character."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping

from ducklake.errors import ConfigurationError
from ducklake_command_add_source.usage import usage

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\v": "\\v", "\b": "\\b", "\a": "\\a"}


def read(text: str) -> dict[str, str]:
    """The variables of a `.env`, none of them expanded.

    Args:
        text: Of the file.

    Raises:
        ConfigurationError: A line is no `NAME=value`.
    """
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise ConfigurationError("this line is no NAME=value", code="dotenv", file=".env", line=binding.original.line)
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def choose(source: str, key: str, value: str, file: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """A name for a secret: `ERP_PASSWORD`; with a number behind it where that name holds something else.

    Args:
        source: The source's name.
        key: The option's own key.
        value: The secret.
        file: The variables of `.env`.
        environment: Those of the process, which win.
    """
    base = re.sub(r"[^A-Z0-9_]", "_", f"{source}_{key}".upper())
    base = base if re.match(r"[A-Z_]", base) else f"SOURCE_{base}"
    number, name = 1, base
    while any(known.get(name, value) != value for known in (file, environment)):
        number, name = number + 1, f"{base}_{number + 1}"
    return name


def with_variable(text: str, name: str, value: str) -> str:
    """The text of a `.env` with one line more.

    Args:
        text: The file's, which stays as it is.
        name: The variable.
        value: The secret; any text.

    Raises:
        ConfigurationError: There is no way to write it down.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise usage("the password is no Unicode text", "put it into the environment, and name that variable with --password-env") from None
    before = read(text)
    end = "\r\n" if "\r\n" in text else "\n"
    head = text if not text or text.endswith(("\n", "\r")) else text + end
    for form in _forms(value):
        new = f"{head}{name}={form}{end}"
        # What a quote ends depends on what follows it in the file: read it all.
        if read(new) == {**before, name: value}:
            return new
    raise usage("a .env cannot hold this password", "put it into the environment, and name that variable with --password-env")


def _forms(value: str) -> Iterator[str]:
    """Ways to write a value, the plainest first. Which of them says what it should is for the reader to find out."""
    printable = value.isprintable()
    if re.fullmatch(r"[\w.,:;/@%+=~^*!?-]+", value):
        yield value
    if printable and not value.endswith("\\"):
        yield "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if printable:
        yield value
    yield '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'
    yield "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
