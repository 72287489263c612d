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
InvalidPolicy = Literal["fail", "text", "null"]
"""What becomes of a value that its column's lake type cannot hold: an error, the whole column as text, or NULL (counted in a note)."""

Verify = Literal["count", "full", "off"]
"""How a connector proves that what landed is what the source held: rows counted, a checksum a column besides, or not at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """How much of a key one extraction of a first load takes at most.

    Attributes:
        months: Calendar months, for keys that are times.
        span: A duration besides.
        step: For keys that are numbers; then the others are zero.
    """

    months: int = 0
    span: dt.timedelta = dt.timedelta(0)
    step: decimal.Decimal | None = None


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
        columns: Only these of the table's columns; empty means all.
        exclude: All but these.
        where: A condition in the source's own dialect; rows for which it does not hold are not read.
        query: A SELECT in the source's own dialect that is read instead of a table called `table`.
        parallel: At most so many connections for one table; None lets the connector decide.
        window: How much of the key one extraction takes while a table is loaded for the first time.
        one_snapshot: All tables of the session are to be read in one snapshot.
        on_invalid: What becomes of values that do not fit, a column; `*` stands for all others.
        verify: How what landed is proved.
        as_text: Columns to deliver as text, because a `ReadAgain` asked for it.
    """

    table: str
    mode: Mode = "full"
    batch_size: int = 50_000
    key_column: str | None = None
    lookback: dt.timedelta | decimal.Decimal | None = None
    state: Mapping[str, Any] | None = None
    batch_bytes: int = 32 * 2**20
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: str | None = None
    query: str | None = None
    parallel: int | None = None
    window: Window | None = None
    one_snapshot: bool = False
    on_invalid: Mapping[str, InvalidPolicy] = dataclasses.field(default_factory=dict)
    verify: Verify = "count"
    as_text: frozenset[str] = frozenset()

    def policy(self, column: str) -> InvalidPolicy:
        """What becomes of values of a column that do not fit.

        Args:
            column: Its name at the source.
        """
        return self.on_invalid.get(column, self.on_invalid.get("*", "fail"))


class ReadAgain(Exception):
    """Raised by a stream: the table has to be read again with some columns as text (`on_invalid: text`).

    `Extraction.translate_error` may raise it too, where a column's type was only likely and a value does not fit it.

    Args:
        *columns: Their names at the source.
    """

    def __init__(self, *columns: str) -> None:
        super().__init__(", ".join(columns))
        self.columns = columns


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
class Landed:
    """What was written of an extraction before it counts, for `Extraction.prove`.

    Attributes:
        rows: Rows as they were read, also those of an overlap that have landed before.
        nulls: NULLs a column by its name at the source, as far as the writer counted them.
        aggregate: Takes expressions in DuckDB's dialect over the columns `c0`, `c1`, ... in the order of the schema, and
            returns their values over the written files.
    """

    rows: int
    nulls: Mapping[str, int]
    aggregate: Callable[[Sequence[str]], tuple[Any, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Extraction:
    """The rows of one table: either `streams` of Arrow batches with their `schema`, or a `relation`.

    Attributes:
        schema: The Arrow schema that every batch of `streams` has.
        streams: One or several sources of record batches, together the whole table.
        relation: A SELECT in DuckDB's dialect that the engine runs itself (files).
        source_types: The type that the source declares, a column.
        state: What to hand to the next extraction, committed with the files. JSON only: text, numbers as text. It is read once
            `verify` has returned, so that may still put in what is known only after reading.
        overlap: Given where an increment may repeat rows; None where it cannot.
        notes: Remarks for the catalog and the user, for example `column x lands as text: money`.
        translate_error: Turns an engine error while reading `relation` into one that names the
            source's own place (a file and its line); returns None where it has nothing to add.
        verify: Called once after all rows were read and before anything is committed; raises where what
            was read cannot be trusted (a file that changed meanwhile), and then nothing lands.
        prove: Called after `verify` with what was written; raises where it is not what the source held, and then nothing lands.
        remarks: Called after all rows were read: further notes, of what only reading shows.
        more: The source holds more than this window: core extracts again as soon as this one has been committed.
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
    prove: Callable[[Landed], None] | None = None
    remarks: Callable[[], Sequence[str]] | None = None
    more: bool = False

    def __post_init__(self) -> None:
        if (self.relation is None) == (self.schema is None):
            raise ValueError("an Extraction has either schema and streams, or a relation")
