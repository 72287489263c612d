"""Opening a SQLite file without changing it, and saying in words what SQLite refuses."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote as percent

from ducklake.errors import DataError, DuckLakeError, SourceError

BUSY_SECONDS = 10.0
"""How long a writer's lock is waited for."""


def connect(path: Path, place: str) -> sqlite3.Connection:
    """Open a database read only.

    Args:
        path: Its file.
        place: The source's name, for messages.

    Raises:
        DataError: There is no such file, or it cannot be opened.
    """
    if not path.exists():
        raise DataError(f"{place}: no such file {path}", hint="check `connection.database` of the source in config/sources.yaml")
    if not path.is_file():
        raise DataError(f"{place}: {path} is no file", hint="point `connection.database` at a SQLite file")
    uri = f"file:{percent(str(path).encode('utf-8', 'surrogateescape'))}?mode=ro"
    with explained(place, path):
        # The engine reads the batches on a thread of its own.
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


@contextlib.contextmanager
def explained(place: str, path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        place: `source` or `source.table`.
        path: The file.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(place, path, error) from error


def _explain(place: str, path: Path, error: sqlite3.Error) -> DuckLakeError:
    message = str(error)
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return SourceError(
            f"{place}: {path} is locked by another program", retryable=True, hint="extract again when it has finished writing"
        )
    if name.startswith("SQLITE_INTERRUPT"):
        return SourceError(f"{place}: interrupted")
    if name.startswith("SQLITE_NOTADB"):
        return DataError(f"{place}: {path} is no SQLite database, or an encrypted one", hint="check `connection.database`")
    if name.startswith("SQLITE_CORRUPT"):
        return DataError(f"{place}: {path} is damaged: {message}", hint="run `PRAGMA integrity_check` on it")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_IOERR")):
        hint = "check the rights of file and folder; a file left behind by a crash or in WAL mode has to be opened once by its own program"
        return DataError(f"{place}: cannot read {path}: {message}", hint=hint)
    if found := re.match(r"Could not decode to UTF-8 column '(.*)' with text '", message, re.DOTALL):
        return DataError(
            f"{place}.{found[1]}: a text is not valid UTF-8",
            hint="find it with SELECT rowid, hex(column), and store it as BLOB or mend it",
        )
    return DataError(f"{place}: {message}")
