"""One table from its source to raw."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.engine import EngineError, FileSpec, StagedFiles
from ducklake.api.events import SchemaChange, StepEvent
from ducklake.api.extraction import Extraction, Landed, ReadAgain
from ducklake.api.results import TableResult
from ducklake.api.sql import literal, quote
from ducklake.api.tables import METADATA_COLUMNS, Column, Schema, TableRef
from ducklake.catalog.commits import record_empty_extraction, record_failed_extraction
from ducklake.catalog.locks import locked
from ducklake.catalog.records import ExtractionRecord
from ducklake.errors import DataError, DuckLakeError, InternalError
from ducklake.layers.names import lock_key, table_folder
from ducklake.layers.overlap import surplus
from ducklake.layers.raw import FOOTER_FORMAT, complete_files, land, statistics_of, work_folder
from ducklake.layers.scan import scan_versions, schema_difference
from ducklake.layers.store import disk_errors, remove_tree
from ducklake.plugins.limit import Worker, apart, committing
from ducklake.run.batches import check_schema, checked, landing_names
from ducklake.run.failures import failed_result, noted
from ducklake.run.guard import engine_failure, guarded, guarded_iteration
from ducklake.run.ids import new_id
from ducklake.run.progress import ProgressEvent
from ducklake.run.retry import retrying

if TYPE_CHECKING:
    from ducklake.api.connector import Session
    from ducklake.api.engine import EngineSession
    from ducklake.api.extraction import ExtractRequest, Overlap
    from ducklake.api.writer import StorageWriter
    from ducklake.catalog.queries import TableState
    from ducklake.plugins.manager import PluginInfo
    from ducklake.run.context import RunContext

_STREAMED = "c{}"
"""Names of a stream's columns inside the engine."""


@dataclasses.dataclass(frozen=True, slots=True)
class SourceRun:
    """An open source.

    Attributes:
        name: In sources.yaml.
        plugin: Whose connector it is.
        session: The connector's.
        engine: The engine's, for this source alone.
        writer: Raw's storage writer.
        worker: Makes the calls that may have a time limit.
    """

    name: str
    plugin: PluginInfo
    session: Session
    engine: EngineSession
    writer: StorageWriter
    worker: Worker = dataclasses.field(default_factory=Worker)

    def cancel(self) -> None:
        """Stop what runs, at the source and in the engine."""
        try:
            self.session.cancel()
        finally:
            self.engine.cancel()


def extract_table(
    context: RunContext, source: SourceRun, request: ExtractRequest, *, anew: bool = False, timeout: float | None = None, retries: int = 0
) -> TableResult:
    """Extract one table; whatever goes wrong is its result, never an exception but the user's own interrupt.

    Args:
        context: The lake.
        source: Its open source.
        request: Which table, and how.
        anew: Read everything although increments are extracted: a new epoch, old files stay in raw.
        timeout: Seconds after which the table is given up, or None.
        retries: How often it is begun again after a cause that passes.
    """
    started = context.clock()
    begun = time.monotonic()
    ref = TableRef("raw", source.name, request.table)
    record = ExtractionRecord(
        new_id(started), source.name, request.table, "", started.isoformat(), request.mode, 0, (), Schema(()), None, None, (), 0.0
    )
    event = StepEvent("extract", source.name, ref, record.extraction_id)
    context.manager.notify("before_step", event=event)
    context.progress(ProgressEvent(source.name, request.table, "started"))
    try:
        with locked(context.paths.lock(lock_key(ref)), str(ref), wait=context.wait):
            result = source.worker.call(
                lambda: _extract_windows(context, source, request, record, begun, anew=anew, retries=retries),
                f"{source.name}.{request.table}",
                timeout,
                source.cancel,
            )
    except BaseException as error:
        result = failed_result(context, error, place=f"{source.name}.{request.table}", seconds=time.monotonic() - begun)
        result = dataclasses.replace(result, source=source.name, table=request.table, id=record.extraction_id)
        message = result.error.message if result.error else ""
        with noted(context), context.catalog.write(ref) as connection:
            record_failed_extraction(connection, dataclasses.replace(record, seconds=result.seconds), message)
        context.manager.notify("on_step_error", event=dataclasses.replace(event, status="error", error=message, seconds=result.seconds))
        if isinstance(error, KeyboardInterrupt):
            raise
    else:
        context.manager.notify(
            "after_step", event=dataclasses.replace(event, status=result.status, rows=result.rows, seconds=result.seconds)
        )
    context.progress(ProgressEvent(source.name, request.table, "finished", result.rows))
    return result


