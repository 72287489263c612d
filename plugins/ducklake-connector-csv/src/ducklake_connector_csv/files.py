"""Making a file readable for DuckDB where it is not: other encodings, mixed line ends; and counting delimiters.

Everything here reads bytes in pieces and never changes a value.
"""

from __future__ import annotations

import codecs
import dataclasses
import gzip
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

_PIECE = 1 << 18
_LONG = 8 << 20
_PART = 4 << 20
"""Bytes of a file that one thread looks at."""


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


def needs_survey(path: Path, delimiter: str, quote: str, left: Callable[[], bool] = lambda: False) -> bool:
    """Whether a file may have mixed line ends, or lines that end with fields too many (empty ones, which DuckDB drops).

    A cheap look: a file without carriage returns, in which no line ends with an empty field, has neither.

    Args:
        path: An UTF-8 file.
        delimiter: Between fields.
        quote: Around fields, or empty.
        left: Whether nobody waits for the answer any more.
    """
    mark, between = delimiter.encode(), quote.encode()
    tails = [mark, *([between * 2] if between else [])]
    kept = max(map(len, tails)) + 1
    if path.suffix != ".gz" and path.stat().st_size > _PART:
        parts = range(0, path.stat().st_size, _PART)
        with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1, 4)) as pool:
            if any(pool.map(lambda start: not left() and _is_odd(_part(path, start - kept, start + _PART), mark, between), parts)):
                return True
        return any(_part(path, path.stat().st_size - kept, path.stat().st_size).endswith(tail) for tail in tails)
    end = b""
    with open_bytes(path) as file:
        while not left() and (piece := file.read(_PIECE)):
            if _is_odd(end + piece, mark, between):
                return True
            end = (end + piece)[-kept:]
    return any(end.endswith(tail) for tail in tails)


def _part(path: Path, start: int, end: int) -> bytes:
    start = max(start, 0)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _is_odd(piece: bytes, delimiter: bytes, quote: bytes) -> bool:
    """Whether a carriage return is in it, or an empty field before a line feed."""
    if b"\r" in piece or _has(piece, delimiter + b"\n"):
        return True
    # Files have few quotes or none, and hardly any doubled ones: what is looked for first is found faster.
    return bool(quote) and quote in piece and _has(piece, quote * 2) and quote * 2 + b"\n" in piece


def _has(piece: bytes, pattern: bytes) -> bool:
    """Whether bytes stand in others; two of them are looked for as one number, which is faster and lets other threads run."""
    if len(pattern) != 2 or len(piece) < _PIECE // 4:
        return pattern in piece
    import pyarrow as pa
    import pyarrow.compute as pc

    number = pa.scalar(int.from_bytes(pattern, sys.byteorder), pa.uint16())
    for start in (0, 1):
        pairs = (len(piece) - start) // 2
        array = pa.Array.from_buffers(pa.uint16(), pairs, [None, pa.py_buffer(piece).slice(start)])
        if pc.any(pc.equal(array, number)).as_py():
            return True
    return False


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
