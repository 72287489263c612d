"""From `COPY ... TO STDOUT (FORMAT csv)` to Arrow: the server's own text, parsed in columnar code, no Python object a value.

A thread lets the driver write what the server sends into a pipe; the reader cuts it into blocks of whole rows and
has each parsed into the columns' types at once. A block that holds a value out of the ordinary is parsed as text and
converted column by column (`policy`). CSV tells NULL (nothing) from the empty text (quoted).
"""

from __future__ import annotations

import binascii
import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake_connector_postgresql.types import ColumnPlan
    from ducklake_connector_sql.policy import Converter

_PIPE_BYTES = 2**20
_FIRST_BLOCK = 2**20
_STEPS = 16
_ROWS = re.compile(rb'(?:(?:[^"\n]++|"[^"]*+")*+\n)*+')
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


class Copy:
    """One running COPY.

    Args:
        connection: Idle, in its snapshot; not to be used by anyone else meanwhile.
        select: What to copy.
    """

    def __init__(self, connection: Connection, select: str) -> None:
        self.rows = 0
        self._error: BaseException | None = None
        self._reader, writer = os.pipe()
        if _SET_PIPE_SIZE is not None:
            with contextlib.suppress(OSError):  # the system may allow less
                fcntl.fcntl(writer, _SET_PIPE_SIZE, _PIPE_BYTES)
        self._thread = threading.Thread(target=self._run, args=(connection, select, writer), name="copy", daemon=True)
        self._thread.start()

    def _run(self, connection: Connection, select: str, writer: int) -> None:
        try:
            with os.fdopen(writer, "wb", 2**18) as pipe, connection.cursor() as cursor:
                cursor.copy_expert(f"COPY ({select}) TO STDOUT (FORMAT csv)", pipe)
                self.rows = cursor.rowcount
        except BaseException as error:  # carried to the thread that reads
            self._error = error

    def blocks(self, size: int) -> Iterator[memoryview]:
        """Blocks of whole rows; each is overwritten by the next.

        Args:
            size: Bytes a block, about; more where a row is longer.

        Raises:
            Exception: Whatever the driver raised.
        """
        buffer = bytearray(min(size, _FIRST_BLOCK))
        filled = 0
        try:
            while True:
                read = os.readv(self._reader, [memoryview(buffer)[filled:]])
                filled += read
                if not read:
                    break
                if filled < len(buffer):
                    continue
                end = last_row(buffer, filled)
                if end:
                    yield memoryview(buffer)[:end]
                rest = buffer[end:filled]
                wanted = len(buffer) * 2 if not end or len(buffer) < size else size
                if wanted != len(buffer) or not end:
                    buffer = bytearray(max(wanted, len(rest) + 1))
                buffer[: len(rest)] = rest
                filled = len(rest)
            self._thread.join()
            if self._error is not None:
                raise self._error
            if filled:
                yield memoryview(buffer)[:filled]
        finally:
            self.close()

    def close(self) -> None:
        """Stop reading; a COPY that still runs fails at its next write."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1


def last_row(buffer: bytearray, filled: int) -> int:
    """Where the last whole row ends: behind a line feed that is not within quotes; 0 if there is none.

    Args:
        buffer: Begins with a row.
        filled: Bytes in it that count.
    """
    end = buffer.rfind(b"\n", 0, filled)
    quotes = buffer.count(b'"', 0, max(end, 0))
    for _ in range(_STEPS):
        if end < 0 or quotes % 2 == 0:
            return end + 1
        # Within quotes: go on before the quote that lies nearest.
        quote = buffer.rfind(b'"', 0, end)
        before = buffer.rfind(b"\n", 0, quote)
        quotes -= buffer.count(b'"', max(before, 0), end)
        end = before
    found = _ROWS.match(buffer, 0, filled)  # texts full of quotes and line feeds: all of it from the front
    return found.end() if found else 0


class Parser:
    """Makes record batches of blocks.

    Args:
        place: `source.table`, for messages.
        plans: The columns, in order.
        converters: Likewise.
    """

    def __init__(self, place: str, plans: Sequence[ColumnPlan], converters: Sequence[Converter]) -> None:
        import pyarrow as pa

        self.place, self.plans, self.converters = place, plans, converters
        self.schema = pa.schema([pa.field(plan.column.name, plan.type) for plan in plans])
        self._names = [f"c{at}" for at in range(len(plans))]

    def parse(self, block: memoryview, *, threads: bool) -> pa.RecordBatch:
        """A batch of the rows of one block.

        Args:
            block: Whole rows.
            threads: Whether to parse on several cores.

        Raises:
            DataError: A value does not fit its column.
            ReadAgain: Likewise, where the column is to become text.
        """
        import pyarrow as pa

        try:
            columns = self._read(block, [pa.string() if plan.form == "hex" else plan.type for plan in self.plans], threads)
            strange = False
        except pa.ArrowInvalid:
            strange = True
        if strange:
            columns = self._texts(block)
            pairs = zip(columns, self.plans, self.converters, strict=True)
            columns = [column if plan.form == "hex" else convert(column) for column, plan, convert in pairs]
        arrays = [unhexed(column) if plan.form == "hex" else column for column, plan in zip(columns, self.plans, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _texts(self, block: memoryview) -> list[pa.Array]:
        import pyarrow as pa

        try:
            return self._read(block, [pa.string()] * len(self.plans), False)
        except pa.ArrowInvalid as error:
            column = next((plan.column.name for at, plan in enumerate(self.plans) if f"column #{at}:" in str(error)), "")
            place = f"{self.place}.{column}" if column else self.place
            raise DataError(
                f"{place}: {str(error).splitlines()[0]}",
                hint="a database in SQL_ASCII may hold bytes that are no text; read a view that casts the column to bytea",
                code="encoding",
            ) from error

    def _read(self, block: memoryview, types: Sequence[pa.DataType], threads: bool) -> list[pa.Array]:
        import pyarrow as pa
        from pyarrow import csv

        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(block)),
            read_options=csv.ReadOptions(column_names=self._names, block_size=len(block) + 1, use_threads=threads),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict(zip(self._names, types, strict=True)),
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return [one_array(column) for column in table.columns]


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """The only chunk of a column, or its chunks together.

    Args:
        column: As the parser made it.
    """
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def unhexed(texts: pa.Array) -> pa.Array:
    """Hexadecimal digits as bytes, all values at once.

    Args:
        texts: Texts of an even number of digits each, or NULL.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if texts.offset or not len(texts):
        texts = pa.concat_arrays([texts, pa.nulls(0, pa.string())]) if len(texts) else pa.array([], pa.string())
    validity, offsets, data = texts.buffers()
    if offsets is None or not len(texts):
        return pa.nulls(len(texts), pa.binary())
    places = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, offsets])
    digits = memoryview(data)[: places[-1].as_py()] if data is not None else b""
    halves = pc.shift_right(places, pa.scalar(1, pa.int32())).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(texts), [validity, halves, pa.py_buffer(binascii.unhexlify(digits))])
