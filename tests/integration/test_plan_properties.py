"""Whatever the names, rows and steps: the compiled statement, in each way that a probe may choose, gives what the steps give."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ducklake.api import EngineSession, Relation, Schema, TableRef, Transform, TransformContext
from ducklake.api.sql import literal, quote, quote_path
from ducklake.plan.load import load_pipeline
from ducklake.plan.model import SqlStage, probe_ref
from planning import make

NAMES = st.sampled_from(
    ["id", "select", "a b", 'quo"te', "it's", "ñandú", "日本", "order", "rows", "key", "__repeated", "x.y", "%", "step_1_rename", "input"]
)
VALUES = st.sampled_from([None, "", "a", "a ", "7", "07", "NULL", "'", '"', "ü", "b"])
TABLE = TableRef("raw", "shop", "t")


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], list[list[str | None]], list[dict[str, Any]]]:
    names = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    rows = draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), min_size=1, max_size=12))
    now, steps = list(names), []
    for kind in draw(st.lists(st.sampled_from(["rename", "cast", "filter", "deduplicate"]), min_size=1, max_size=4)):
        at = draw(st.integers(0, len(now) - 1))
        if kind == "rename":
            new = draw(NAMES)
            if new in now:
                continue
            steps.append({"type": "rename", "columns": {now[at]: new}})
            now[at] = new
        elif kind == "cast":
            steps.append({"type": "cast", "columns": {now[at]: "integer"}, "on_invalid": "null"})
            steps.append({"type": "cast", "columns": {now[at]: "varchar"}})
        elif kind == "filter":
            steps.append({"type": "filter", "condition": f"{quote(now[at])} <> {literal(draw(VALUES) or 'b')}"})
        else:
            steps.append({"type": "deduplicate", "keys": draw(st.lists(st.sampled_from(now), min_size=1, max_size=2, unique=True))})
    return names, rows, steps


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_every_way_gives_the_same_rows(engine_session: EngineSession, case: tuple[Any, Any, Any]) -> None:
    names, rows, steps = case
    values = ", ".join(f"({', '.join(f'CAST({literal(value)} AS VARCHAR)' for value in row)})" for row in rows)
    select = f"SELECT * FROM (VALUES {values}) t({', '.join(map(quote, names))})"
    pipeline = {
        "name": "p",
        "source": {"layer": "raw", "domain": "shop", "table": "t"},
        "destination": {"layer": "staging", "domain": "d", "table": "t"},
        "transforms": steps,
    }
    with tempfile.TemporaryDirectory() as folder:
        columns = ", ".join(f"{quote(name)} VARCHAR" for name in names)
        planning = make(Path(folder), engine_session, json.dumps({"pipelines": [pipeline]}), tables={str(TABLE): columns})
        (stage,) = planning.plan().stages
        assert isinstance(stage, SqlStage)
        engine_session.define(TABLE, select)
        expected = one_by_one(planning, engine_session)
        ways = [stage.sql]
        if stage.probe:
            engine_session.keep(probe_ref("p"), stage.probe.sql)
            ways.append(stage.probe.few)
            if not engine_session.fetch(f"FROM ({stage.probe.sql})"):
                ways.append(stage.probe.none)
        for sql in ways:
            assert in_order(engine_session.fetch(sql)) == expected


def one_by_one(planning: Any, session: EngineSession) -> list[tuple[Any, ...]]:
    (config,) = planning.project.pipelines.values()
    source = quote_path(TABLE.layer, TABLE.domain, TABLE.table)
    for step in load_pipeline(config, planning.manager).steps:
        schema: Schema = session.describe(f"FROM {source}")
        assert isinstance(step.transform, Transform)
        sql = step.transform.to_sql([Relation(source, schema)], TransformContext(session.describe))
        session.fetch(f"CREATE OR REPLACE TABLE memory.main.after_{step.number} AS {sql}")
        source = f"memory.main.after_{step.number}"
    return in_order(session.fetch(f"FROM {source}"))


def in_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [(value is not None, value or "") for value in row])
