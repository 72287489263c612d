"""The checks that nearly every table needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from ducklake.api import CheckResult, OptionError, Options, QualityCheck, Relation
from ducklake.api.sql import columns as listed
from ducklake.api.sql import quote
from ducklake_checks_standard.values import as_literal, is_text

Columns = Annotated[list[str], Field(min_length=1)]


class NotNullOptions(Options):
    """Which columns."""

    columns: Annotated[Columns, Field(description="Columns in which no row may be NULL.")]


class NotNull(QualityCheck[NotNullOptions]):
    """No row is NULL in any of the columns."""

    name: ClassVar[str] = "not_null"
    Options: ClassVar[type[Options]] = NotNullOptions

    def columns(self) -> tuple[str, ...]:
        """The columns of the options."""
        return tuple(self.options.columns)

    def violation(self, relation: Relation) -> str:
        """A NULL in one of the columns."""
        return " OR ".join(f"{quote(name)} IS NULL" for name in _names(self, relation))

    def metrics(self, relation: Relation) -> Mapping[str, str]:
        """The rows with a NULL, and the NULLs a column."""
        names = _names(self, relation)
        nulls = {f"nulls.{name}": f"count(*) - count({quote(name)})" for name in names}
        rows = f"count(*) FILTER (WHERE {self.violation(relation)})" if len(names) > 1 else next(iter(nulls.values()))
        return {"failed_rows": rows, **nulls}

    def evaluate(self, values: Mapping[str, Any], rows: int) -> CheckResult:
        """Names the columns that hold NULLs."""
        failed = int(values["failed_rows"] or 0)
        nulls = {key.removeprefix("nulls."): int(count) for key, count in values.items() if key.startswith("nulls.") and count}
        where = ", ".join(f"{name} ({count})" if len(nulls) > 1 else name for name, count in nulls.items())
        return CheckResult(failed, f"{failed} of {rows} rows are NULL in {where}" if failed else "", dict(values))


class UniqueOptions(Options):
    """Which columns."""

    columns: Annotated[Columns, Field(description="Columns whose values, taken together, occur once. Rows with a NULL among them pass.")]


class Unique(QualityCheck[UniqueOptions]):
    """No two rows have the same values in the columns. The rows beyond the first of each are counted as failed."""

    name: ClassVar[str] = "unique"
    Options: ClassVar[type[Options]] = UniqueOptions
    scope: ClassVar[Literal["rows", "table"]] = "table"

    def columns(self) -> tuple[str, ...]:
        """The columns of the options."""
        return tuple(self.options.columns)

    def query(self, relation: Relation) -> str:
        """Group the rows: unlike counting distinct values this spills to disk."""
        names = _names(self, relation)
        return f"""
            SELECT coalesce(sum(n - 1), 0) AS failed_rows, count(*) AS repeated_values
            FROM (
                SELECT count(*) AS n
                FROM {relation.sql}
                WHERE {" AND ".join(f"{quote(name)} IS NOT NULL" for name in names)}
                GROUP BY {listed(names)}
                HAVING count(*) > 1
            )
        """

    def sample(self, relation: Relation) -> str:
        """Values that are repeated, and how often each occurs."""
        names = _names(self, relation)
        present = " AND ".join(f"{quote(name)} IS NOT NULL" for name in names)
        occurs = "occurs" if all(name.casefold() != "occurs" for name in names) else "occurs_rows"
        return f"SELECT {listed(names)}, count(*) AS {occurs} FROM {relation.sql} WHERE {present} GROUP BY ALL HAVING count(*) > 1"

    def evaluate(self, values: Mapping[str, Any], rows: int) -> CheckResult:
        """Says how many values are repeated."""
        failed, repeated = int(values["failed_rows"]), int(values["repeated_values"])
        names = ", ".join(self.options.columns)
        details = f"{failed} of {rows} rows repeat one of {repeated} values of {names}" if failed else ""
        return CheckResult(failed, details, {"failed_rows": failed, "repeated_values": repeated})


class ValidValuesOptions(Options):
    """Which column, and which values."""

    column: Annotated[str, Field(description="The column.")]
    values: Annotated[
        list[StrictBool | StrictInt | StrictFloat | StrictStr],
        Field(min_length=1, description="The values that it may have, compared in the column's type. NULL passes."),
    ]


class ValidValues(QualityCheck[ValidValuesOptions]):
    """Every value of the column is one of a list."""

    name: ClassVar[str] = "valid_values"
    Options: ClassVar[type[Options]] = ValidValuesOptions

    def columns(self) -> tuple[str, ...]:
        """The column of the options."""
        return (self.options.column,)

    def violation(self, relation: Relation) -> str:
        """A value that is not in the list."""
        column = relation.schema.require(self.options.column)
        allowed = [as_literal(value, column, "values", index) for index, value in enumerate(self.options.values)]
        return f"{quote(column.name)} NOT IN ({', '.join(allowed)})"

    def metrics(self, relation: Relation) -> Mapping[str, str]:
        """The rows, and one of the values."""
        return _with_example(self.violation(relation), relation.schema.require(self.options.column).name)

    def evaluate(self, values: Mapping[str, Any], rows: int) -> CheckResult:
        """Shows one of the values."""
        return _judged(values, rows, f"have another {self.options.column}")


class RangeOptions(Options):
    """Which column, and its bounds."""

    column: Annotated[str, Field(description="The column.")]
    min: Annotated[
        StrictInt | StrictFloat | StrictStr | None, Field(description="The least value that is right; dates as text.", examples=[0])
    ] = None
    max: Annotated[
        StrictInt | StrictFloat | StrictStr | None, Field(description="The greatest value that is right; dates as text.", examples=[100])
    ] = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self


class Range(QualityCheck[RangeOptions]):
    """Every value of the column lies between two bounds, which are themselves right. NULL passes."""

    name: ClassVar[str] = "range"
    aliases: ClassVar[tuple[str, ...]] = ("ranges",)
    Options: ClassVar[type[Options]] = RangeOptions

    def columns(self) -> tuple[str, ...]:
        """The column of the options."""
        return (self.options.column,)

    def violation(self, relation: Relation) -> str:
        """A value beyond a bound."""
        column = relation.schema.require(self.options.column)
        beyond = []
        for key, sign, bound in (("min", "<", self.options.min), ("max", ">", self.options.max)):
            if bound is None:
                continue
            if is_text(column) and not isinstance(bound, str):
                hint = f"cast {column.name} to a number in an earlier step"
                raise OptionError(f"column {column.name!r} is text and cannot be compared with the number {bound}", key, hint=hint)
            beyond.append(f"{quote(column.name)} {sign} {as_literal(bound, column, key)}")
        return " OR ".join(beyond)

    def metrics(self, relation: Relation) -> Mapping[str, str]:
        """The rows, and one of the values."""
        return _with_example(self.violation(relation), relation.schema.require(self.options.column).name)

    def evaluate(self, values: Mapping[str, Any], rows: int) -> CheckResult:
        """Shows one of the values."""
        return _judged(values, rows, f"have {self.options.column} out of range")


def _names(check: NotNull | Unique, relation: Relation) -> list[str]:
    """The check's columns as the table spells them, each once."""
    return list(dict.fromkeys(relation.schema.require(name).name for name in check.options.columns))


def _with_example(violation: str, name: str) -> dict[str, str]:
    return {
        "failed_rows": f"count(*) FILTER (WHERE {violation})",
        "example": f"CAST(min({quote(name)}) FILTER (WHERE {violation}) AS VARCHAR)",
    }


def _judged(values: Mapping[str, Any], rows: int, what: str) -> CheckResult:
    failed = int(values["failed_rows"] or 0)
    example = str(values["example"])
    shown = example if len(example) <= 40 else example[:37] + "..."
    return CheckResult(failed, f"{failed} of {rows} rows {what}, for example {shown!r}" if failed else "", dict(values))
