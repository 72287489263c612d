"""From rows of a cursor to Arrow batches, a column at a time. What every database connector shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Convert = Callable[[Sequence[Any]], "pa.Array"]
"""Turns the values of one column, as the driver gave them, into an Arrow array; raises where one would change."""

_GREATEST = 16_384
"""Rows a batch at most."""
_SAMPLED = 7
"""Every so manyth row is measured: to look at each value of each row would cost more than to convert it."""
_STEP = 64
"""Rows fetched at once: so many may turn out to be wide before anything can be done about it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read.

    Attributes:
        name: The column's.
        type: What it lands as.
        convert: From the driver's values to an array of that type.
    """

    name: str
    type: pa.DataType
    convert: Convert


def read_batches(
    place: str,
    readings: Sequence[Reading],
    fetch: Callable[[int], Sequence[Sequence[Any]]],
    batch_size: int,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Fetch rows until a batch has as many or as many bytes as it may have, so that memory stays bounded.

    Args:
        place: `source.table`, for messages.
        readings: The columns, in the order of the rows.
        fetch: The cursor's `fetchmany`.
        batch_size: Rows a batch at most.
        batch_bytes: Bytes a batch, about.

    Yields:
        Batches with the columns of `schema_of(readings)`.

    Raises:
        DataError: A value does not fit its column's type; names `source.table.column`.
    """
    import pyarrow as pa

    schema = schema_of(readings)
    most = max(1, min(batch_size, _GREATEST))
    # Until something is known of the rows they are taken to be wide.
    row_bytes = batch_bytes
    rest = True
    while rest:
        rows: list[Sequence[Any]] = []
        size = 0
        while len(rows) < most and size < batch_bytes:
            step = fetch(max(1, min(_STEP, most - len(rows), (batch_bytes - size) // row_bytes)))
            if not step:
                rest = False
                break
            rows += step
            sample = step[::_SAMPLED]
            size += sum(map(_width, sample)) * len(step) // len(sample)
            row_bytes = max(1, size // len(rows))
        if rows:
            arrays = [_converted(place, reading, values) for reading, values in zip(readings, zip(*rows, strict=True), strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _width(row: Sequence[Any]) -> int:
    """Bytes of a row, about: what is neither text nor binary is small."""
    return sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)


def schema_of(readings: Sequence[Reading]) -> pa.Schema:
    """The Arrow schema of columns.

    Args:
        readings: The columns.
    """
    import pyarrow as pa

    return pa.schema([pa.field(reading.name, reading.type) for reading in readings])


def _converted(place: str, reading: Reading, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return reading.convert(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, ArithmeticError) as error:
        raise DataError(
            f"{place}.{reading.name}: a value does not fit {reading.type}: {str(error).splitlines()[0]}",
            hint="mend the value at the source, or read the table through a view or a query that casts the column to text",
        ) from error
