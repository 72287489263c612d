"""What DuckLake expects of every quality check."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ducklake.testing.suites import HOSTILE_NAMES, Suite, check_class, refuses_unknown_options

if TYPE_CHECKING:
    from ducklake.api.engine import EngineSession
    from ducklake.api.quality import CheckResult, QualityCheck


@dataclasses.dataclass(frozen=True, slots=True)
class CheckCase:
    """A check, rows that pass it and rows that do not.

    Attributes:
        check: The class.
        options: Its options as in YAML; a function gets the name of `column`, which tests change.
        good: A SELECT of rows that pass.
        bad: A SELECT of rows that do not.
        failed_rows: How many rows of `bad` violate it.
        column: The column that the check looks at.
        cannot: Words to reasons: `let_nulls_pass` (for a check that is about NULLs).
    """

    check: type[QualityCheck[Any]]
    options: Mapping[str, Any] | Callable[[str], Mapping[str, Any]]
    good: str
    bad: str
    failed_rows: int
    column: str
    cannot: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def make(self, column: str | None = None) -> QualityCheck[Any]:
        """The check with its options.

        Args:
            column: Another name for `column`.
        """
        return self.check(self.check.Options.model_validate(dict(self.yaml(column))))

    def yaml(self, column: str | None = None) -> Mapping[str, Any]:
        """The options as in YAML.

        Args:
            column: Another name for `column`.
        """
        return self.options(column or self.column) if callable(self.options) else self.options


class CheckTests(Suite):
    """Right rows pass, wrong rows are counted, NULL and nothing are no violation."""

    case: ClassVar[CheckCase]

    def test_the_class_can_be_registered(self) -> None:
        """It has a plain name and options with descriptions."""
        check_class(self.case.check, "register_quality_checks")

    def test_options_that_do_not_exist_are_refused(self) -> None:
        """A misspelt key is an error."""
        refuses_unknown_options(self.case.check, self.case.yaml())

    def test_good_rows_pass(self, engine_session: EngineSession) -> None:
        """`good` has no failed rows."""
        assert self._run(engine_session, self.case.good).failed_rows == 0, "rows that should pass fail"

    def test_bad_rows_are_counted(self, engine_session: EngineSession) -> None:
        """`bad` has `failed_rows`, so that tolerances can be held against them."""
        found = self._run(engine_session, self.case.bad).failed_rows
        assert found == self.case.failed_rows, f"{found} failed rows instead of {self.case.failed_rows}"

    def test_rows_are_judged_one_by_one(self, engine_session: EngineSession) -> None:
        """With scope `rows`, twice as many rows have twice as many failures."""
        if self.case.check.scope != "rows":
            pytest.skip("its scope is the table, not the row")
        found = self._run(engine_session, f"({self.case.bad}) UNION ALL ({self.case.bad})").failed_rows
        assert found == 2 * self.case.failed_rows, f"{found} failed rows among twice the rows; is its scope the table?"

    def test_a_failure_says_something_in_one_line(self, engine_session: EngineSession) -> None:
        """The details are for people, the metrics are JSON."""
        result = self._run(engine_session, self.case.bad)
        assert result.details, "a failure without details"
        assert "\n" not in result.details, "details of several lines"
        try:
            json.dumps(dict(result.metrics))
        except TypeError as error:
            raise AssertionError(f"metrics that are no JSON: {error}") from error

    def test_an_empty_table_passes(self, engine_session: EngineSession) -> None:
        """Nothing is wrong with no rows."""
        found = self._run(engine_session, f"SELECT * FROM ({self.case.bad}) WHERE false").failed_rows
        assert found == 0, f"{found} failed rows in a table without rows"

    def test_nulls_pass(self, engine_session: EngineSession) -> None:
        """NULL passes every check but those about NULLs."""
        self.needs("let_nulls_pass", "")
        null = f"SELECT * REPLACE (NULL AS {_quoted(self.case.column)}) FROM ({self.case.good}) LIMIT 1"
        found = self._run(engine_session, f"({self.case.good}) UNION ALL ({null})").failed_rows
        assert found == 0, f"{found} failed rows, where only a NULL was added to rows that pass"

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_names_are_data(self, engine_session: EngineSession, name: str) -> None:
        """A column may be called anything."""
        if not callable(self.case.options):
            pytest.skip("the options of the case are no function of the column")
        renamed = f"SELECT * RENAME ({_quoted(self.case.column)} AS {_quoted(name)}) FROM ({self.case.bad})"
        found = self._run(engine_session, renamed, name).failed_rows
        assert found == self.case.failed_rows, f"{found} failed rows where the column is called {name!r}"

    def test_it_says_which_columns_it_looks_at(self, engine_session: EngineSession) -> None:
        """A column that is missing is found before anything runs."""
        named = [name.casefold() for name in self.case.make().columns()]
        assert self.case.column.casefold() in named, f"columns() does not name {self.case.column!r}"
        known = {column.name.casefold() for column in engine_session.describe(self.case.bad)}
        assert set(named) <= known, f"columns() names {sorted(set(named) - known)}, which the table of the case does not have"

    def _run(self, session: EngineSession, rows: str, column: str | None = None) -> CheckResult:
        from ducklake.testing.steps import run_check

        return run_check(session, self.case.make(column), rows)


def _quoted(name: str) -> str:
    from ducklake.api.sql import quote

    return quote(name)
