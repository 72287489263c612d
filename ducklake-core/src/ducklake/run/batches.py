"""The border: what a connector's Arrow must be like before it may enter the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from ducklake.api.tables import METADATA_COLUMNS
from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_EARLIEST = -(2**63)


def check_schema(place: str, schema: pa.Schema) -> None:
    """Refuse types that would change on their way through the engine into Parquet.

    Args:
        place: `source.table`.
        schema: As the connector declares it.

    Raises:
        DataError: Naming the column and what to land instead.
    """
    if not len(schema):
        raise DataError(f"{place}: the table has no columns")
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{place}: two columns have the name {twice!r}", hint="rename one at the source, or read a view")
    for field in schema:
        problem = _problem(field.type)
        if problem:
            raise DataError(
                f"{place}.{field.name}: {field.type} cannot be landed: {problem}",
                hint="the connector has to land it as text",
                code="unsupported_type",
            )


def _problem(kind: pa.DataType) -> str | None:
    import pyarrow as pa

    types = pa.types
    if types.is_decimal256(kind):
        return "the engine reads more than 38 digits as DOUBLE"
    if types.is_null(kind):
        return "a column needs a type"
    if types.is_duration(kind) or types.is_interval(kind):
        return "Parquet loses microseconds of intervals"
    if types.is_time64(kind) and kind.unit == "ns":
        return "the engine cuts times to microseconds"
    if types.is_timestamp(kind) and kind.unit == "ns" and kind.tz:
        return "the engine cuts zoned timestamps to microseconds"
    if types.is_float16(kind):
        return "the engine has no half floats"
    if types.is_nested(kind):
        children = [kind.field(at) for at in range(kind.num_fields)]
        return next((found for child in children if (found := _problem(child.type))), None)
    return None


def landing_names(names: Iterable[str]) -> dict[str, str]:
    """Names under which columns land, where their own cannot be kept.

    The engine compares names without case, and some names are ours: such a column gets `_2`, `_3`, ... appended. It takes
    no empty names, no zero bytes and nothing but Unicode: such a column gets a name like its own.

    Args:
        names: The source's columns.

    Returns:
        Source name to landed name, for those that change.
    """
    everything = list(names)
    taken = {name.casefold() for name in METADATA_COLUMNS}
    reserved = taken | {name.casefold() for name in everything}
    renamed = {}
    for number, name in enumerate(everything, 1):
        usable = name.replace("\0", "_").encode("utf-8", "backslashreplace").decode() or f"column{number}"
        if usable.casefold() in (taken if usable == name else reserved):
            usable = next(free for again in count(2) if (free := f"{usable}_{again}").casefold() not in reserved)
        if usable != name:
            renamed[name] = usable
            reserved.add(usable.casefold())
            taken.add(usable.casefold())
        taken.add(name.casefold())
    return renamed


def checked(
    place: str, schema: pa.Schema, target: pa.Schema, batches: Iterable[pa.RecordBatch], progress: Callable[[int], None]
) -> Iterator[pa.RecordBatch]:
    """Pass on batches that are what the schema says, under their landing names.

    Args:
        place: `source.table`.
        schema: As the connector declared it.
        target: The same types under the names that land.
        batches: The connector's.
        progress: Told the rows of each batch.

    Raises:
        DataError: A batch has other columns or types, a NULL where the schema forbids it, or a value that the engine cannot hold.
    """
    import pyarrow as pa

    for batch in batches:
        if not isinstance(batch, pa.RecordBatch):
            raise DataError(f"{place}: the connector yielded a {type(batch).__name__}, not an Arrow record batch")
        if batch.schema.names != schema.names or batch.schema.types != schema.types:
            raise DataError(f"{place}: a batch has the columns ({_columns(batch.schema)}), the schema says ({_columns(schema)})")
        for field, column in zip(schema, batch.columns, strict=True):
            if not field.nullable and column.null_count:
                raise DataError(f"{place}.{field.name}: NULL in a column that the schema declares as NOT NULL")
            if pa.types.is_timestamp(field.type):
                _check_earliest(place, field.name, column)
            try:
                column.validate(full=True)
            except pa.ArrowException as error:
                raise DataError(f"{place}.{field.name}: the connector made a column that is no {field.type}: {error}") from error
        if batch.num_rows:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=target)
            progress(batch.num_rows)


def _check_earliest(place: str, name: str, column: pa.Array) -> None:
    """A timestamp of INT64_MIN is no moment; DuckDB closes the connection over it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    minimum = pc.min(column.view(pa.int64())).as_py()
    if minimum == _EARLIEST:
        raise DataError(f"{place}.{name}: a timestamp is the smallest 64 bit integer, which is no moment", hint="land the column as text")


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
