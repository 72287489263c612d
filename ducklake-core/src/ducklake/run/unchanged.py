"""Pipelines whose table already is what they would publish."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ducklake.api.results import CheckOutcome, TableResult
from ducklake.catalog.commits import record_run
from ducklake.catalog.queries import checks_of, last_status
from ducklake.layers.publish import show_public, shown
from ducklake.layers.store import disk_errors
from ducklake.plan.fingerprint import Decision, decide, fingerprint

if TYPE_CHECKING:
    from ducklake.catalog.queries import LakeSnapshot, TableState
    from ducklake.catalog.records import RunRecord
    from ducklake.layers.store import LakePaths
    from ducklake.plan.model import PipelinePlan
    from ducklake.run.context import RunContext


def decision_for(paths: LakePaths, plan: PipelinePlan, tables: LakeSnapshot, now: str | None, *, forced: bool = False) -> Decision:
    """Whether a pipeline has to run: also where nothing has changed but the files of its table.

    Args:
        paths: Of the lake.
        plan: The pipeline.
        tables: The lake.
        now: Its fingerprint.
        forced: Run in any case.
    """
    decision = decide(plan, tables, now, forced=forced)
    if decision.needed:
        return decision
    lost = next((file.path for file in tables[plan.destination].current_files if not _there(paths, file.path, file.size)), None)
    return decision if lost is None else Decision(True, f"its file {lost} is gone or not whole")


def fingerprint_of(context: RunContext, plan: PipelinePlan, tables: LakeSnapshot, engine: str) -> str | None:
    """The fingerprint of what a run would publish.

    Args:
        context: The lake.
        plan: The pipeline.
        tables: The snapshot that it would read.
        engine: Name and version.
    """
    return fingerprint(plan, tables, engine, context.file_settings)


def left_alone(context: RunContext, plan: PipelinePlan, table: TableState, run: RunRecord, why: str) -> TableResult:
    """The result of a pipeline that had nothing to do. The table's lock is held; its public files are shown if they lag behind.

    Args:
        context: The lake.
        plan: The pipeline.
        table: What it publishes, as it is.
        run: To be recorded where the last run failed, so that nobody goes on believing that.
        why: In words.
    """
    if not shown(context.paths, table):
        with disk_errors(context.paths.data):
            show_public(context.paths, table)
    owner = table.current_files[0].owner
    with context.catalog.read() as connection:
        checks = checks_of(connection, owner)
        failed = last_status(connection, plan.pipeline) == "error"
    if failed:
        with context.catalog.write() as connection:
            record_run(connection, dataclasses.replace(run, status="skipped", rows=0), (), table.version)
    return TableResult(
        "skipped",
        pipeline=plan.pipeline,
        table=str(plan.destination),
        rows=table.rows,
        files=tuple(context.shown_path(f"{table.folder}/{file.path.rpartition('/')[2]}") for file in table.current_files),
        id=owner,
        seconds=run.seconds,
        checks=tuple(CheckOutcome(**{**check, "columns": tuple(check["columns"])}) for check in checks),
        notes=(f"{why}; --full-refresh publishes it anew",),
    )


def _there(paths: LakePaths, path: str, size: int) -> bool:
    try:
        return paths.absolute(path).stat().st_size == size
    except OSError:
        return False
