"""Quality checks: what a check plugin subclasses."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

from ducklake.api.options import Configured, Options
from ducklake.api.tables import Relation

OptionsT = TypeVar("OptionsT", bound=Options)

Severity = Literal["error", "warn"]


@dataclasses.dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        failed_rows: Rows that violate it; 0 means that it passed.
        details: One line for people, for example `3 of 120 rows are NULL`.
        metrics: Values behind the verdict, JSON only.
    """

    failed_rows: int
    details: str = ""
    metrics: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class QualityCheck(Configured, abc.ABC, Generic[OptionsT]):
    """A rule that the rows of a table keep.

    Say what violates it, by one of three ways: `violation` (a predicate over one row), `metrics` (aggregates;
    those of all checks run in one scan), or `query` (a SELECT of its own, for what one scan cannot do).
    A predicate that is NULL is no violation: NULL passes every check but `not_null`.

    Args:
        options: The check's block in YAML, validated by `Options`; `severity`, `max_failures` and
            `max_fraction` are core's and not part of it.

    Attributes:
        name: The word for `type:` in a pipeline's `quality_checks`.
        aliases: Other words for it.
        Options: The model of the check's own keys, by default that in the brackets behind the base class.
        scope: `rows` if each row is right or wrong by itself, `table` if only the whole can be.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["rows", "table"]] = "rows"

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abc.abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at; they are looked up before anything runs."""

    def violation(self, relation: Relation) -> str | None:
        """A predicate that is TRUE for the rows that violate the rule, or None.

        Args:
            relation: The table as it would be published.
        """
        return None

    def metrics(self, relation: Relation) -> Mapping[str, str]:
        """Aggregates over the table, by name; by default the count of `violation`.

        Args:
            relation: The table as it would be published.
        """
        predicate = self.violation(relation)
        return {} if predicate is None else {"failed_rows": f"count(*) FILTER (WHERE {predicate})"}

    def query(self, relation: Relation) -> str | None:
        """A SELECT of one row whose columns are metrics, or None.

        Args:
            relation: The table as it would be published.
        """
        return None

    def evaluate(self, values: Mapping[str, Any], rows: int) -> CheckResult:
        """Judge.

        Args:
            values: The values of `metrics` and `query`, by name.
            rows: Rows of the table.
        """
        failed = int(values.get("failed_rows") or 0)
        return CheckResult(failed, f"{failed} of {rows} rows" if failed else "")
