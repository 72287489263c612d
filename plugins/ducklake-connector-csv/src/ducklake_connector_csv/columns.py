"""What the columns of a file are called."""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_connector_csv.files import open_bytes
from ducklake_connector_csv.options import CsvFormat

if TYPE_CHECKING:
    import _csv


@dataclasses.dataclass(frozen=True, slots=True)
class FirstRecord:
    """The first line that is not blank.

    Attributes:
        fields: Its fields.
        skip: Blank lines before it.
        lines: Lines in all, up to its end.
    """

    fields: tuple[str, ...]
    skip: int
    lines: int


def reader(file: io.TextIOBase, layout: CsvFormat, *, strict: bool = False) -> _csv.Reader:
    """Python's CSV reader in a file's format: slow, but it can count lines.

    Args:
        file: Text, opened with `newline=""`.
        layout: The format.
        strict: Raise `csv.Error` where a quote is not closed, or text goes on behind it.
    """
    # A C long where Python runs, so that a field may be as long as it is; the default of 131,072 is for all readers of the process.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    if layout.quote:
        return csv.reader(file, delimiter=layout.delimiter, quotechar=layout.quote, doublequote=True, strict=strict)
    return csv.reader(file, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE)


def first_record(path: Path, layout: CsvFormat, encoding: str = "utf-8") -> FirstRecord | None:
    """Read the first record; None if there is none.

    Args:
        path: The file.
        layout: Its format.
        encoding: What it is in.

    Raises:
        UnicodeError: It is not.
        csv.Error: A quoted field of it is not closed.
    """
    codec = "utf-8-sig" if encoding.startswith("utf-8") else encoding
    with io.TextIOWrapper(open_bytes(path), encoding=codec, newline="") as text:
        records = reader(text, layout, strict=True)
        found = next(((skip, record) for skip, record in enumerate(records) if record), None)
    return FirstRecord(tuple(found[1]), found[0], records.line_num) if found else None


def column_names(record: FirstRecord, layout: CsvFormat) -> tuple[tuple[str, ...], list[str]]:
    """The names of the columns, all different also for who does not look at case, and remarks on those that were changed.

    Args:
        record: The file's first.
        layout: Its format.
    """
    if layout.names:
        return layout.names, []
    if not layout.header:
        return tuple(f"column{number}" for number in range(1, len(record.fields) + 1)), []
    return _distinct(record.fields)


def _distinct(header: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    reserved = {name.casefold() for name in header}
    taken: set[str] = set()
    names, notes = [], []
    for number, name in enumerate(header, 1):
        landed = name or f"column{number}"
        if landed.casefold() in taken or (not name and landed.casefold() in reserved):
            suffix = 2
            while f"{landed}_{suffix}".casefold() in reserved | taken:
                suffix += 1
            landed = f"{landed}_{suffix}"
        if landed != name:
            notes.append(f"column {number} {f'is a second {name!r}' if name else 'has no name'}: it lands as {landed!r}")
        taken.add(landed.casefold())
        names.append(landed)
    return tuple(names), notes
