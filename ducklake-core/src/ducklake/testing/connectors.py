"""Reading a connector's table the way core does, without a lake around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.connector import Connector
    from ducklake.api.extraction import Extraction


def read_table(connector: Connector[Any], table: str, **request: Any) -> pa.Table:
    """All rows that one full extraction of a table delivers.

    Args:
        connector: An instance over a `connector_context`.
        table: A name out of the session's `tables`.
        **request: Further fields of `ExtractRequest`.

    Raises:
        AssertionError: A batch differs from the schema that the connector has announced.
    """
    import pyarrow as pa

    from ducklake.api.extraction import ExtractRequest, ReadAgain

    with connector.open([table]) as session:
        try:
            extraction = session.extract(ExtractRequest(table, **request))
            if extraction.relation is not None:
                return _of_relation(connector, extraction)
        except ReadAgain as again:  # as core does
            return read_table(connector, table, **{**request, "as_text": frozenset(again.columns)})
        schema = extraction.schema

        def batches() -> Iterator[pa.RecordBatch]:
            for stream in extraction.streams:
                for batch in stream:
                    assert batch.schema.equals(schema), f"a batch has {batch.schema}, announced was {schema}"
                    yield batch

        return pa.Table.from_batches(batches(), schema)


def _of_relation(connector: Connector[Any], extraction: Extraction) -> pa.Table:
    from ducklake.api.sql import quote_path
    from ducklake.api.tables import TableRef

    ref = TableRef("raw", "testing", "rows")
    engine = connector.context.engine
    with translating(extraction):
        engine.keep(ref, extraction.relation or "")
    return engine.stream(f"SELECT * FROM {quote_path(ref.layer, ref.domain, ref.table)}").read_all()


@contextlib.contextmanager
def translating(extraction: Extraction) -> Iterator[None]:
    """Raise what the extraction makes of the engine's error while its relation is read.

    Args:
        extraction: Whose relation it is.
    """
    from ducklake.api.engine import EngineError

    try:
        yield
    except EngineError as error:
        better = extraction.translate_error(error) if extraction.translate_error else None
        if better:
            raise better from error
        raise
