"""What a URL, or the path of a file, says about a source."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ducklake_command_add_source.settings import answer
from ducklake_command_add_source.shape import SECRET, SECRET_WITHIN, Shape
from ducklake_command_add_source.usage import usage

TYPES: Mapping[str, str] = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mssql": "sqlserver",
    "sqlserver": "sqlserver",
    "sqlite": "sqlite",
    "http": "api",
    "https": "api",
    "sftp": "sftp",
}
"""Schemes, and the connector that reads what they lead to; `dialect+driver` is `sql`."""

_ALIASES: Mapping[str, str] = {
    "sslmode": "tls",
    "ssl-mode": "tls",
    "ssl_mode": "tls",
    "sslrootcert": "ca",
    "ssl-ca": "ca",
    "ssl_ca": "ca",
    "sslcert": "certificate",
    "ssl-cert": "certificate",
    "ssl_cert": "certificate",
    "sslkey": "key",
    "ssl-key": "key",
    "ssl_key": "key",
    "dbname": "database",
}
"""Parameters of the databases' own URLs, by what our connectors call the same."""

_TLS: Mapping[str, str] = {
    "disable": "disable",
    "disabled": "disable",
    "require": "require",
    "required": "require",
    "verify-ca": "verify-ca",
    "verify_ca": "verify-ca",
    "verify-full": "verify-full",
    "verify_identity": "verify-full",
}
_SQLITE = (".db", ".sqlite", ".sqlite3", ".db3")
_CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_ENCODE = "in user and password write %40 for @, %3A for :, %2F for /, %23 for #, %3F for ? and %25 for %"


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """A URL in its parts, percent-decoded; or the path of a file.

    Attributes:
        scheme: Before `://`, in lower case; `file` for a path.
        host: Its host.
        port: Its port.
        user: Who logs in.
        password: The secret; never printed.
        path: Without the slash behind the host.
        encoded: The path as it was typed, still percent-encoded.
        query: Its parameters.
    """

    scheme: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    path: str = ""
    encoded: str = ""
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """The type of source; None where that cannot be told."""
        if self.scheme != "file":
            return "sql" if "+" in self.scheme else TYPES.get(self.scheme, self.scheme)
        name = self.path.lower()
        return "csv" if name.endswith(_CSV) else "sqlite" if name.endswith(_SQLITE) or _is_sqlite(Path(self.path)) else None

    @property
    def name(self) -> str | None:
        """A plain name for the source, after its database, file or host."""
        words = [Path(self.path.rstrip("/")).name.partition(".")[0], self.host or ""]
        plain = [re.sub(r"[^A-Za-z0-9_-]+", "_", word.partition(".")[0]).strip("_") for word in words]
        return next((word[:64] for word in plain if word), None)


