"""The quick way to read files whose columns have declared types: Arrow's reader, which takes a value exactly or not at all.

DuckDB rounds and cuts what does not fit, so behind it each value has to be read back as text; that costs as much as
reading it. Arrow refuses such values instead. It is less careful than DuckDB about the form of a file, so the bytes are
looked at before it gets them. Whatever is refused, here or there, is no error yet: the files are read again by DuckDB,
which takes more, and says what is wrong where something is.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ducklake_connector_csv.options import CsvFormat
from ducklake_connector_csv.relation import ReadableFile

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE = 900 << 10
"""Bytes: less than the megabyte from which the command gives memory back to the system, to take it anew for the next piece."""

_AHEAD = 8 << 20
"""Bytes that are read before they are asked for: enough to go on with while the engine writes row groups."""

_PIECES = 16
"""So many of them at most: also small files and those that lack columns take memory."""

_HEAD = 1 << 20
_SPARSE = 100
"""Bytes a quote from which on looking at each quote costs less than Arrow gains."""

_HEXADECIMAL = (b"0x", b"0X")
"""What Arrow takes for a number in base 16, also where it becomes negative by it."""

_QUOTED = rb"%(quote)s(?:(?<![^%(mark)s\n%(quote)s]%(quote)s)[^%(quote)s]*%(quote)s(?![^%(mark)s\r\n%(quote)s])|(?<=(%(quote)s)))"
"""From a quote to its partner, which enclose a field, or part of one up to a doubled quote; else just the quote, captured."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LIMIT = 2**31 - 2
"""Bytes of a piece that Arrow reads at once."""


class Refused(Exception):
    """The files have to be read the other way."""


