"""The transform `filter`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ducklake.api import Options, Relation, Schema, TableRef, Transform, TransformContext, parse_expression


def _condition(text: str) -> str:
    """Refuse what is no single expression, or reads anything but columns and tables of the lake."""
    parse_expression(text).require(())
    return text


class FilterOptions(Options):
    """Which rows stay."""

    condition: Annotated[
        str,
        AfterValidator(_condition),
        Field(
            description="A condition in SQL over the columns of the step before. Rows for which it is not true go, also where it is NULL.",
            examples=["estado != 'DELETED'"],
        ),
    ]


class Filter(Transform[FilterOptions]):
    """Keeps the rows for which a condition is true."""

    name: ClassVar[str] = "filter"
    Options: ClassVar[type[Options]] = FilterOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"row_wise"})

    def reads(self) -> Sequence[TableRef]:
        """The tables of the lake that subqueries of the condition name."""
        return parse_expression(self.options.condition).tables

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """All columns of the rows that stay."""
        return f"SELECT *\nFROM {inputs[0].sql}\nWHERE {self.options.condition.strip()}"

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The input's columns."""
        return inputs[0].schema
