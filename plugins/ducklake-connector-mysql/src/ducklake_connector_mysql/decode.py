"""From the server's texts to Arrow: exact types, parsed and range-checked in columnar code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import ReadAgain
from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_mysql.plans import ColumnPlan

_COLUMN = re.compile(r"In CSV column #(\d+): (?:Row #\d+: )?(?:CSV conversion error to [^:]*: )?(.*)", re.DOTALL)

# What separates values becomes what a parser of CSV expects. Where a value holds just that, it is replaced by bytes that UTF-8 never
# holds, until it is parsed; and should it hold those, they break the row, so that nothing is taken for something else.
_TO_CSV = {
    0xFF: 0x1F,
    0xFE: 0x0A,
    0xFD: 0x01,
    0x0A: 0xF5,
    0x0D: 0xF6,
    0x1F: 0xF7,
    0x01: 0xF8,
    0xF5: 0x0A,
    0xF6: 0x0A,
    0xF7: 0x0A,
    0xF8: 0x0A,
}
_TABLE = bytes(_TO_CSV.get(byte, byte) for byte in range(256))
_BACK = bytes({0xF5: 0x0A, 0xF6: 0x0D, 0xF7: 0x1F, 0xF8: 0x01}.get(byte, byte) for byte in range(256))
_REPLACED = (b"\xf5", b"\xf6", b"\xf7", b"\xf8")
_POSSIBLE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_NULL, _SEPARATOR = "\x01", "\x1f"


class Decoder:
    """Turns pieces of `wire` into batches.

    Args:
        place: `source.table`, for messages.
        plans: The columns, in the table's order.

    Attributes:
        schema: Of the batches.
        rows: How many rows have been decoded.
        nulled: How many values became NULL, a column.
    """

    def __init__(self, place: str, plans: Sequence[ColumnPlan]) -> None:
        import pyarrow as pa
        from pyarrow import csv

        self._place = place
        self._plans = plans
        self._inside = [plan for plan in plans if plan.parsed is not None]
        self.schema = pa.schema([pa.field(plan.name, plan.type) for plan in plans])
        self.rows = 0
        self.nulled: dict[str, int] = {}
        self._samples: dict[str, str] = {}
        names = [f"c{at}" for at in range(len(self._inside))]
        self._read_options = csv.ReadOptions(column_names=["header", *names], skip_rows=1, block_size=2**30, use_threads=True)
        self._parse_options = csv.ParseOptions(delimiter=_SEPARATOR, quote_char=False, escape_char=False, ignore_empty_lines=False)
        self._convert_options = csv.ConvertOptions(
            column_types={name: plan.parsed for name, plan in zip(names, self._inside, strict=True)},
            null_values=[_NULL],
            strings_can_be_null=True,
            include_columns=names,
            check_utf8=False,
        )

    @property
    def remarks(self) -> list[str]:
        """What became NULL."""
        return [
            f"column {name!r}: {count} values that its type cannot hold became NULL, for example {self._samples[name]!r}"
            for name, count in self.nulled.items()
        ]

    def batches(self, pieces: Iterable[bytes], batch_size: int) -> Iterator[pa.RecordBatch]:
        """Decode rows whose only field is the text of all columns.

        Args:
            pieces: As `wire.texts` yields them.
            batch_size: Rows a batch at most.
        """
        import pyarrow as pa

        for piece in pieces:
            table = pa.Table.from_arrays(self._parsed(piece), schema=self.schema)
            self.rows += table.num_rows
            yield from table.to_batches(max_chunksize=batch_size)

    def batches_of_rows(self, rows: Iterable[Sequence[bytes | None]], batch_size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Decode rows some fields of which travel by themselves.

        Args:
            rows: As `wire.rows` yields them.
            batch_size: Rows a batch at most.
            batch_bytes: Bytes a batch, about.
        """
        pending: list[Sequence[bytes | None]] = []
        size = 0
        for row in rows:
            pending.append(row)
            size += sum(len(value) for value in row if value is not None)
            if len(pending) >= batch_size or size >= batch_bytes:
                yield self._batch(pending)
                pending, size = [], 0
        if pending:
            yield self._batch(pending)

    def _batch(self, rows: list[Sequence[bytes | None]]) -> pa.RecordBatch:
        import pyarrow as pa

        fields: list[Sequence[Any]] = list(zip(*rows, strict=True))
        inside = iter(self._parsed(b"\xfe" + b"".join(self._whole(text) for text in fields.pop(0))) if self._inside else ())
        arrays = [next(inside) if plan.parsed is not None else self._beside(plan, fields.pop(0)) for plan in self._plans]
        self.rows += len(rows)
        return pa.RecordBatch.from_arrays(
            [array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array for array in arrays], schema=self.schema
        )

    def _whole(self, text: bytes | None) -> bytes:
        if text is None:
            raise DataError(f"{self._place}: a row is longer than the server's max_allowed_packet", hint="let it be larger")
        return text

    def _beside(self, plan: ColumnPlan, values: Sequence[bytes | None]) -> pa.Array:
        import pyarrow as pa

        array = pa.array(values, pa.binary())
        return array if plan.type == pa.binary() else self._converted(plan, array, lambda: array.cast(plan.type))

    def _parsed(self, piece: bytes) -> list[pa.ChunkedArray]:
        import pyarrow as pa
        from pyarrow import csv

        text = piece.translate(_TABLE)
        try:
            table = csv.read_csv(pa.BufferReader(text), self._read_options, self._parse_options, self._convert_options)
        except pa.ArrowInvalid as error:
            raise self._not_parsed(error) from None
        return [self._finished(plan, column) for plan, column in zip(self._inside, table.columns, strict=True)]

    def _finished(self, plan: ColumnPlan, column: pa.ChunkedArray) -> pa.ChunkedArray:
        import pyarrow as pa

        if column.type == plan.type:
            return column
        if column.type == pa.binary():
            parsed = column
            column = self._converted(plan, column, lambda: pa.chunked_array([_restored(chunk) for chunk in parsed.chunks], pa.binary()))
        if plan.type == pa.bool_():
            import pyarrow.compute as pc

            if pc.any(pc.or_(pc.less(column, 0), pc.greater(column, 1))).as_py():
                value = next(value for value in column.to_pylist() if value not in (0, 1, None))
                raise self._unfit(plan, f"it holds {value}")
            return column.cast(pa.bool_())
        if column.type == pa.binary() and plan.type != pa.string():
            return self._lenient(plan, column)
        return self._converted(plan, column, lambda: column.cast(plan.type))

    def _lenient(self, plan: ColumnPlan, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Dates and times of which the impossible become NULL, and are counted."""
        import pyarrow as pa
        import pyarrow.compute as pc

        target = pa.timestamp("us") if pa.types.is_timestamp(plan.type) else plan.type
        texts = column.cast(pa.string()).combine_chunks()
        possible = pc.if_else(pc.match_substring_regex(texts, _POSSIBLE), texts, None)
        try:
            values = possible.cast(target)
        except pa.ArrowInvalid:  # the 31st of February
            values = pa.array([_or_none(text, target) for text in possible], target)
        lost = pc.and_(pc.is_valid(texts), pc.is_null(values))
        if count := pc.sum(lost).as_py():
            self.nulled[plan.name] = self.nulled.get(plan.name, 0) + count
            self._samples.setdefault(plan.name, texts.filter(lost)[0].as_py())
        return pa.chunked_array([values.cast(plan.type)])

    def _converted(self, plan: ColumnPlan, array: Any, convert: Callable[[], Any]) -> Any:
        import pyarrow as pa

        try:
            return convert()
        except pa.ArrowInvalid as error:
            raise self._unfit(plan, str(error).splitlines()[0]) from error

    def _not_parsed(self, error: Exception) -> Exception:
        match = _COLUMN.match(str(error))
        if match is None:
            return DataError(f"{self._place}: the server's rows could not be read: a row has not the columns that were asked for")
        plan = self._inside[int(match[1]) - 1]
        return ReadAgain(plan.name) if plan.on_invalid == "text" else self._unfit(plan, match[2])

    def _unfit(self, plan: ColumnPlan, problem: str) -> DataError:
        place = f"{self._place}.{plan.name}"
        if str(plan.type) == "bool":
            return DataError(f"{place}: not every {plan.declared} is 0 or 1: {problem}", hint="leave tinyint1: boolean out")
        if str(plan.type) in ("string", "binary"):
            message = f"{place}: a text of {plan.declared} is not what its character set says: {problem}"
            return DataError(message, hint="mend it at the source, or exclude the column", code="invalid_value")
        return DataError(
            f"{place}: {_value(problem)} does not fit {plan.type}",
            hint=f"mend it at the source, or write on_invalid: {{{plan.name}: text}} (the column as text) or null (counted) under extract",
            code="invalid_value",
        )


def _value(problem: str) -> str:
    found = re.search(r"invalid value '(.*)'", problem, re.DOTALL)
    if found is None:
        return f"a value ({problem})"
    zero = re.match(r"0000-|\d{4}-00-|\d{4}-\d\d-00", found[1])
    return f"{'the zero or partial date' if zero else 'the value'} {found[1][:40]!r}"


def _or_none(text: pa.Scalar, target: pa.DataType) -> Any:
    import pyarrow as pa

    try:
        return text.cast(target).as_py()
    except pa.ArrowInvalid:
        return None


def _restored(chunk: pa.Array) -> pa.Array:
    """Values as they were before `_TO_CSV`."""
    import pyarrow as pa

    buffers = chunk.buffers()
    data = buffers[2]
    if data is None:
        return chunk
    content = data.to_pybytes()
    if b"\x01" in content:
        raise pa.ArrowInvalid("it holds FD, which UTF-8 never does")
    if not any(byte in content for byte in _REPLACED):
        return chunk
    return pa.Array.from_buffers(chunk.type, len(chunk), [*buffers[:2], pa.py_buffer(content.translate(_BACK))], offset=chunk.offset)
