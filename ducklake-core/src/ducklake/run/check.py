"""Running a pipeline's checks over what it is about to publish: all aggregates in one scan."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ducklake.api.engine import EngineError, EngineSession
from ducklake.api.options import OptionError
from ducklake.api.quality import CheckResult
from ducklake.api.results import CheckOutcome
from ducklake.api.sql import quote
from ducklake.api.tables import Relation, UnknownColumn
from ducklake.errors import BindError, StepError
from ducklake.plan.load import LoadedCheck
from ducklake.plan.problems import step_problem
from ducklake.run.guard import engine_failure, guarded

SAMPLE_ROWS = 5
SAMPLE_WIDTH = 200
"""So many failing rows are kept a check, with so many characters a value."""


@dataclasses.dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found, with the values behind it.

    Attributes:
        outcome: For the catalog and the command's result.
        metrics: For observers, JSON only.
        samples: A few rows that violate it, as text.
    """

    outcome: CheckOutcome
    metrics: Mapping[str, Any]
    samples: tuple[Mapping[str, str | None], ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether nothing may be published."""
        return not self.outcome.passed and self.outcome.severity == "error"


def run_checks(session: EngineSession, relation: Relation, checks: Sequence[LoadedCheck], pipeline: str, rows: int) -> list[CheckReport]:
    """Run all checks of a pipeline, also after one has failed.

    Args:
        session: In which the relation can be read.
        relation: The rows that would be published.
        checks: Out of `plan.load.load_checks`.
        pipeline: Its name, for messages.
        rows: How many rows those are.

    Returns:
        A report a check, in their order.

    Raises:
        BindError: A check does not go with the columns.
        DataError: The engine could not finish.
        StepError: A plugin raised, or its check is no check.
    """
    asked = [_asked(check, relation, pipeline) for check in checks]
    values = _aggregates(session, relation, checks, asked, pipeline)
    reports = []
    for check, found, (_, query) in zip(checks, values, asked, strict=True):
        if query:
            found |= _single_row(session, query, check, pipeline)
        with guarded(check.plugin, _place(check, pipeline)):
            result = check.check.evaluate(found, rows)
        if not isinstance(result, CheckResult):
            raise StepError(f"{_place(check, pipeline)}: {check.plugin.title} returned {type(result).__name__}, not a CheckResult")
        if not isinstance(result.failed_rows, int) or result.failed_rows < 0:
            raise StepError(f"{_place(check, pipeline)}: {check.plugin.title} counted {result.failed_rows!r} failed rows")
        samples = _samples(session, relation, check, pipeline) if result.failed_rows else ()
        reports.append(dataclasses.replace(_report(check, result, rows), samples=samples))
    return reports


def _asked(check: LoadedCheck, relation: Relation, pipeline: str) -> tuple[Mapping[str, str], str | None]:
    """The aggregates and the query of a check."""
    with guarded(check.plugin, _place(check, pipeline)), _bound(check, relation):
        return dict(check.check.metrics(relation)), check.check.query(relation)


def _aggregates(
    session: EngineSession,
    relation: Relation,
    checks: Sequence[LoadedCheck],
    asked: Sequence[tuple[Mapping[str, str], str | None]],
    pipeline: str,
) -> list[dict[str, Any]]:
    """The values of all aggregates, by one scan; only if it fails one by one, to find the check to blame."""
    expressions = [expression for metrics, _ in asked for expression in metrics.values()]
    if not expressions:
        return [{} for _ in asked]
    try:
        row = iter(_scan(session, relation, expressions))
    except EngineError:
        row = iter(
            [
                value
                for check, (metrics, _) in zip(checks, asked, strict=True)
                for value in _alone(session, relation, check, metrics, pipeline)
            ]
        )
    return [{name: next(row) for name in metrics} for metrics, _ in asked]


def _alone(session: EngineSession, relation: Relation, check: LoadedCheck, metrics: Mapping[str, str], pipeline: str) -> Sequence[Any]:
    with _engine(check, pipeline):
        return _scan(session, relation, list(metrics.values())) if metrics else ()


def _scan(session: EngineSession, relation: Relation, expressions: Sequence[str]) -> Sequence[Any]:
    # Aliases keep two equal expressions apart.
    listed = ",\n    ".join(f"{expression} AS {quote(f'metric_{number}')}" for number, expression in enumerate(expressions, start=1))
    return session.fetch(f"SELECT\n    {listed}\nFROM {relation.sql}")[0]


def _single_row(session: EngineSession, query: str, check: LoadedCheck, pipeline: str) -> dict[str, Any]:
    with _engine(check, pipeline):
        names = session.describe(query).names
        rows = session.fetch(query)
    if len(rows) != 1:
        raise StepError(f"{_place(check, pipeline)}: its query gave {len(rows)} rows instead of one")
    return dict(zip(names, rows[0], strict=True))


def _samples(session: EngineSession, relation: Relation, check: LoadedCheck, pipeline: str) -> tuple[Mapping[str, str | None], ...]:
    """A few of the rows that fail, their values shortened."""
    with guarded(check.plugin, _place(check, pipeline)), _bound(check, relation):
        select = check.check.sample(relation)
    if select is None:
        return ()
    with _engine(check, pipeline):
        names = session.describe(select).names
        shortened = ", ".join(f"left(CAST({quote(name)} AS VARCHAR), {SAMPLE_WIDTH}) AS {quote(name)}" for name in names)
        rows = session.fetch(f"SELECT {shortened} FROM ({select}) LIMIT {SAMPLE_ROWS}")
    return tuple(dict(zip(names, row, strict=True)) for row in rows)


def _report(check: LoadedCheck, result: CheckResult, rows: int) -> CheckReport:
    planned = check.planned
    passed = planned.tolerates(result.failed_rows, rows)
    details = result.details
    if passed and result.failed_rows:
        allowed = planned.max_failures if planned.max_failures is not None else f"{planned.max_fraction:.6g} of all"
        details = f"{details or f'{result.failed_rows} of {rows} rows'}, tolerated up to {allowed}"
    outcome = CheckOutcome(planned.type, planned.columns, planned.severity, passed, result.failed_rows, details)
    return CheckReport(outcome, dict(result.metrics))


def _place(check: LoadedCheck, pipeline: str) -> str:
    return f"pipeline {pipeline}, check {check.planned.number} ({check.planned.type})"


@contextlib.contextmanager
def _bound(check: LoadedCheck, relation: Relation) -> Iterator[None]:
    """A check that does not go with the columns, told with file and line."""
    try:
        yield
    except (UnknownColumn, OptionError) as error:
        raise BindError(problems=[step_problem(check.node, error, check.plugin, relation.schema.names)]) from error


@contextlib.contextmanager
def _engine(check: LoadedCheck, pipeline: str) -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        raise engine_failure(_place(check, pipeline), error) from error
