"""What core asks of a source and what a source answers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Mode = Literal["full", "incremental"]


@dataclasses.dataclass(frozen=True, slots=True)
class ExtractRequest:
    """One table to read.

    Attributes:
        table: Its name, as `Session.tables` spells it.
        mode: `full` reads everything; `incremental` what is new since `state`.
        batch_size: Rows a batch; a guide, not a rule.
        key_column: The cursor column of an incremental extraction.
        lookback: How far an increment reads behind the watermark: a duration for keys that are times, a number for those
            that are numbers; None is the connector's default.
        state: What the last extraction of this table returned, or None. An opaque JSON document.
        batch_bytes: Upper guide for the bytes of one batch, so that wide rows stay within memory.
    """

    table: str
    mode: Mode = "full"
    batch_size: int = 50_000
    key_column: str | None = None
    lookback: dt.timedelta | decimal.Decimal | None = None
    state: Mapping[str, Any] | None = None
    batch_bytes: int = 32 * 2**20


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """Says that an increment reads rows again that may have landed before: core lands only the surplus.

    Rows are compared as a multiset with what raw holds in the same range, so that true duplicates are kept.

    Attributes:
        column: The key column, as the source spells it.
        low: The lowest key that was read, as text that casts to the type in which the key landed; rows without a
            key were read too. None compares with everything that has landed in this epoch.
    """

    column: str
    low: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Extraction:
    """The rows of one table: either `streams` of Arrow batches with their `schema`, or a `relation`.

    Attributes:
        schema: The Arrow schema that every batch of `streams` has.
        streams: One or several sources of record batches, together the whole table.
        relation: A SELECT in DuckDB's dialect that the engine runs itself (files).
        source_types: The type that the source declares, a column.
        state: What to hand to the next extraction, committed with the files. JSON only: text, numbers as text.
        overlap: Given where an increment may repeat rows; None where it cannot.
        notes: Remarks for the catalog and the user, for example `column x lands as text: money`.
        translate_error: Turns an engine error while reading `relation` into one that names the
            source's own place (a file and its line); returns None where it has nothing to add.
        verify: Called once after all rows were read and before anything is committed; raises where what
            was read cannot be trusted (a file that changed meanwhile), and then nothing lands.
    """

    schema: pa.Schema | None = None
    streams: Sequence[Iterable[pa.RecordBatch]] = ()
    relation: str | None = None
    source_types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    overlap: Overlap | None = None
    notes: tuple[str, ...] = ()
    translate_error: Any = None
    verify: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if (self.relation is None) == (self.schema is None):
            raise ValueError("an Extraction has either schema and streams, or a relation")
