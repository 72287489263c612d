"""Making a file readable for DuckDB where it is not: other encodings, mixed line ends; and counting delimiters.

Everything here reads bytes in pieces and never changes a value.
"""

from __future__ import annotations

import codecs
import dataclasses
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

_PIECE = 1 << 18
_LONG = 8 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What stands outside of quoted fields.

    Attributes:
        delimiters: Number of delimiters.
        mixed: Whether lines end in different ways.
    """

    delimiters: int
    mixed: bool


def open_bytes(path: Path) -> IO[bytes]:
    """A file's content, unpacked where its name ends in `.gz`.

    Args:
        path: The file.
    """
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def is_utf8(encoding: str) -> bool:
    """Whether DuckDB can read the encoding itself.

    Args:
        encoding: The codec's canonical name.
    """
    return encoding in ("utf-8", "utf-8-sig")


def transcode(source: Path, target: Path, encoding: str) -> None:
    """Copy a file as UTF-8.

    Args:
        source: The file.
        target: The copy.
        encoding: Of the file.

    Raises:
        UnicodeError: A byte is none of that encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    first = True
    with open_bytes(source) as file, target.open("wb") as copy:
        while piece := file.read(_PIECE):
            text = decoder.decode(piece)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            copy.write(text.encode("utf-8"))
        copy.write(decoder.decode(b"", final=True).encode("utf-8"))


def needs_survey(path: Path, delimiter: str, quote: str) -> bool:
    """Whether a file may have mixed line ends, or lines that end with fields too many (empty ones, which DuckDB drops).

    A cheap look: a file without carriage returns, in which no line ends with an empty field, has neither.

    Args:
        path: An UTF-8 file.
        delimiter: Between fields.
        quote: Around fields, or empty.
    """
    tails = [delimiter.encode()] + ([quote.encode() * 2] if quote else [])
    marks = [tail + b"\n" for tail in tails]
    between = quote.encode()
    kept = max(len(mark) for mark in marks)
    end = b""
    with open_bytes(path) as file:
        while piece := file.read(_PIECE):
            if b"\r" in piece:
                return True
            seam = end + piece[:kept]
            if marks[0] in piece or marks[0] in seam:
                return True
            # A file has few quotes or none, and one byte is looked for ten times as fast as three.
            if between and (between in piece or between in seam) and any(mark in piece or mark in seam for mark in marks[1:]):
                return True
            end = (end + piece)[-kept:]
    return any(end.endswith(tail) for tail in tails)


def longest_line(path: Path) -> int:
    """Bytes of the longest line if that may be more than DuckDB takes without being told; else 0.

    Args:
        path: An UTF-8 file.
    """
    if path.stat().st_size < _LONG and path.suffix != ".gz":
        return 0
    longest = current = 0
    with open_bytes(path) as file:
        while piece := file.read(_PIECE):
            first = piece.find(b"\n")
            if first < 0:
                current += len(piece)
            else:
                longest = max(longest, current + first)
                current = len(piece) - piece.rfind(b"\n")
    longest = max(longest, current)
    return longest if longest > _LONG else 0


def survey(path: Path, delimiter: str, quote: str) -> Survey:
    """Count what stands outside of quoted fields.

    Args:
        path: An UTF-8 file.
        delimiter: Between fields.
        quote: Around fields, or empty.
    """
    mark, between = delimiter.encode(), quote.encode()
    delimiters = crlf = lf = 0
    for parts, outside in _cut(path, between):
        plain = between.join(parts[outside::2])
        pairs = plain.count(b"\r\n") if b"\r" in plain else 0
        delimiters += plain.count(mark)
        crlf += pairs
        lf += plain.count(b"\n") - pairs
    return Survey(delimiters, mixed=bool(crlf and lf))


def with_one_line_end(source: Path, target: Path, quote: str) -> None:
    """Copy a file whose lines end partly with CR LF, partly with LF, so that all end with LF; quoted fields keep theirs.

    Args:
        source: An UTF-8 file.
        target: The copy.
        quote: Around fields, or empty.
    """
    between = quote.encode()
    with target.open("wb") as copy:
        for parts, outside in _cut(source, between):
            for at in range(outside, len(parts), 2):
                parts[at] = parts[at].replace(b"\r\n", b"\n")
            copy.write(between.join(parts))


def _cut(path: Path, quote: bytes) -> Iterator[tuple[list[bytes], int]]:
    """A file in pieces, each cut at its quotes: every second part stands outside of quotes, from the one whose number is given.

    A doubled quote gives an empty part and so changes nothing. A piece ends with a line, so that no CR LF is torn.
    """
    quoted = 0
    with open_bytes(path) as file:
        while piece := file.read(_PIECE):
            piece += file.readline()
            parts = piece.split(quote) if quote else [piece]
            yield parts, quoted
            quoted = (quoted + len(parts) - 1) % 2
