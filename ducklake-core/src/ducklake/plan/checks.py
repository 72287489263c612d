"""Binding a pipeline's checks against the columns that it will publish."""

from __future__ import annotations

from collections.abc import Sequence

from ducklake.api.engine import EngineSession
from ducklake.api.sql import quote
from ducklake.api.tables import Relation, Schema
from ducklake.errors import Problem
from ducklake.plan.load import LoadedCheck
from ducklake.plan.problems import step_problem
from ducklake.plan.statement import select_nulls

CHECKED = "checked"


def check_problems(checks: Sequence[LoadedCheck], schema: Schema, session: EngineSession) -> list[Problem]:
    """What is wrong with the checks.

    All of them are bound and run in one statement over a single row of NULLs, which also finds bounds that no
    column of that type can have; only if it fails, one by one.

    Args:
        checks: Of a pipeline.
        schema: The columns that it publishes.
        session: Of the engine.
    """
    relation = Relation(quote(CHECKED), schema, CHECKED)
    problems: list[Problem] = []
    selects: list[tuple[LoadedCheck, list[str]]] = []
    for check in checks:
        try:
            for name in check.planned.columns:
                schema.require(name)
            selects.append((check, expressions(check, relation)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything
            problems.append(step_problem(check.node, error, check.plugin, schema.names))
    together = [expression for _, found in selects for expression in found]
    if together and _failure(together, schema, session) is not None:
        for check, found in selects:
            failure = _failure(found, schema, session) if found else None
            if failure is not None:
                problems.append(step_problem(check.node, failure, check.plugin, schema.names))
    return problems


def expressions(check: LoadedCheck, relation: Relation) -> list[str]:
    """Everything that a check asks of a table, as scalar expressions.

    Args:
        check: The check.
        relation: The table.
    """
    found = list(check.check.metrics(relation).values())
    query = check.check.query(relation)
    return [*found, f"(SELECT count(*) FROM (\n{query}\n))"] if query else found


def _failure(found: Sequence[str], schema: Schema, session: EngineSession) -> Exception | None:
    rows = f"WITH {quote(CHECKED)} AS ({select_nulls(schema)})"
    try:
        session.fetch(f"{rows} SELECT {', '.join(found)} FROM {quote(CHECKED)}")
    except Exception as error:
        return error
    return None
