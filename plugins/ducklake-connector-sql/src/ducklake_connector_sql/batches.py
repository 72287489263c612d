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

_FIRST = 256
_GREATEST = 16_384


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
    """Fetch rows in chunks that grow and shrink with the width of the rows, so that memory stays bounded.

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
    chunk = min(_FIRST, most)
    while rows := fetch(chunk):
        arrays = [_converted(place, reading, values) for reading, values in zip(readings, zip(*rows, strict=True), strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        yield batch
        fitting = int(batch_bytes * len(rows) / max(batch.nbytes, 1))
        chunk = max(1, min(most, fitting, chunk * 4))


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