def _extract_windows(
    context: RunContext, source: SourceRun, request: ExtractRequest, record: ExtractionRecord, begun: float, *, anew: bool, retries: int
) -> TableResult:
    """One extraction, or as many as a first load has windows; each of them is complete, and stays if a later one fails."""
    place = f"{source.name}.{request.table}"

    def again(error: DuckLakeError, wait: float) -> None:
        context.log.warning("%s; trying again in %.1f s", context.redactor.redact(error.problem.message), wait)

    rows, done = 0, 0
    files: tuple[str, ...] = ()
    while True:
        # A function of its own, so that a retry goes by what is true for this window.
        attempt = functools.partial(_extract_locked, context, source, request, record, begun, anew=anew)
        try:
            result, more = retrying(attempt, retries, again)
        except DuckLakeError:
            if done:
                context.log.warning(
                    "%s: %d windows with %d rows have landed before and stay; the next extraction goes on there", place, done, rows
                )
            raise
        rows, files, done = rows + result.rows, (*files, *result.files), done + 1
        if not more:
            return result if done == 1 else dataclasses.replace(result, status="success" if files else "empty", rows=rows, files=files)
        started = context.clock()
        anew = False
        record = dataclasses.replace(record, extraction_id=new_id(started), started=started.isoformat(), files=())
        context.log.info("%s: %d windows with %d rows have landed", place, done, rows)


def _extract_locked(
    context: RunContext, source: SourceRun, request: ExtractRequest, record: ExtractionRecord, begun: float, *, anew: bool
) -> tuple[TableResult, bool]:
    """One complete extraction, and whether another window is to follow."""
    while True:
        try:
            return _extract_once(context, source, request, record, begun, anew=anew)
        except ReadAgain as again:
            if not (new := frozenset(again.columns) - request.as_text):
                raise InternalError(f"{source.name}.{request.table}: asked for the same columns as text twice") from again
            request = dataclasses.replace(request, as_text=request.as_text | new)


def _extract_once(
    context: RunContext, source: SourceRun, request: ExtractRequest, record: ExtractionRecord, begun: float, *, anew: bool
) -> tuple[TableResult, bool]:
    place = f"{source.name}.{request.table}"
    current, others = context.table(record.ref)
    # An increment goes on where the last one ended; everything else begins an epoch of its own.
    goes_on = current is not None and request.mode == current.mode == "incremental" and not anew
    with guarded(source.plugin, place):
        extraction = source.session.extract(dataclasses.replace(request, state=current.state if current and goes_on else None))
        if not isinstance(extraction, Extraction):
            raise TypeError(f"extract() returned a {type(extraction).__name__}, not an Extraction")
        json.dumps(extraction.state)
    record = dataclasses.replace(
        record,
        folder=current.folder if current else table_folder(record.ref, others),
        epoch=(current.version if current else 0) + (not goes_on),
        state_before=current.state if current else None,
    )
    folder = work_folder(context.paths, record.ref, record.extraction_id)
    try:
        staged, read, renamed = _stage(context, source, place, extraction, record, folder, current if goes_on else None)
        remarks: Sequence[str] = ()
        with guarded(source.plugin, place):
            if extraction.verify is not None:
                extraction.verify()
            if extraction.prove is not None:
                extraction.prove(_landed(source, read, renamed))
            if extraction.remarks is not None:
                remarks = tuple(extraction.remarks())
        schema = _landed_schema(staged.schema, extraction.source_types, renamed)
        notes = (*extraction.notes, *remarks, *(f"column {old!r} lands as {new!r}" for old, new in renamed.items()))
        record = dataclasses.replace(
            record, schema=schema, state=extraction.state, statistics=statistics_of(staged), notes=notes, seconds=time.monotonic() - begun
        )
        if goes_on and not staged.rows:
            return _nothing_new(context, source, record, folder, begun), extraction.more
        version = current.schema_version if current and current.schema == schema else (current.schema_version + 1 if current else 1)
        landed = len({file.owner for file in current.current_files}) if current and goes_on else 0
        common = _common_footer(record, version, sequence=landed + 1)
        files = complete_files(source.writer, staged, common, _last_footer(record, staged, repeats=extraction.overlap is not None))
    except BaseException:
        remove_tree(folder)
        raise
    committing()
    known = [file.path for file in current.files] if current else []
    record, schema_version = land(context.paths, context.catalog, folder, record, files, known)
    _after_commit(context, source, record, current, schema_version)
    result = TableResult(
        "success",
        source=source.name,
        table=request.table,
        rows=record.rows,
        files=tuple(context.shown_path(file.path) for file in record.files),
        id=record.extraction_id,
        seconds=time.monotonic() - begun,
        notes=record.notes,
    )
    return result, extraction.more


