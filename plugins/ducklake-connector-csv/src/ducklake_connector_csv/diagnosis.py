"""Finding the line that is wrong, after something went wrong: a slow second look that names file, line and value."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ducklake.errors import DataError
from ducklake_connector_csv.columns import reader
from ducklake_connector_csv.files import open_bytes
from ducklake_connector_csv.options import CsvFormat

MISFIT = "ducklake-csv"
"""Begins the message of a value that does not fit its declared type: MISFIT, column number and value, divided by \\x1f."""

_MISFITTING = re.compile(rf"{MISFIT}\x1f([0-9]+)\x1f(.*)", re.DOTALL)
_ENGINE_LINE = re.compile(r"CSV Error on Line: ([0-9]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """A file that may hold the error.

    Attributes:
        path: What was read: the file or a copy as UTF-8.
        name: The file's name for messages.
        columns: Its columns, in its own order.
        tail: What was read instead, if only the end of the file was.
        start: The bytes before that end.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    tail: Path | None = None
    start: int = 0

    def line(self, number: str) -> int:
        """A line's number in the file.

        Args:
            number: In what was read.
        """
        with self.path.open("rb") as file:
            return int(number) + file.read(self.start).count(b"\n")


def undecodable(place: str, path: Path, name: str, encoding: str) -> DataError | None:
    """Say where a file is not in its encoding; None if it is.

    Args:
        place: `source.table`.
        path: The file itself.
        name: Its name for messages.
        encoding: The configured one.
    """
    with open_bytes(path) as file:
        start = file.read(4)
        if encoding.startswith("utf-8") and start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return DataError(f"{place}: {name} is UTF-16, not {encoding}", hint="set format.encoding: utf-16")
    number = 0
    lenient = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    with io.TextIOWrapper(open_bytes(path), encoding=encoding, errors=lenient, newline="") as text:
        try:
            for number, line in enumerate(text, 1):
                if found := re.search("[\udc80-\udcff]", line):
                    return _not_in(encoding, f"{place}: {name}, line {number}", f"byte 0x{ord(found[0]) - 0xDC00:02X}")
        except UnicodeError as error:
            byte = f"byte 0x{error.object[error.start]:02X}" if isinstance(error, UnicodeDecodeError) else "a byte"
            return _not_in(encoding, f"{place}: {name}, after line {number}", byte)
    return None


def _not_in(encoding: str, where: str, byte: str) -> DataError:
    other = "latin-1 or cp1252" if encoding.startswith("utf-8") else "utf-8"
    return DataError(f"{where}: {byte} is not {encoding}", hint=f"set format.encoding to what the file is in, perhaps {other}")


def not_closed(where: str) -> DataError:
    """The error about quotes that do not enclose a field.

    Args:
        where: The message's begin: `source.table`, file and line.
    """
    return DataError(
        f"{where} a quoted field is not closed, or goes on behind its closing quote",
        hint="double quotes within quoted fields, or set format.quote to what the file uses",
    )


def wrong_field_count(place: str, suspects: Sequence[Suspect], layout: CsvFormat) -> DataError | None:
    """The first line with too few or too many fields; None if there is none.

    Args:
        place: `source.table`.
        suspects: The files.
        layout: Their format.
    """
    for suspect in suspects:
        expected = len(suspect.columns)
        for line, record in _records(suspect, layout):
            if len(record) != expected:
                few = "few" if len(record) < expected else "many"
                return DataError(
                    f"{place}: {suspect.name}, line {line}: too {few} fields: {len(record)} instead of {expected}",
                    hint="mend the line, or set format.delimiter and format.quote to what the file uses",
                )
    return None


def explain(place: str, message: str, suspects: Sequence[Suspect], layout: CsvFormat, types: Sequence[tuple[str, str]]) -> DataError | None:
    """Turn the engine's message into one that names the file's own place.

    Args:
        place: `source.table`.
        message: The engine's.
        suspects: The files that were read.
        layout: Their format.
        types: Name and type of the table's columns, by number.
    """
    if found := _MISFITTING.search(message):
        column, kind = types[int(found[1])]
        return _misfit(place, column, kind, found[2], suspects, layout)
    if "unterminated quote" in message and (found := _ENGINE_LINE.search(message)):
        suspect = _named(message, suspects)
        return not_closed(f"{place}: {suspect.name}, line {suspect.line(found[1])}:")
    if "Invalid unicode" in message or "not utf-8" in message:
        return next((error for suspect in suspects if (error := undecodable(place, suspect.path, suspect.name, "utf-8"))), None)
    if error := wrong_field_count(place, suspects, layout):
        return error
    if found := _ENGINE_LINE.search(message):
        reason = next((line for line in message.splitlines()[1:] if line and not line.startswith("Original Line")), "it cannot be read")
        suspect = _named(message, suspects)
        return DataError(f"{place}: {suspect.name}, line {suspect.line(found[1])}: {reason}")
    if "state machine" in message:
        name = _named(message, suspects).name
        return DataError(f"{place}: {name} is no regular CSV: a stray quote, or a line end of another kind", hint="check format.quote")
    return None


def misfitting(message: str) -> int | None:
    """The number of the column of which a value does not fit its type, if that is what the engine complains about.

    Args:
        message: The engine's.
    """
    found = _MISFITTING.search(message)
    return int(found[1]) if found else None


def _named(message: str, suspects: Sequence[Suspect]) -> Suspect:
    """The file that the engine's message is about."""
    return next((suspect for suspect in suspects if str(suspect.tail or suspect.path) in message), suspects[0])


def _misfit(place: str, column: str, kind: str, value: str, suspects: Sequence[Suspect], layout: CsvFormat) -> DataError:
    where = next((found for suspect in suspects if (found := _line_of(suspect, column, value, layout))), "")
    short = value if len(value) <= 80 else f"{value[:80]}..."
    return DataError(
        f"{place}.{column}: {where}{short!r} is no {kind}",
        hint=f"mend the value, declare a wider type in format.types, or leave {column!r} out there: then it lands as text",
    )


def _line_of(suspect: Suspect, column: str, value: str, layout: CsvFormat) -> str | None:
    folded = [name.casefold() for name in suspect.columns]
    if column.casefold() not in folded:
        return None
    index = folded.index(column.casefold())
    lines = (line for line, record in _records(suspect, layout) if index < len(record) and record[index] == value)
    found = next(lines, None)
    return f"{suspect.name}, line {found}: " if found else None


def _records(suspect: Suspect, layout: CsvFormat) -> Iterator[tuple[int, list[str]]]:
    """The records behind the header, each with the line on which it begins; blank lines are none."""
    with io.TextIOWrapper(open_bytes(suspect.path), encoding="utf-8-sig", errors="replace", newline="") as text:
        lines = reader(text, layout)
        header = layout.header
        begin = 1
        for record in lines:
            if record and not header:
                yield begin, record
            header = header and not record
            begin = lines.line_num + 1
