"""Whether a pipeline would publish what is published already: by what went into it, never by dates."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.parse import SqlSyntaxError, volatile_words
from ducklake.layers.scan import read_files
from ducklake.plan.checks import CHECKED, expressions
from ducklake.plan.model import PipelinePlan, SqlStage, Stage

if TYPE_CHECKING:
    from ducklake.api.tables import Schema
    from ducklake.catalog.queries import LakeSnapshot
    from ducklake.plan.load import LoadedPipeline

VOLATILE = "volatile"
"""The capability of steps and checks in Python that may give another result for the same input."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """Whether a pipeline has anything to do.

    Attributes:
        needed: Whether it has to run.
        why: For people.
    """

    needed: bool
    why: str


def ingredients(pipeline: LoadedPipeline, stages: Sequence[Stage]) -> dict[str, str]:
    """Digests of what a pipeline is made of, apart from its tables.

    Args:
        pipeline: With its plugins.
        stages: What its steps were compiled into.
    """
    settings = [[check.type, *check.options] for check in map(_CheckSettings, pipeline.checks)]
    plugins = {step.plugin.title for step in pipeline.steps} | {check.plugin.title for check in pipeline.checks}
    sources = [_source(type(step.transform)) for step in pipeline.steps] + [_source(type(check.check)) for check in pipeline.checks]
    destination = pipeline.config.destination
    return {
        "steps": _digest([_statements(stage) for stage in stages], [str(step.transform.options) for step in pipeline.steps]),
        "checks": _digest(settings),
        "destination": _digest(destination.format, destination.mode),
        "plugins": _digest(sorted(plugins), sources),
    }


def volatile_parts(pipeline: LoadedPipeline, stages: Sequence[Stage], schema: Schema) -> tuple[str, ...]:
    """What gives another result each time, although the tables are the same.

    Args:
        pipeline: With its plugins.
        stages: What its steps were compiled into.
        schema: The columns that its checks look at.
    """
    from ducklake.api.sql import quote
    from ducklake.api.tables import Relation

    found = [word for stage in stages if isinstance(stage, SqlStage) for word in _words(stage.sql)]
    found += [f"step {step.number} {step.type}" for step in pipeline.steps if VOLATILE in step.transform.capabilities]
    relation = Relation(quote(CHECKED), schema, CHECKED)
    for check in pipeline.checks:
        found += [word for expression in expressions(check, relation) for word in _words(f"SELECT {expression}")]
        if VOLATILE in check.check.capabilities:
            found.append(f"check {check.planned.number} {check.planned.type}")
    return tuple(dict.fromkeys(found))


def fingerprint(plan: PipelinePlan, tables: LakeSnapshot, engine: str, settings: Mapping[str, Any]) -> str | None:
    """What a version of a pipeline's table is made of, as text to be kept beside it; None if a table is not there.

    Args:
        plan: The pipeline.
        tables: The lake.
        engine: Name and version.
        settings: Those that show in the files.
    """
    inputs = {}
    for item in plan.inputs:
        table = tables.get(item.ref)
        if table is None:
            return None
        # In the order of the catalog: what a step makes of ties may depend on it.
        inputs[str(item.ref)] = _digest([file.sha256 for file in read_files(table, item.selection)], str(item.selection))
    return json.dumps({**plan.ingredients, "engine": engine, "settings": _digest(settings), "inputs": inputs}, sort_keys=True)


def decide(plan: PipelinePlan, tables: LakeSnapshot, now: str | None, *, forced: bool = False) -> Decision:
    """Whether a pipeline has to run.

    Args:
        plan: The pipeline.
        tables: The lake.
        now: Its fingerprint as it would be.
        forced: Run in any case.
    """
    current = tables.get(plan.destination)
    if current is None:
        return Decision(True, "it has not been published yet")
    if forced:
        return Decision(True, "a full refresh was asked for")
    if plan.volatile:
        return Decision(True, f"it depends on {', '.join(plan.volatile)}, so it runs each time")
    if now is None or not current.fingerprint:
        return Decision(True, f"nothing is known of what went into version {current.version}")
    if now == current.fingerprint:
        return Decision(False, f"nothing has changed since version {current.version} was published")
    return Decision(True, f"since version {current.version}: {'; '.join(_changes(json.loads(current.fingerprint), json.loads(now)))}")


_WORDS = {
    "steps": "its steps have changed",
    "checks": "its checks have changed",
    "destination": "its destination has changed",
    "plugins": "plugins have changed",
    "settings": "settings have changed",
}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    old, new = before.get("inputs", {}), now["inputs"]
    for table in new:
        if old.get(table) != new[table]:
            yield f"{table} has changed" if table in old else f"{table} is read too"
    for key, words in _WORDS.items():
        if before.get(key) != now.get(key):
            yield words
    if before.get("engine") != now["engine"]:
        yield f"the engine is {now['engine']} instead of {before.get('engine')}"
    if set(old) - set(new):
        yield f"{', '.join(sorted(set(old) - set(new)))} is not read any more"


class _CheckSettings:
    def __init__(self, check: Any) -> None:
        planned = check.planned
        self.type = planned.type
        self.options = (str(check.check.options), planned.severity, planned.max_failures, planned.max_fraction)


def _statements(stage: Stage) -> list[Any]:
    return [stage.sql] if isinstance(stage, SqlStage) else [stage.transform, stage.schema.to_json()]


def _words(sql: str) -> tuple[str, ...]:
    try:
        return volatile_words(sql)
    except SqlSyntaxError:
        return ("an expression that cannot be looked into",)


@functools.lru_cache(maxsize=512)
def _source(kind: type) -> str:
    """The code of a plugin's module: an in-house plugin changes without a version."""
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