def _landed(source: SourceRun, read: StagedFiles, renamed: Mapping[str, str]) -> Landed:
    """What a connector may ask of the files before they count."""
    own = {landed: name for name, landed in renamed.items()}
    names = [column.name for column in read.schema][: -len(METADATA_COLUMNS)]
    nulls = {column.column: column.nulls for column in statistics_of(read) if column.nulls is not None}

    def aggregate(expressions: Sequence[str]) -> tuple[Any, ...]:
        scan = source.writer.scan([file.path for file in read.files], read.schema)
        columns = ", ".join(f"{quote(name)} AS {quote(_STREAMED.format(at))}" for at, name in enumerate(names))
        return source.engine.fetch(f"SELECT {', '.join(expressions)} FROM (SELECT {columns} FROM ({scan}))")[0]

    return Landed(read.rows, {own.get(name, name): nulls[name] for name in names if name in nulls}, aggregate)


def _nothing_new(context: RunContext, source: SourceRun, record: ExtractionRecord, folder: Path, begun: float) -> TableResult:
    """An increment without rows leaves no file, but its state counts."""
    remove_tree(folder)
    committing()
    with context.catalog.write(record.ref) as connection:
        record_empty_extraction(connection, record)
    _confirm(context, source, record)
    return TableResult(
        "empty",
        source=source.name,
        table=record.table,
        id=record.extraction_id,
        seconds=time.monotonic() - begun,
        notes=record.notes,
    )


def _stage(
    context: RunContext,
    source: SourceRun,
    place: str,
    extraction: Extraction,
    record: ExtractionRecord,
    folder: Path,
    before: TableState | None,
) -> tuple[StagedFiles, StagedFiles, dict[str, str]]:
    """Write the rows with their metadata columns into private files: those that are new, and all that were read."""
    try:
        relation, names = _relation(context, source, place, extraction)
        renamed = landing_names(names)
        values = (dt.datetime.fromisoformat(record.started), record.source, record.extraction_id)
        own = [_STREAMED.format(at) for at in range(len(names))] if extraction.schema is not None else names
        columns = [f"{quote(inside)} AS {quote(renamed.get(name, name))}" for inside, name in zip(own, names, strict=True)]
        columns += [f"{literal(value)} AS {quote(name)}" for name, value in zip(METADATA_COLUMNS, values, strict=True)]
        select = f"SELECT {', '.join(columns)} FROM {relation}"
        spec = FileSpec(folder, compression=context.compression, row_group_rows=context.row_group_rows, file_size=context.file_size)
        with disk_errors(folder):
            if before is not None and extraction.overlap is not None and before.current_files:
                read, select = _surplus(context, source, extraction.overlap, select, renamed, folder, before)
                return source.writer.stage(source.engine, select, spec), read, renamed
            staged = source.writer.stage(source.engine, select, spec)
            return staged, staged, renamed
    except EngineError as error:
        with guarded(source.plugin, place):
            translated = extraction.translate_error(error) if extraction.translate_error else None
        raise (translated if isinstance(translated, DuckLakeError) else engine_failure(place, error)) from error


def _surplus(
    context: RunContext,
    source: SourceRun,
    overlap: Overlap,
    select: str,
    renamed: Mapping[str, str],
    folder: Path,
    before: TableState,
) -> tuple[StagedFiles, str]:
    """The increment as read, in a file since it is read twice, and a SELECT of it without the rows that have landed before."""
    incoming = folder / "incoming"
    incoming.mkdir(0o700)
    read = source.writer.stage(source.engine, select, FileSpec(incoming, compression=context.compression))
    scan = source.writer.scan([file.path for file in read.files], read.schema)
    landed = scan_versions(context.paths, source.writer, before)
    key = renamed.get(overlap.column, overlap.column)
    return read, surplus(scan, read.schema, landed, key, overlap.low)


