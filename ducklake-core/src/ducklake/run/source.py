"""One source: open it once, resolve which of its tables are meant, extract them one after another."""

from __future__ import annotations

import dataclasses
import fnmatch
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import ConnectorContext
from ducklake.api.engine import EngineError
from ducklake.api.results import TableResult
from ducklake.errors import DataError, DuckLakeError, did_you_mean
from ducklake.plugins.limit import Worker
from ducklake.run.extract import SourceRun, extract_table
from ducklake.run.failures import failed_result
from ducklake.run.guard import guarded
from ducklake.run.retry import retrying

if TYPE_CHECKING:
    from ducklake.api.connector import Session
    from ducklake.api.tables import SourceTable
    from ducklake.plan.model import SourcePlan, TablePlan
    from ducklake.run.context import RunContext


def extract_source(
    context: RunContext,
    plan: SourcePlan,
    only: Sequence[str] = (),
    *,
    anew: bool = False,
    claim: Callable[[str | None], bool] = lambda table: True,
) -> Iterator[TableResult]:
    """Extract the tables of one source; a source that cannot be opened is one failed result.

    Args:
        context: The lake.
        plan: The source, its connector and what is to be extracted.
        only: Names or patterns of tables (`--table`); empty means all that the plan names.
        anew: Read everything, also what is extracted in increments.
        claim: Whether a table is this call's to extract; others may go through the same source at the same time.

    Yields:
        A result a table.
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        try:
            retries = min((table.retries for table in plan.tables), default=0)
            source, offered = retrying(lambda: _opened(context, plan, stack), retries, _again(context))
        except BaseException as error:
            result = failed_result(context, error, place=plan.source, seconds=time.monotonic() - begun)
            if claim("\0open"):
                yield dataclasses.replace(result, source=plan.source)
            if isinstance(error, KeyboardInterrupt):
                raise
            return
        for table, settings in _selected(plan, offered, only):
            if not claim(table):
                continue
            if settings is None:
                yield TableResult(
                    "empty",
                    source=plan.source,
                    table=table,
                    notes=(f"nothing matches {table!r}",) if table else ("the source has no tables",),
                )
            elif table is None or (table not in offered and not settings.is_query(table)):
                missing = DataError(
                    f"{plan.source}.{table}: no such table", hint=did_you_mean(str(table), offered, "tables"), code="no_such_table"
                )
                result = failed_result(context, missing, place=f"{plan.source}.{table}", seconds=0.0)
                yield dataclasses.replace(result, source=plan.source, table=table)
            elif (reason := _nameless(table)) is not None:
                shown = table.encode("utf-8", "backslashreplace").decode()
                nameless = DataError(
                    f"{plan.source}.{shown}: the table cannot land: {reason}", hint="rename it, or read a view", code="name"
                )
                result = failed_result(context, nameless, place=plan.source, seconds=0.0)
                yield dataclasses.replace(result, source=plan.source, table=shown)
            else:
                request = settings.asking_for(table)
                try:
                    if source.worker.abandoned:  # a table before was given up: its session is not to be used again
                        _leave(stack, source.worker)
                        source, _ = _opened(context, plan, stack)
                except BaseException as error:
                    result = failed_result(context, error, place=f"{plan.source}.{table}", seconds=0.0)
                    yield dataclasses.replace(result, source=plan.source, table=table)
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    continue
                yield extract_table(context, source, request, anew=anew, timeout=settings.timeout, retries=settings.retries)
        _leave(stack, source.worker)


def _again(context: RunContext) -> Callable[[DuckLakeError, float], None]:
    """Say that a source could not be opened, and when it is tried again."""

    def warn(error: DuckLakeError, wait: float) -> None:
        context.log.warning("%s; trying again in %.1f s", context.redactor.redact(error.problem.message), wait)

    return warn


def _leave(stack: ExitStack, worker: Worker) -> None:
    """Close a source; what a stuck thread still uses is left to it."""
    if worker.stuck:
        stack.pop_all()
    else:
        stack.close()


def _opened(context: RunContext, plan: SourcePlan, stack: ExitStack) -> tuple[SourceRun, list[str]]:
    """Open a source, and ask what tables it has; what has to be closed is left with the stack."""
    plugin = plan.connector.plugin
    limits = [table.timeout for table in plan.tables]
    limit = max((limit for limit in limits if limit), default=None) if all(limits) else None
    worker = Worker(threaded=any(limits))
    stack.callback(worker.close)
    engine = stack.enter_context(context.open_engine())
    lent = ConnectorContext(plan.source, context.root, engine, context.log.getChild(plan.source))

    def connect() -> tuple[Session, list[str]]:
        with guarded(plugin, plan.source):
            connector = plan.connector.cls(plan.options, lent)
            session = connector.open([table.name for table in plan.tables])
            session = session.__enter__()
            stack.push(_closing(context, plan, session, worker, limit))
            context.opened(session)
            return session, _names(session.tables())

    try:
        session, offered = worker.call(connect, plan.source, limit)
    except BaseException:
        _leave(stack, worker)
        raise
    return SourceRun(plan.source, plugin, session, engine, context.manager.writer("parquet").cls(), worker), offered


def _closing(context: RunContext, plan: SourcePlan, session: Session, worker: Worker, limit: float | None) -> Callable[..., None]:
    """Leaving the session: what has landed has landed, so a connector that fails at it is a warning."""

    def close(*error: Any) -> None:
        try:
            with guarded(plan.connector.plugin, plan.source):
                worker.call(lambda: session.__exit__(*error), plan.source, limit)
        except (DuckLakeError, EngineError) as failure:
            context.log.warning("%s: closing the source failed: %s", plan.source, context.redactor.redact(str(failure)))

    return close


def _names(tables: Iterable[SourceTable]) -> list[str]:
    names = [table.name for table in tables]
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"tables() gave the name {name!r}, which is no text")
    return names


def _nameless(name: str) -> str | None:
    """Why a table cannot be in the lake under its name."""
    if not name:
        return "its name is empty"
    if "\0" in name:
        return "its name holds a zero byte"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is no Unicode text"
    return None


def _selected(plan: SourcePlan, offered: Sequence[str], only: Sequence[str]) -> Iterator[tuple[str | None, TablePlan | None]]:
    """Each table that is meant with its settings; a pattern that matches nothing comes without settings."""
    done: set[str] = set()
    matched_only: set[str] = set()
    nothing = True
    # A table that is named comes before the patterns that match it too, so that its own settings hold.
    for table in sorted(plan.tables, key=lambda table: is_pattern(table.name)):
        names = matching(table.name, offered) if is_pattern(table.name) else [table.name]
        wanted = [name for name in names if not only or _wanted(name, only, matched_only)]
        for name in wanted:
            nothing = False
            if name not in done:
                done.add(name)
                yield name, table
        if not names and not only:
            nothing = False
            yield table.name, None
    for name in only:
        if name not in matched_only:
            nothing = False
            yield name, None if is_pattern(name) else plan.tables[0]
    if nothing:
        yield None, None


def _wanted(name: str, only: Iterable[str], matched: set[str]) -> bool:
    hits = [entry for entry in only if entry == name or (is_pattern(entry) and fnmatch.fnmatchcase(name, entry))]
    matched.update(hits)
    return bool(hits)


def is_pattern(name: str) -> bool:
    """Whether a name of `tables:` is a pattern.

    Args:
        name: As configured.
    """
    return any(char in name for char in "*?[")


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern matches, and one that is spelled like the pattern itself.

    Args:
        pattern: With `*`, `?` or `[...]`.
        names: What the source offers.
    """
    return [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