def arrow_type(kind: str) -> pa.DataType | None:
    """The Arrow type to read a column as, where Arrow takes exactly the values that `types.fits` allows, or fewer.

    Args:
        kind: Out of `types.canonical_type`.
    """
    import pyarrow as pa

    if match := re.fullmatch(r"DECIMAL\(([0-9]+),([0-9]+)\)", kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    return {
        "TINYINT": pa.int8(),
        "SMALLINT": pa.int16(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "UTINYINT": pa.uint8(),
        "USMALLINT": pa.uint16(),
        "UINTEGER": pa.uint32(),
        "UBIGINT": pa.uint64(),
        "DATE": pa.date32(),
    }.get(kind)


def suits(file: ReadableFile, layout: CsvFormat, *, sampled: bool) -> bool:
    """Whether a file is worth trying.

    Args:
        file: As DuckDB would get it.
        layout: Its format, in UTF-8.
        sampled: Whether DuckDB has to find out types from its first rows, for which its lines must end alike.
    """
    marks = layout.delimiter + layout.quote
    if file.path.suffix == ".gz" or len(file.columns) < 2 or not marks.isascii() or layout.quote == " ":
        return False
    with file.path.open("rb") as content:
        head = content.read(_HEAD)
    if sampled and 0 < head.count(b"\r\n") < head.count(b"\n"):
        return False
    return not layout.quote or len(head) < _HEAD or head.count(layout.quote.encode()) * _SPARSE <= len(head)


class StrictReader:
    """Reads files piece by piece, several at a time.

    Args:
        files: The files.
        layout: Their format.
        names: The table's columns.
        types: The Arrow type of each; text where none is given.
    """

    def __init__(self, files: Sequence[ReadableFile], layout: CsvFormat, names: Sequence[str], types: Mapping[int, pa.DataType]) -> None:
        import pyarrow as pa

        self._files = files
        self._mark, self._quote = layout.delimiter.encode(), layout.quote.encode()
        self._layout = layout
        self._positions = {name.casefold(): at for at, name in enumerate(names)}
        self._threads = min(os.cpu_count() or 1, 4)
        self.schema = pa.schema([pa.field(f"c{at}", types.get(at, pa.string())) for at in range(len(names))])
        known = {b"mark": re.escape(self._mark), b"quote": re.escape(self._quote)}
        self._quotes = re.compile(_QUOTED % known) if self._quote else None
        begin = known[b"mark"] + known[b"quote"]
        self._hexadecimal = {x: re.compile(rb"%s(?<=[%s\n\t ]0%s)" % (x, begin, x)) for x in (b"x", b"X")}
        self._has_integers = any(pa.types.is_integer(kind) for kind in types.values())

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The rows.

        Raises:
            OSError: A file cannot be read.
            Refused: A value or the form of a file is not beyond doubt.
        """
        waiting: deque[tuple[Future[pa.RecordBatch], int]] = deque()
        ahead = 0
        pool = ThreadPoolExecutor(self._threads)
        try:
            for file in self._files:
                for data, end in self._pieces(file):
                    waiting.append((pool.submit(self._parsed, file.columns, data, end), len(data)))
                    ahead += len(data)
                    while len(waiting) > self._threads and (ahead > _AHEAD or len(waiting) > _PIECES):
                        done, size = waiting.popleft()
                        ahead -= size
                        yield done.result()
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _pieces(self, file: ReadableFile) -> Iterator[tuple[bytes, int]]:
        """Bytes from a record's begin on, and how many of them are whole records of a form that all readers understand alike.

        What is behind those is read again with the next: that is less work than to put it in front of them.
        """
        with file.path.open("rb") as content:
            for _ in range(file.lines):
                self._check_ends(content.readline())
            if not file.lines and content.read(3) != _BYTE_ORDER_MARK:
                content.seek(0)
            start, size = content.tell(), _PIECE
            while data := content.read(size):
                last = len(data) < size
                if last and data.endswith(b"\r"):
                    raise Refused
                if last and not data.endswith(b"\n"):
                    data += b"\n"
                end = self._checked(data)
                if last and end < len(data):
                    raise Refused
                if end and (data[0] not in b"\r\n" or data[:end].strip(b"\r\n")):
                    yield data, end
                if last:
                    break
                size = _PIECE if end else 2 * size  # one record: doubling keeps the work in proportion
                if size > _LIMIT:
                    raise Refused
                start += end
                content.seek(start)

    def _checked(self, data: bytes) -> int:
        """Where the last whole record ends, in bytes that begin with one; 0 if none does.

        Raises:
            Refused: Quotes do not just enclose whole fields there, a line ends with a lone CR, a number is hexadecimal, or
                a mark stands there that Arrow would skip.
        """
        if data.startswith(_BYTE_ORDER_MARK):
            raise Refused
        self._check_ends(data)
        if self._has_integers and (data[:2] in _HEXADECIMAL or any(x in data and self._hexadecimal[x].search(data) for x in (b"X", b"x"))):
            raise Refused
        if self._quotes is None:
            return data.rfind(b"\n") + 1
        stop = self._check_quotes(data, self._quotes)
        end = data.rfind(b"\n", 0, stop) + 1
        while end and (closing := data.rfind(self._quote, end, stop)) >= 0:
            stop = data.rfind(self._quote, 0, closing)
            if stop < end:  # that line ends within quotes
                end = data.rfind(b"\n", 0, stop) + 1
        return end

    def _check_quotes(self, data: bytes, quotes: re.Pattern[bytes]) -> int:
        """Where the field begins that is not closed in these bytes, and else where they end."""
        found = quotes.findall(data)
        if not any(found):
            return len(data)
        begin = data.rfind(self._quote)
        if any(found[:-1]) or data[max(begin - 1, 0) : begin] not in (b"", b"\n", self._mark, self._quote):
            raise Refused
        return begin

    @staticmethod
    def _check_ends(data: bytes) -> None:
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r"):
            raise Refused

    def _parsed(self, columns: Sequence[str], data: bytes, end: int) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.csv

        targets = [self._positions[name.casefold()] for name in columns]
        names = [f"c{at}" for at in targets]
        layout = self._layout
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(pa.py_buffer(data).slice(0, end)),
                pyarrow.csv.ReadOptions(use_threads=False, block_size=end + 1, column_names=names),
                pyarrow.csv.ParseOptions(delimiter=layout.delimiter, quote_char=layout.quote or False, newlines_in_values=True),
                pyarrow.csv.ConvertOptions(
                    column_types={name: self.schema.field(name).type for name in names},
                    null_values=list(layout.nulls),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            (batch,) = table.to_batches()
            for column in batch.columns:
                if pa.types.is_decimal(column.type):
                    column.validate(full=True)  # the reader does not look whether all digits have a place
        except pa.ArrowInvalid as error:
            raise Refused from error
        here = dict(zip(targets, batch.columns, strict=True))
        lacking = {self.schema.field(at).type for at in range(len(self.schema)) if at not in here}
        empty = {kind: pa.nulls(batch.num_rows, kind) for kind in lacking}
        arrays = [here[at] if at in here else empty[field.type] for at, field in enumerate(self.schema)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)
