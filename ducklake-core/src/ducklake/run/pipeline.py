"""One pipeline: its stages into a private file, checks over it, then published as one new version."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake.api.engine import FileSpec, StagedFiles
from ducklake.api.events import QualityFailure, StepEvent
from ducklake.api.results import CheckOutcome, TableResult
from ducklake.api.sql import quote_path
from ducklake.api.tables import Relation, TableRef
from ducklake.catalog.commits import commit_version, record_run
from ducklake.catalog.locks import locked
from ducklake.catalog.queries import is_committed
from ducklake.catalog.records import CheckRecord, RunRecord, VersionRecord
from ducklake.errors import DataError, InternalError, QualityError
from ducklake.layers.names import lock_key, table_folder
from ducklake.layers.publish import prune, show_public, version_folder
from ducklake.layers.raw import FOOTER_FORMAT, complete_files, make_lasting, statistics_of, work_folder
from ducklake.layers.scan import scan_table
from ducklake.layers.store import disk_errors, make_folder, remove_tree, sync_folder
from ducklake.plan.load import load_checks
from ducklake.plan.model import PythonStage, SqlStage, probe_ref, stage_ref
from ducklake.plugins.limit import Worker, committing
from ducklake.run.check import run_checks
from ducklake.run.failures import failed_result, noted
from ducklake.run.ids import new_id
from ducklake.run.progress import ProgressEvent
from ducklake.run.python_stage import run_python_stage
from ducklake.run.unchanged import decision_for, fingerprint_of, left_alone

if TYPE_CHECKING:
    from ducklake.api.engine import EngineSession
    from ducklake.api.writer import StorageWriter
    from ducklake.catalog.queries import LakeSnapshot
    from ducklake.config.models import PipelineConfig
    from ducklake.plan.model import PipelinePlan
    from ducklake.run.context import RunContext


def run_pipeline(context: RunContext, plan: PipelinePlan, config: PipelineConfig, *, anew: bool = False) -> TableResult:
    """Run one pipeline; whatever goes wrong is its result, never an exception but the user's own interrupt.

    Args:
        context: The lake.
        plan: The bound pipeline.
        config: Its configuration.
        anew: Run it although nothing has changed.
    """
    started = context.clock()
    begun = time.monotonic()
    run = RunRecord(
        run_id=new_id(started),
        pipeline=plan.pipeline,
        started=started.isoformat(),
        source_layer=plan.inputs[0].ref.layer if plan.inputs else None,
        destination=plan.destination,
        rows=0,
        seconds=0.0,
        status="error",
        error=None,
    )
    event = StepEvent("run", plan.pipeline, plan.destination, run.run_id)
    context.manager.notify("before_step", event=event)
    context.progress(ProgressEvent(plan.pipeline, str(plan.destination), "started"))
    checks: list[CheckRecord] = []
    try:
        with locked(context.paths.lock(lock_key(plan.destination)), str(plan.destination), wait=context.wait):
            result = _run_in_time(context, plan, config, run, checks, begun, anew=anew)
    except BaseException as error:
        result = failed_result(context, error, place=plan.pipeline, seconds=time.monotonic() - begun)
        outcomes = tuple(_outcome(check) for check in checks)
        result = dataclasses.replace(result, pipeline=plan.pipeline, table=str(plan.destination), id=run.run_id, checks=outcomes)
        message = result.error.message if result.error else ""
        with noted(context), context.catalog.write() as connection:
            if not is_committed(connection, run.run_id):
                record_run(connection, dataclasses.replace(run, seconds=result.seconds, error=message), checks, None)
        context.manager.notify("on_step_error", event=dataclasses.replace(event, status="error", error=message, seconds=result.seconds))
        if isinstance(error, KeyboardInterrupt):
            raise
    else:
        context.manager.notify(
            "after_step", event=dataclasses.replace(event, status=result.status, rows=result.rows, seconds=result.seconds)
        )
    context.progress(ProgressEvent(plan.pipeline, str(plan.destination), "finished", result.rows))
    return result


def _run_in_time(
    context: RunContext, plan: PipelinePlan, config: PipelineConfig, run: RunRecord, checks: list[CheckRecord], begun: float, *, anew: bool
) -> TableResult:
    """The whole run, or an error at its time limit."""
    opened: list[EngineSession] = []

    def cancel() -> None:
        for session in opened:
            session.cancel()

    hint = f"raise timeout of {plan.pipeline} in config/pipelines.yaml, or look which of its steps hangs"
    worker = Worker(threaded=config.timeout is not None, hint=hint)
    try:
        return worker.call(
            lambda: _run_locked(context, plan, config, run, checks, begun, opened, anew=anew), plan.pipeline, config.timeout, cancel
        )
    finally:
        worker.close()


def _run_locked(
    context: RunContext,
    plan: PipelinePlan,
    config: PipelineConfig,
    run: RunRecord,
    checks: list[CheckRecord],
    begun: float,
    opened: list[EngineSession],
    *,
    anew: bool,
) -> TableResult:
    tables = context.snapshot()
    with context.open_engine() as session:
        opened.append(session)
        return _run_in(context, session, plan, config, run, tables, checks, begun, anew=anew)


def _run_in(
    context: RunContext,
    session: EngineSession,
    plan: PipelinePlan,
    config: PipelineConfig,
    run: RunRecord,
    tables: LakeSnapshot,
    checks: list[CheckRecord],
    begun: float,
    *,
    anew: bool,
) -> TableResult:
    made_of = fingerprint_of(context, plan, tables, session.version)
    decision = decision_for(context.paths, plan, tables, made_of, forced=anew)
    if not decision.needed:
        run = dataclasses.replace(run, seconds=time.monotonic() - begun)
        return left_alone(context, plan, tables[plan.destination], run, decision.why)
    writer = context.manager.writer(plan.format).cls()
    work = work_folder(context.paths, plan.destination, run.run_id)
    target = version_folder(context.paths, plan.destination, run.run_id)
    try:
        make_lasting(work)
        with disk_errors(target):
            make_folder(target, 0o700)
        define_inputs(context, session, plan, tables)
        staged = _stage(context, session, writer, plan, config, tables, work, target)
        checks += _check(context, session, plan, config, staged)
        failed = [check for check in checks if not check.passed and check.severity == "error"]
        if failed:
            raise _held_back(plan, failed)
        result = _publish(context, writer, plan, run, tables, staged, checks, begun, made_of)
    except BaseException:
        if not _published(context, run.run_id):
            remove_tree(target)
        remove_tree(work)
        raise
    remove_tree(work)
    return result


def define_inputs(context: RunContext, session: EngineSession, plan: PipelinePlan, tables: LakeSnapshot) -> None:
    """Make every table that a pipeline reads readable, from the files of one catalog snapshot.

    Args:
        context: The lake.
        session: Where its statements will run.
        plan: The pipeline.
        tables: The snapshot.

    Raises:
        DataError: A table has never been extracted or published.
    """
    for item in plan.inputs:
        table = tables.get(item.ref)
        if table is None:
            verb = "extract" if item.ref.layer == "raw" else "publish"
            hint = f"ducklake extract {item.ref.domain}" if item.ref.layer == "raw" else "run the pipeline that publishes it first"
            raise DataError(
                f"pipeline {plan.pipeline}: nothing to read: {item.ref} has not been {verb}ed yet", hint=hint, code="no_such_table"
            )
        scan = scan_table(context.paths, context.manager.writer(table.format).cls(), table, item.selection)
        session.define(item.ref, scan)


def choose_statement(context: RunContext, session: EngineSession, plan: PipelinePlan, stage: SqlStage, tables: LakeSnapshot) -> str:
    """The statement of a stage; where the plan has a probe, the one for what it finds.

    Args:
        context: The lake.
        session: In which the pipeline's tables are defined.
        plan: The pipeline.
        stage: One of its stages.
        tables: The snapshot from which they were defined.
    """
    probe = stage.probe
    if probe is None or not session.keeps:
        return stage.sql
    kept = probe_ref(plan.pipeline)
    session.keep(kept, probe.sql)
    path = quote_path(kept.layer, kept.domain, kept.table)
    ((found,),) = session.fetch(f"SELECT coalesce(sum(rows), 0)::BIGINT FROM {path}")
    chosen = probe.choose(found, tables[probe.source].rows)
    context.log.debug("%s, step %s: %s: they make %d rows", plan.pipeline, probe.step, probe.question, found)
    return stage.sql if chosen is None else chosen


def _stage(
    context: RunContext,
    session: EngineSession,
    writer: StorageWriter,
    plan: PipelinePlan,
    config: PipelineConfig,
    tables: LakeSnapshot,
    work: Path,
    target: Path,
) -> StagedFiles:
    """Run the stages one after another, each but the last into a temporary file."""
    staged: StagedFiles | None = None
    for number, stage in enumerate(plan.stages, 1):
        last = number == len(plan.stages)
        folder = target if last else work / f"stage-{number}"
        with disk_errors(folder):
            make_folder(folder, 0o700)
            spec = FileSpec(folder, compression=context.compression, row_group_rows=context.row_group_rows)
            match stage:
                case SqlStage():
                    staged = writer.stage(session, choose_statement(context, session, plan, stage, tables), spec)
                case PythonStage() if staged is not None:
                    staged = run_python_stage(context, session, writer, config, stage, staged, spec)
                case _:
                    raise InternalError(f"pipeline {plan.pipeline}: its plan begins with a Python step")
        scan = writer.scan([file.path for file in staged.files], staged.schema)
        session.define(stage_ref(plan.pipeline, number), scan)
    if staged is None:
        raise InternalError(f"pipeline {plan.pipeline}: its plan has no stages")
    return staged


def _check(
    context: RunContext, session: EngineSession, plan: PipelinePlan, config: PipelineConfig, staged: StagedFiles
) -> list[CheckRecord]:
    """Judge the staged rows; observers hear of each check that failed."""
    if not plan.checks:
        return []
    result = stage_ref(plan.pipeline, len(plan.stages))
    relation = Relation(quote_path(result.layer, result.domain, result.table), staged.schema)
    records = []
    for report in run_checks(session, relation, load_checks(config, context.manager), plan.pipeline, staged.rows):
        found = report.outcome
        judged = (found.type, found.columns, found.severity, found.passed, found.failed_rows, staged.rows, found.details)
        records.append(CheckRecord(*judged, report.samples))
        if not found.passed:
            details = {"details": found.details, **report.metrics}
            failure = QualityFailure(plan.pipeline, plan.destination, found.type, found.severity, found.failed_rows, details)
            context.manager.notify("on_quality_failure", failure=failure)
    return records


def _held_back(plan: PipelinePlan, failed: Sequence[CheckRecord]) -> QualityError:
    described = "; ".join(f"{check.type}({', '.join(check.columns)}): {check.details or f'{check.failed_rows} rows'}" for check in failed)
    return QualityError(
        f"pipeline {plan.pipeline}: {plan.destination} was held back, {len(failed)} of its checks failed: {described}",
        hint="the last good version stays; see `ducklake catalog quality`",
        code="quality",
    )


def _publish(
    context: RunContext,
    writer: StorageWriter,
    plan: PipelinePlan,
    run: RunRecord,
    tables: LakeSnapshot,
    staged: StagedFiles,
    checks: Sequence[CheckRecord],
    begun: float,
    made_of: str | None,
) -> TableResult:
    current = tables.get(plan.destination)
    others = [
        table.folder
        for ref, table in tables.items()
        if ref != plan.destination and (ref.layer, ref.domain) == (plan.destination.layer, plan.destination.domain)
    ]
    inputs = tuple((item.ref, tables[item.ref].version) for item in plan.inputs)
    version = VersionRecord(
        run_id=run.run_id,
        ref=plan.destination,
        folder=current.folder if current else table_folder(plan.destination, others),
        format=plan.format,
        files=(),
        schema=staged.schema,
        statistics=statistics_of(staged),
        inputs=inputs,
        fingerprint=made_of,
    )
    footer = _footer(version, plan, run, (current.version if current else 0) + 1)
    last = {"ducklake.parts": str(len(staged.files)), "ducklake.rows": str(staged.rows)}
    files = complete_files(writer, staged, footer, last)
    folder = files[0][0].parent
    with disk_errors(folder):
        sync_folder(folder)
    named = tuple(dataclasses.replace(record, path=context.paths.relative(path)) for path, record in files)
    version = dataclasses.replace(version, files=named)
    run = dataclasses.replace(run, rows=staged.rows, status="success", seconds=time.monotonic() - begun)
    committing()
    with context.catalog.write() as connection:
        number = commit_version(connection, version)
        record_run(connection, run, checks, number)
    event = StepEvent("run", plan.pipeline, plan.destination, run.run_id, "success", staged.rows)
    context.manager.notify("after_commit", event=event)
    _show(context, plan.destination)
    shown = tuple(context.shown_path(f"{version.folder}/{path.name}") for path, _ in files)
    return TableResult(
        "success",
        pipeline=plan.pipeline,
        table=str(plan.destination),
        rows=staged.rows,
        files=shown,
        id=run.run_id,
        seconds=time.monotonic() - begun,
        checks=tuple(_outcome(check) for check in checks),
        notes=plan.notes,
    )


def _show(context: RunContext, ref: TableRef) -> None:
    """The public paths follow. The version is committed: what fails here is mended by the next command."""
    try:
        with disk_errors(context.paths.data):
            current, _ = context.table(ref)
            if current is None:
                raise InternalError(f"{ref}: committed, but not in the catalog")
            show_public(context.paths, current)
            prune(context.paths, context.catalog, ref, context.keep_versions)
    except DataError as error:
        context.log.warning("%s is published, but its public files lag behind: %s", ref, context.redactor.redact(str(error)))


def _published(context: RunContext, run_id: str) -> bool:
    """After a failure, look: the commit may have happened all the same. If nobody can tell, leave it to recovery."""
    try:
        with context.catalog.read() as connection:
            return is_committed(connection, run_id)
    except Exception:
        return True


def _footer(version: VersionRecord, plan: PipelinePlan, run: RunRecord, number: int) -> dict[str, str]:
    return {
        "ducklake.format": FOOTER_FORMAT,
        "ducklake.run_id": run.run_id,
        "ducklake.pipeline": plan.pipeline,
        "ducklake.destination": json.dumps(dataclasses.astuple(version.ref)),
        "ducklake.folder": version.folder,
        "ducklake.started": run.started,
        "ducklake.version": str(number),
        "ducklake.schema": json.dumps(version.schema.to_json()),
        "ducklake.inputs": json.dumps([[dataclasses.astuple(ref), input_version] for ref, input_version in version.inputs]),
        **({"ducklake.fingerprint": version.fingerprint} if version.fingerprint else {}),
    }


def _outcome(check: CheckRecord) -> CheckOutcome:
    return CheckOutcome(check.type, check.columns, check.severity, check.passed, check.failed_rows, check.details)