def _relation(context: RunContext, source: SourceRun, place: str, extraction: Extraction) -> tuple[str, tuple[str, ...]]:
    """Something to write behind FROM, and the names of the source's columns."""
    if extraction.relation is not None:
        names = source.engine.describe(extraction.relation).names
        return f"({extraction.relation})", names
    import pyarrow as pa

    with guarded(source.plugin, place):
        schema = extraction.schema
        if not isinstance(schema, pa.Schema):
            raise TypeError(f"the schema of an Extraction is a {type(schema).__name__}, not an Arrow schema")
    check_schema(place, schema)
    # Columns travel by position: the engine could not tell apart names that differ by case only.
    target = pa.schema([pa.field(_STREAMED.format(at), field.type) for at, field in enumerate(schema)])
    done = [0]

    def progress(rows: int) -> None:
        done[0] += rows
        context.progress(ProgressEvent(source.name, place.partition(".")[2], "progress", done[0]))

    streams = []
    for number, stream in enumerate(extraction.streams or [()]):
        name = f"__stream_{number}"
        batches = guarded_iteration(source.plugin, place, stream)
        source.engine.register(name, checked(place, schema, target, batches, progress), target)
        streams.append(f"SELECT * FROM {quote(name)}")
    return f"({' UNION ALL '.join(streams)})", tuple(schema.names)


def _landed_schema(schema: Schema, source_types: Mapping[str, str], renamed: Mapping[str, str]) -> Schema:
    declared = {renamed.get(name, name): kind for name, kind in source_types.items()}
    return Schema(tuple(Column(column.name, column.type, declared.get(column.name)) for column in schema))


def _common_footer(record: ExtractionRecord, schema_version: int, *, sequence: int) -> dict[str, str]:
    """What every part says of its extraction; `sequence` counts those of an epoch that landed rows, whatever the clock says."""
    return {
        "ducklake.format": FOOTER_FORMAT,
        "ducklake.source": record.source,
        "ducklake.table": record.table,
        "ducklake.extraction_id": record.extraction_id,
        "ducklake.started": record.started,
        "ducklake.mode": record.mode,
        "ducklake.epoch": str(record.epoch),
        "ducklake.sequence": str(sequence),
        "ducklake.schema_version": str(schema_version),
        "ducklake.schema": json.dumps(record.schema.to_json()),
        "ducklake.state_before": json.dumps(record.state_before),
    }


def _last_footer(record: ExtractionRecord, staged: StagedFiles, *, repeats: bool) -> dict[str, str]:
    """What the last part says besides; `repeats`: what is read again does not land again."""
    return {
        "ducklake.parts": str(len(staged.files)),
        "ducklake.rows": str(staged.rows),
        "ducklake.state_after": json.dumps(record.state),
        "ducklake.repeats": json.dumps(repeats),
    }


def _after_commit(context: RunContext, source: SourceRun, record: ExtractionRecord, before: TableState | None, schema_version: int) -> None:
    """What follows the moment it happened; nothing here can undo it."""
    context.manager.notify(
        "after_commit", event=StepEvent("extract", record.source, record.ref, record.extraction_id, "success", record.rows)
    )
    if before is not None:
        added, dropped, retyped = schema_difference(before.schema, record.schema)
        if added or dropped or retyped:
            change = SchemaChange(record.ref, added, dropped, dict(retyped), schema_version)
            context.log.warning("%s: the source's columns changed: %s", record.ref, _describe(change))
            context.manager.notify("on_schema_change", change=change)
    _confirm(context, source, record)


def _confirm(context: RunContext, source: SourceRun, record: ExtractionRecord) -> None:
    """Tell the source that its rows are safe."""
    try:
        with guarded(source.plugin, f"{record.source}.{record.table}"):
            apart(lambda: source.session.confirm(record.table), f"{record.source}.{record.table}")
    except DataError as error:
        context.log.warning("%s has landed, but confirming it at the source failed: %s", record.ref, context.redactor.redact(str(error)))


def _describe(change: SchemaChange) -> str:
    parts = []
    if change.added:
        parts.append(f"new: {', '.join(change.added)}")
    if change.dropped:
        parts.append(f"gone: {', '.join(change.dropped)}")
    parts += [f"{name}: {old} -> {new}" for name, (old, new) in change.retyped.items()]
    return "; ".join(parts)
