"""Sources made of plain Python: rows as mappings, whole tables or increments."""

from __future__ import annotations

import abc
import datetime as dt
import decimal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ducklake.api.connector import Connector, OptionsT, Session
from ducklake.api.extraction import Extraction, ExtractRequest, Overlap
from ducklake.api.tables import SourceTable

if TYPE_CHECKING:
    import pyarrow as pa

_LOOKBACK = dt.timedelta(minutes=15)
"""How far increments by a time read again unless `lookback` says otherwise: rows may appear later than their time says."""


class RowsConnector(Connector[OptionsT]):
    """A connector made of plain Python: declare tables and schemas, yield rows as mappings.

    Handy for small and odd sources; the rows pass through Python objects, so it is not for millions. Increments by `key_column`
    come with the word `incremental` in `capabilities`; `rows_since` saves reading everything for them.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"tables"})

    @abc.abstractmethod
    def schemas(self) -> Mapping[str, pa.Schema]:
        """The tables and the Arrow schema of each."""

    @abc.abstractmethod
    def rows(self, table: str) -> Iterable[Mapping[str, Any]]:
        """The rows of one table; a missing key is NULL, an unknown key is an error.

        Args:
            table: A name out of `schemas`.
        """

    def rows_since(self, table: str, key: str, low: Any) -> Iterable[Mapping[str, Any]]:
        """The rows whose key is at or above a value, and those without a key; in any order, and more rows do no harm.

        What has landed before is left out by core, also where it has the very key `low`.

        Args:
            table: A name out of `schemas`.
            key: One of its columns: the `key_column` of configuration.
            low: An int, Decimal, str, date or datetime, as the schema says.
        """
        return self.rows(table)

    def validate_connection(self) -> None:
        """Ask for the schemas."""
        self.schemas()

    def open(self, requests: Sequence[str]) -> Session:
        """Open a session over `schemas` and `rows`.

        Args:
            requests: Not needed here.
        """
        return _RowsSession(self)


class _RowsSession(Session):
    def __init__(self, connector: RowsConnector[Any]) -> None:
        self._connector = connector
        self._schemas = dict(connector.schemas())
        self._cancelled = False

    def tables(self) -> Sequence[SourceTable]:
        return [SourceTable(name) for name in self._schemas]

    def get_schema(self, table: str) -> pa.Schema:
        from ducklake.errors import DataError, did_you_mean

        if table not in self._schemas:
            source = self._connector.context.source
            raise DataError(f"{source}.{table}: no such table", hint=did_you_mean(table, self._schemas, "tables"))
        return self._schemas[table]

    def extract(self, request: ExtractRequest) -> Extraction:
        schema = self.get_schema(request.table)
        if request.mode == "full":
            return Extraction(schema=schema, streams=[self._batches(request, schema, self._connector.rows(request.table))])
        cursor = _Cursor.of(request, schema, f"{self._connector.context.source}.{request.table}")
        if cursor.low is None:
            rows = self._connector.rows(request.table)
        else:
            rows = self._connector.rows_since(request.table, cursor.column, cursor.value)
        batches = (cursor.take(batch) for batch in self._batches(request, schema, rows))
        # The state is complete once the stream has ended, which is when core looks at it.
        return Extraction(schema=schema, streams=[batches], state=cursor.state, overlap=cursor.overlap)

    def cancel(self) -> None:
        self._cancelled = True

    def _batches(self, request: ExtractRequest, schema: pa.Schema, found: Iterable[Mapping[str, Any]]) -> Iterator[pa.RecordBatch]:
        from itertools import islice

        from ducklake.errors import DataError

        rows = iter(found)
        while chunk := list(islice(rows, request.batch_size)):
            if self._cancelled:
                raise DataError(f"{self._connector.context.source}.{request.table}: cancelled")
            yield self._batch(request.table, chunk, schema)

    def _batch(self, table: str, rows: list[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
        import pyarrow as pa

        from ducklake.errors import DataError, did_you_mean

        place = f"{self._connector.context.source}.{table}"
        for row in rows:
            if unknown := row.keys() - set(schema.names):
                name = min(unknown)
                raise DataError(f"{place}.{name}: a row has a column that the schema lacks", hint=did_you_mean(name, schema.names))
        arrays = []
        for field in schema:
            try:
                arrays.append(pa.array([row.get(field.name) for row in rows], field.type))
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise DataError(f"{place}.{field.name}: a value does not fit {field.type}: {error}") from error
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Cursor:
    """How far the rows of a table have been read, by the values of one column.

    Args:
        column: The key.
        kind: Its Arrow type.
        watermark: The highest key so far, as text; None before the first row with one.
        low: Where reading begins; None reads everything.
        repeats: Whether rows may have landed before: also where none of them had a key.
    """

    def __init__(self, column: str, kind: pa.DataType, watermark: str | None, low: pa.Scalar | None, *, repeats: bool = False) -> None:
        self.column = column
        self.low = low
        self._repeats = repeats
        self._kind = kind
        # Committed as it is when the stream has ended.
        self.state: dict[str, Any] = {"column": column, "type": str(kind), "watermark": watermark}

    @classmethod
    def of(cls, request: ExtractRequest, schema: pa.Schema, place: str) -> _Cursor:
        """The cursor of a request, as far as the last extraction came.

        Raises:
            ConfigurationError: The key or the lookback is none that increments can go by.
            DataError: The last extraction went by another key.
        """
        from ducklake.errors import ConfigurationError, DataError, did_you_mean

        column = str(request.key_column)
        if column not in schema.names:
            raise ConfigurationError(
                f"{place}.{column}: no such column to extract by", hint=did_you_mean(column, schema.names, "columns"), code="no_such_column"
            )
        kind = schema.field(column).type
        if not _ordered(kind):
            raise ConfigurationError(
                f"{place}.{column}: a column of type {kind} cannot be a key_column",
                hint="choose a whole or decimal number, a date, a time or a text",
            )
        state = request.state
        if state is None:
            return cls(column, kind, None, None)
        if (state["column"], state["type"]) != (column, str(kind)):
            raise DataError(
                f"{place}: extracted by {state['column']} ({state['type']}) before, now by {column} ({kind})",
                hint="begin anew: ducklake extract --full",
            )
        seen = state["watermark"]
        low = None if seen is None else _back(seen, kind, request.lookback, f"{place}.{column}")
        return cls(column, kind, seen, low, repeats=True)

    @property
    def value(self) -> Any:
        """`low` as a Python object."""
        return _python(self.low) if self.low is not None else None

    @property
    def overlap(self) -> Overlap | None:
        """What core compares with rows that have landed."""
        return Overlap(self.column, None if self.low is None else _text(self.low)) if self._repeats else None

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that belong to the increment; the watermark goes up to the highest of them."""
        import pyarrow.compute as pc

        if self.low is not None:
            keys = batch.column(self.column)
            batch = batch.filter(pc.or_kleene(pc.is_null(keys), pc.greater_equal(keys, self.low)))
        highest = pc.max(batch.column(self.column))
        seen = self.state["watermark"]
        if highest.is_valid and (seen is None or pc.greater(highest, _scalar(seen, self._kind)).as_py()):
            self.state["watermark"] = _text(highest)
        return batch


