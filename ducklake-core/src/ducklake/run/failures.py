"""Turning exceptions into results: one line, no secrets, the right exit code."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ducklake.api.engine import EngineError
from ducklake.api.results import TableResult
from ducklake.errors import DuckLakeError, InternalError, Problem
from ducklake.run.guard import engine_failure

if TYPE_CHECKING:
    from ducklake.config.references import Redactor
    from ducklake.run.context import RunContext


def failed_result(context: RunContext, error: BaseException, *, place: str, seconds: float) -> TableResult:
    """The result of a table that failed; the traceback goes to the log at level debug.

    Args:
        context: The lake.
        error: What was raised.
        place: `source.table` or the pipeline's name.
        seconds: How long it took.
    """
    found = as_ducklake_error(error, place)
    trace = context.redactor.redact(_traceback(error))
    context.log.debug("%s failed:\n%s", place, trace)
    return TableResult("error", error=redacted(context.redactor, found.problem), exit_code=type(found).exit_code, seconds=seconds)


def as_ducklake_error(error: BaseException, place: str) -> DuckLakeError:
    """Any exception as one of ours.

    Args:
        error: What was raised.
        place: `source.table` or the pipeline's name.
    """
    if isinstance(error, DuckLakeError):
        return error
    if isinstance(error, EngineError):
        return engine_failure(place, error)
    if isinstance(error, KeyboardInterrupt):
        return InternalError(f"{place}: interrupted", code="interrupted")
    return InternalError(f"{place}: {type(error).__name__}: {error}", hint="run again with -v and report the traceback")


def redacted(redactor: Redactor, problem: Problem) -> Problem:
    """A problem without secrets.

    Args:
        redactor: Knows the secrets.
        problem: Possibly with some.
    """
    hint = redactor.redact(problem.hint) if problem.hint else None
    return dataclasses.replace(problem, message=redactor.redact(problem.message), hint=hint)


@contextlib.contextmanager
def noted(context: RunContext) -> Iterator[None]:
    """Let the noting of a failure fail too (a full disk takes no note either): a warning is all.

    Args:
        context: The lake.
    """
    try:
        yield
    except Exception as error:
        context.log.warning("the failure could not be noted in the catalog: %s", context.redactor.redact(str(error)))


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
