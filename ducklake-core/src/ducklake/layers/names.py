"""Paths for names: one reversible encoding, so that no name of a source can leave its folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import string
from collections.abc import Iterable
from urllib.parse import unquote

from ducklake.api.tables import TableRef

_PLAIN = frozenset(string.ascii_letters + string.digits + "_-.")
_LONGEST = 200


def encode(name: str, taken: Iterable[str] = ()) -> str:
    """A folder's name for a table's name.

    ASCII letters, digits, `_`, `-` and `.` (not first) stay; everything else is `%XX` of its UTF-8. Where the result
    equals one of `taken` but for case, its letters are encoded too, because some file systems fold case.

    Args:
        name: Any text but an empty one.
        taken: Folders of other tables of the same source.
    """
    encoded = "".join(char if char in _PLAIN and not (char == "." and at == 0) else _percent(char) for at, char in enumerate(name))
    folded = {other.casefold() for other in taken}
    if encoded.casefold() in folded:
        encoded = "".join(_percent(char) if char in string.ascii_letters or char not in _PLAIN else char for char in name)
    if len(encoded) > _LONGEST:
        encoded = f"{encoded[:_LONGEST]}%~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return encoded


def decode(folder: str) -> str | None:
    """The name behind a folder's name; None where it was too long to be kept whole.

    Args:
        folder: What `encode` made.
    """
    return None if "%~" in folder else unquote(folder, errors="strict")


def table_folder(ref: TableRef, taken: Iterable[str] = ()) -> str:
    """A table's public folder, relative to the data folder.

    Args:
        ref: The table.
        taken: Folders of the other tables of the same layer and domain, relative to the data folder.
    """
    return f"{ref.layer}/{ref.domain}/{encode(ref.table, (folder.rsplit('/', 1)[-1] for folder in taken))}"


def lock_key(ref: TableRef) -> str:
    """A file name that stands for a table in the private folders.

    Args:
        ref: The table.
    """
    return encode(f"{ref.layer}.{ref.domain}.{ref.table}")


def partition(started: dt.datetime) -> str:
    """The folder of a landing date, below a raw table's folder.

    Args:
        started: Start of the extraction, UTC.
    """
    return f"year={started:%Y}/month={started:%m}/day={started:%d}"


def file_name(number: int) -> str:
    """The name of the n-th file that landed on a day.

    Args:
        number: From 1.
    """
    return "data.parquet" if number == 1 else f"data-{number:04d}.parquet"


def file_number(name: str) -> int:
    """The number in a landed file's name; 0 if it is none.

    Args:
        name: For example `data-0002.parquet`.
    """
    stem, _, extension = name.partition(".")
    if extension != "parquet":
        return 0
    if stem == "data":
        return 1
    digits = stem.removeprefix("data-")
    return int(digits) if digits.isdecimal() and stem.startswith("data-") else 0


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