def _ordered(kind: pa.DataType) -> bool:
    import pyarrow.types as of

    tests = (of.is_integer, of.is_decimal, of.is_date, of.is_timestamp, of.is_string, of.is_large_string)
    return any(test(kind) for test in tests)


def _text(value: pa.Scalar) -> str:
    """A key as text that gives the same key again, here and in the engine."""
    import pyarrow as pa

    return str(value.cast(pa.string()).as_py())


def _scalar(text: str, kind: pa.DataType) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(text, pa.string()).cast(kind)


def _python(value: pa.Scalar) -> Any:
    """As a Python object; of nanoseconds the whole microseconds, which lie below."""
    import pyarrow as pa

    if pa.types.is_timestamp(value.type) and value.type.unit == "ns":
        value = value.cast(pa.timestamp("us", value.type.tz), safe=False)
    return value.as_py()


def _back(watermark: str, kind: pa.DataType, lookback: dt.timedelta | decimal.Decimal | None, place: str) -> pa.Scalar:
    """The key from which an increment reads.

    Raises:
        ConfigurationError: The lookback does not go with the key.
    """
    import math

    import pyarrow as pa
    import pyarrow.types as of

    from ducklake.errors import ConfigurationError

    if lookback is None:
        lookback = _LOOKBACK if of.is_timestamp(kind) else decimal.Decimal(0)
    key = _scalar(watermark, kind)
    if not lookback:
        return key
    timed = of.is_timestamp(kind) or of.is_date(kind)
    if timed != isinstance(lookback, dt.timedelta) or of.is_string(kind) or of.is_large_string(kind):
        raise ConfigurationError(
            f"{place}: lookback {lookback} cannot be taken off a key of type {kind}",
            hint="a duration for times and dates, a number for numbers, none for texts",
            code="lookback",
        )
    if isinstance(lookback, dt.timedelta):
        return pa.scalar(_python(key) - (dt.timedelta(math.ceil(lookback / dt.timedelta(1))) if of.is_date(kind) else lookback), kind)
    return pa.scalar(_python(key) - (math.ceil(lookback) if of.is_integer(kind) else lookback), kind)
