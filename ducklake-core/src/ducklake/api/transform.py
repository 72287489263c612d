"""Transforms: what a transform plugin subclasses. A transform is a SELECT over its input, or Python over Arrow."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ducklake.api.options import Configured, Options
from ducklake.api.tables import Relation, Schema, TableRef

if TYPE_CHECKING:
    import pyarrow as pa

OptionsT = TypeVar("OptionsT", bound=Options)


@dataclasses.dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the catalog knows of a table.

    Attributes:
        rows: Its rows.
        nulls: NULLs, a column.
        distinct: Approximate number of distinct values, a column.
    """

    rows: int
    nulls: Mapping[str, int] = dataclasses.field(default_factory=dict)
    distinct: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class TransformContext:
    """What core lends to a transform while it compiles.

    Attributes:
        describe: Binds a SELECT over the inputs and returns its schema, without running it.
        tables: The relations of the tables named by `reads`, in that order.
        statistics: Of the step's source table where it is known and unchanged by earlier steps, else None.
    """

    describe: Callable[[str], Schema]
    tables: Mapping[TableRef, Relation] = dataclasses.field(default_factory=dict)
    statistics: TableStatistics | None = None


class _Transform(Configured, abc.ABC, Generic[OptionsT]):
    """What both kinds of transform share: `name`, `Options`, `reads`.

    Args:
        options: The step's block in YAML, validated by `Options`.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    def reads(self) -> Sequence[TableRef]:
        """Tables of the lake that the step reads besides its input; they become dependencies."""
        return ()


class Transform(_Transform[OptionsT]):
    """A transform written as SQL; chains of them become one statement.

    Attributes:
        name: The word for `type:` in a pipeline's `transforms`.
        Options: The model of the step's other keys, by default that in the brackets behind the base class.
        capabilities: Words such as `several_inputs` (the step takes all of the pipeline's `sources`).
    """

    @abc.abstractmethod
    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """The SELECT of this step, in DuckDB's dialect.

        Args:
            inputs: The step before (`inputs[0]`); for the first step all of the pipeline's sources.
            context: What core lends.

        Returns:
            One SELECT that reads `inputs[i].sql` and nothing else but `context.tables`. Quote names with
            `ducklake.api.sql.quote`, write values with `ducklake.api.sql.literal`.

        Raises:
            UnknownColumn: An option names a column that the input lacks.
        """

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The columns that come out; by default what the engine binds.

        Args:
            inputs: As for `to_sql`.
            context: What core lends.

        Raises:
            UnknownColumn: An option names a column that the input lacks.
        """
        return context.describe(self.to_sql(inputs, context))


class PythonTransform(_Transform[OptionsT]):
    """A transform written in Python over Arrow batches; for what SQL cannot say."""

    @abc.abstractmethod
    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The columns that come out; the batches of `apply` must have them.

        Args:
            inputs: The step before.
            context: What core lends.
        """

    @abc.abstractmethod
    def apply(self, batches: Iterable[pa.RecordBatch], context: TransformContext) -> Iterator[pa.RecordBatch]:
        """Turn the rows of the step before into those of this step.

        Args:
            batches: The input, read once.
            context: What core lends.

        Yields:
            Batches with the columns of `output`.
        """


AnyTransform = Transform[Any] | PythonTransform[Any]
