"""A plan, told to people and to scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ducklake.plan.model import PipelinePlan, PlannedCheck, PlannedInput, PlannedProbe, PythonStage, SqlStage
from ducklake.plan.statement import STREAMED


def explain(plan: PipelinePlan) -> dict[str, Any]:
    """The plan as `plan --json` prints it.

    Args:
        plan: A plan.
    """
    return plan.to_json()


def lines(plan: PipelinePlan) -> Iterator[str]:
    """The plan as `plan` prints it.

    Args:
        plan: A plan.
    """
    yield f"pipeline {plan.pipeline}" + (f": {plan.description}" if plan.description else "")
    for entry in plan.inputs:
        yield f"  reads      {_input(entry)}"
    if plan.upstream:
        yield f"  runs after {', '.join(plan.upstream)}"
    yield f"  publishes  {plan.destination} ({plan.format}, {plan.mode})"
    for check in plan.checks:
        yield f"  checks     {_check(check)}"
    if plan.decision:
        yield f"  a run      {'does nothing' if plan.decision == 'nothing' else 'publishes a new version'}: {plan.reason}"
    for note in plan.notes:
        yield f"  note       {note}"
    for number, stage in enumerate(plan.stages, start=1):
        yield ""
        yield f"-- {_title(stage, number if len(plan.stages) > 1 else None)}"
        if isinstance(stage, SqlStage):
            yield from stage.sql.splitlines()
            if stage.probe:
                yield from _probe(stage.probe, stage.sql)
    if plan.schema:
        yield ""
        yield "columns"
        width = max((len(name) for name in plan.schema.names), default=0)
        for column in plan.schema:
            yield f"  {column.name:<{width}}  {column.type}"


def _probe(probe: PlannedProbe, general: str) -> Iterator[str]:
    """What is looked for first, and what it changes; of each statement only what differs from the general one."""
    yield ""
    yield f"-- before that, step {probe.step} looks for {probe.question}:"
    yield from _difference(probe.sql, general)
    yield ""
    yield "-- if there are none, the statement is"
    yield from _difference(probe.none, general)
    yield ""
    yield f"-- if there are some, with up to {probe.max_fraction:.0%} of the rows of {probe.source}, it is"
    yield from _difference(probe.few, general)


def _difference(sql: str, general: str) -> Iterator[str]:
    lines, known = sql.replace(f" {STREAMED} (", " AS (").splitlines(), general.splitlines()
    same = next((at for at, (line, other) in enumerate(zip(lines, known, strict=False)) if line != other), len(lines))
    # Back to the beginning of the part in which they differ.
    begin = next((at for at in range(same, -1, -1) if at < len(lines) and lines[at].endswith(" AS (")), 0)
    yield from (["WITH ..."] if begin else [])
    yield from lines[begin:]


def _input(entry: PlannedInput) -> str:
    which = str(entry.selection) if entry.ref.layer == "raw" else None
    name = f"as {entry.alias}" if entry.alias not in (None, "input") else None
    more = ", ".join(word for word in (which, name) if word)
    return f"{entry.ref}{f' ({more})' if more else ''}"


def _check(check: PlannedCheck) -> str:
    tolerated = ""
    if check.max_failures is not None:
        tolerated = f", up to {check.max_failures} rows may fail"
    elif check.max_fraction is not None:
        tolerated = f", up to {check.max_fraction:.6g} of the rows may fail"
    held = "nothing is published if it fails" if check.severity == "error" else "only warns"
    return f"{check.type}({', '.join(check.columns)}): {held}{tolerated}"


def _title(stage: SqlStage | PythonStage, number: int | None) -> str:
    place = "statement" if number is None else f"stage {number}"
    if isinstance(stage, PythonStage):
        return f"{place}: step {stage.step} {stage.transform} in Python ({stage.plugin}), over Arrow batches"
    steps = f"steps {', '.join(stage.steps)}" if stage.steps else "rows as they are"
    return f"{place}: {steps}"