def parse(text: str) -> Address:
    """Take a URL or path apart.

    Args:
        text: As typed. No message shows it, since there may be a password in it.

    Raises:
        ConfigurationError: It is neither.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Address("file", path=text)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise usage("--url: what stands before :// is no scheme", "for example postgresql://user@host:5432/database")
    parts = re.fullmatch(r"(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?", rest, re.DOTALL)
    assert parts is not None  # each part may be empty
    authority = parts["authority"]
    if parts["fragment"] is not None or ("@" in rest and "@" not in authority):
        raise usage("--url: a character of the user or password is not percent-encoded", _ENCODE)
    login, at, place = authority.rpartition("@")
    found = re.fullmatch(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?", place)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise usage("--url: the port is no number from 1 to 65535", _ENCODE if at else "for example postgresql://user@host:5432/database")
    user, colon, password = login.partition(":")
    path = (parts["path"] or "/")[0 if scheme.lower() == "file" else 1 :]
    return Address(
        scheme.lower(),
        _decoded(found["host"].strip("[]")) or None,
        int(found["port"]) if found["port"] else None,
        _decoded(user) or None,
        (_decoded(password) or None) if colon else None,
        _decoded(path),
        path,
        _parameters(parts["query"] or ""),
    )


def options_of(address: Address, kind: str, shape: Shape, here: Path, root: Path) -> dict[str, Any]:
    """The options that an address gives, without the password; `${` is written as the configuration wants it.

    Args:
        address: Of `parse`.
        kind: The type of source.
        shape: That type's options.
        here: The folder that relative paths are typed in.
        root: The project's folder, which they are relative to in the configuration.

    Raises:
        ConfigurationError: The type has no place for a part of it.
    """
    options: dict[str, Any] = {}
    unused = dict(address.query)
    if kind == "sql":
        shape.put(options, ("connection", "drivername"), address.scheme)
        shape.put(options, ("connection", "query"), {key: literal(unused.pop(key)) for key in list(unused)})
    elif kind == "api":
        if address.user or address.password:
            raise usage("--url: a source of type api takes no user and password in its URL", "give them with --set and --password-stdin")
        host = f"[{address.host}]" if ":" in (address.host or "") else address.host or ""
        place = f"{host}{f':{address.port}' if address.port else ''}"
        shape.put(options, ("connection", "base_url"), literal(f"{address.scheme}://{place}/{address.encoded}".rstrip("/")))
        return _refuse(options, unused, kind)
    if address.scheme == "file" or kind == "sqlite":
        if address.host or not address.path:
            raise usage("--url: the file is missing", "write sqlite:///shop.db, with a fourth slash for an absolute path, or just the path")
        file = shape.place("path") or shape.place("database")
        if file is None:
            raise usage(f"--url: a source of type {kind} is no file", "give its parts with --set")
        shape.put(options, file, literal(_relative(address.path, here, root)))
        return _refuse(options, unused, kind)
    for word, value in (("host", address.host), ("port", address.port), ("database", address.path), ("user", address.user)):
        at = shape.place(word) or (shape.place("path") if word == "database" else None)
        if value and at is None:
            raise usage(f"--url: a source of type {kind} has no option {word!r}", "give its options with --set")
        if value and at:
            text = f"/{value}" if at[-1] == "path" else value
            shape.put(options, at, literal(text) if isinstance(text, str) else text)
    for key in list(unused):
        word = _ALIASES.get(key, key)
        if at := shape.place(word):
            shape.put(options, at, _parameter(key, word, unused.pop(key), shape.types(at)))
    return _refuse(options, unused, kind)


def literal(text: str) -> str:
    """A text that the configuration reads as it is, without taking a part of it for a reference.

    Args:
        text: Any text.
    """
    return text.replace("${", "$${")


def literally(value: Any) -> Any:
    """A value with `literal` for each text in it, keys left alone.

    Args:
        value: Plain data.
    """
    if isinstance(value, dict):
        return {key: literally(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literally(item) for item in value]
    return literal(value) if isinstance(value, str) else value


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise usage("--url: a percent-encoded character is no UTF-8", "encode it as UTF-8, for example %C3%B1 for ñ") from None


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        key, value = _decoded(key), _decoded(value)
        if SECRET.search(key) or SECRET_WITHIN.search(value):
            raise usage(f"--url: the parameter {key} is secret", "leave it out, and give the password with --password-stdin")
        if key in found:
            raise usage(f"--url: the parameter {key!r} stands there twice", "keep one of the two")
        found[key] = value
    return found


def _parameter(key: str, word: str, value: str, types: frozenset[str]) -> Any:
    """A parameter as its option wants it: a number or flag only where that is no text."""
    if word == "tls":
        if value.lower() not in _TLS:
            raise usage(f"--url: {key}={value} is none that a source can be read with", "disable, require, verify-ca or verify-full")
        return _TLS[value.lower()]
    found = answer(value, types) if types and value[:1] not in ("[", "{") else value
    return literal(found) if isinstance(found, str) else found


def _refuse(options: dict[str, Any], unused: Mapping[str, str], kind: str) -> dict[str, Any]:
    if unused:
        names = ", ".join(sorted(unused))
        raise usage(
            f"--url: a source of type {kind} knows no parameter {names}", "leave it out, or give the source's own option with --set"
        )
    return options


def _relative(path: str, here: Path, root: Path) -> str:
    """A path as the configuration has it: relative to the project where it lies in it, else absolute."""
    expanded = os.path.expanduser(path)  # noqa: PTH111 - Path takes ./~x for a home folder too
    if path.startswith("~") and expanded == path:
        raise usage(f"--url: there is no home folder {path.partition('/')[0]}", f"write ./{path} for a file of that name")
    full = here / expanded
    within = str(full.relative_to(root)) if full.is_relative_to(root) else "~"
    return str(full) if within.startswith("~") else within  # which would be a home folder there


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except (OSError, ValueError):
        return False
