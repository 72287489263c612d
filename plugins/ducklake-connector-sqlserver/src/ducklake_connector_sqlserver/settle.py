"""From what the driver hands over to what lands, in columnar code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ducklake_connector_sql.policy import Converter, remarks_of

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.extraction import ExtractRequest
    from ducklake_connector_sqlserver.plans import ColumnPlan

REPLACEMENT = "\ufffd"
"""What drivers put in the place of half a surrogate pair, which is no character: texts with it are counted, and asked for afterwards."""


class Settler:
    """Settles the batches of one table.

    Args:
        place: `source.table`.
        plans: Its columns.
        request: With the policies for values that do not fit.
    """

    def __init__(self, place: str, plans: Sequence[ColumnPlan], request: ExtractRequest) -> None:
        import pyarrow as pa

        self.plans = plans
        self.schema = pa.schema([pa.field(plan.name, plan.type) for plan in plans])
        self.replaced = dict.fromkeys((plan.name for plan in plans if _may_hold_anything(plan)), 0)
        self._converters = [
            Converter(f"{place}.{plan.name}", plan.name, plan.type, request.policy(plan.name)) if plan.settle == "parse" else None
            for plan in plans
        ]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with the columns of `schema`.

        Args:
            batch: As the driver handed it over.

        Raises:
            DataError: A value does not fit, and the policy of its column is `fail`.
            ReadAgain: A value does not fit, and the policy is `text`.
        """
        import pyarrow as pa

        arrays = [self._settled(at, plan, batch.column(at)) for at, plan in enumerate(self.plans)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    @property
    def remarks(self) -> list[str]:
        """What became NULL."""
        return remarks_of([converter for converter in self._converters if converter is not None])

    def _settled(self, at: int, plan: ColumnPlan, array: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        match plan.settle:
            case "utc":
                return array.cast(plan.type)
            case "time":
                # Arrow reads no time without a day.
                return pc.binary_join_element_wise("1970-01-01", array, " ").cast(pa.timestamp("us")).cast(plan.type)
            case "unsigned":
                return array.view(pa.uint64())
            case "parse":
                converter = self._converters[at]
                assert converter is not None
                return converter(_trimmed(array, plan.type))
        if plan.name in self.replaced:
            self.replaced[plan.name] += _containing(array)
        return array


def _may_hold_anything(plan: ColumnPlan) -> bool:
    """Whether a column may hold texts that somebody wrote; not those that the server makes of numbers and times."""
    return plan.column.kind in ("nchar", "nvarchar", "ntext", "xml", "sql_variant")


def _containing(array: pa.Array) -> int:
    """How many texts hold U+FFFD; the whole batch is searched first, since there is hardly ever any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    data = array.buffers()[2]
    first, last = (array.offset, array.offset + len(array)) if data is not None else (0, 0)
    if data is None or not len(array):
        return 0
    offsets = pa.Array.from_buffers(pa.int32(), last + 1, [None, array.buffers()[1]])
    held = memoryview(data)[offsets[first].as_py() : offsets[last].as_py()]
    if bytes(held).find(REPLACEMENT.encode()) < 0:
        return 0
    return int(pc.sum(pc.match_substring(array, REPLACEMENT)).as_py() or 0)


def _trimmed(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """Times as text with what the target can hold at most: seven digits of which the last is zero become six."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_timestamp(target):
        return texts
    short = pc.replace_substring_regex(texts, r"(\.[0-9]{6})0$", r"\1")
    return pc.binary_join_element_wise(short, "+00", "") if target.tz is not None else short
