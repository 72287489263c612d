"""A step written in Python: Arrow batches out of a temporary file, through the plugin, into the next file.

The rows never go on as a stream: DuckDB reads an Arrow stream once, and a second scan would see nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ducklake.api.engine import EngineSession, FileSpec, StagedFiles
from ducklake.api.sql import quote
from ducklake.api.transform import PythonTransform, TransformContext
from ducklake.errors import InternalError, StepError
from ducklake.plan.load import load_step
from ducklake.run.guard import guarded, guarded_iteration
from ducklake.run.progress import ProgressEvent

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.writer import StorageWriter
    from ducklake.config.models import PipelineConfig
    from ducklake.plan.model import PythonStage
    from ducklake.run.context import RunContext


def run_python_stage(
    context: RunContext,
    session: EngineSession,
    writer: StorageWriter,
    config: PipelineConfig,
    stage: PythonStage,
    before: StagedFiles,
    spec: FileSpec,
) -> StagedFiles:
    """Run one Python step.

    Args:
        context: The lake.
        session: The engine's session that writes.
        writer: Of the files.
        config: The pipeline.
        stage: The step.
        before: What the stage before it has written.
        spec: Where this one writes to.
    """
    step = load_step(config, stage.step, context.manager)
    transform = step.transform
    if not isinstance(transform, PythonTransform):
        raise InternalError(f"pipeline {config.name}, step {stage.step}: planned as Python, but {stage.transform} is SQL")
    place = f"pipeline {config.name}, step {stage.step} ({stage.transform})"
    expected = _arrow_schema(session, stage)
    with context.open_engine() as reader, guarded(step.plugin, place):
        rows = reader.stream(writer.scan([file.path for file in before.files], before.schema))
        batches = guarded_iteration(step.plugin, place, transform.apply(rows, TransformContext(session.describe)))
        progress = functools.partial(ProgressEvent, config.name, stage.transform, "progress")
        session.register("__rows", _checked(place, expected, batches, lambda rows: context.progress(progress(rows))), expected)
        return writer.stage(session, f"SELECT * FROM {quote('__rows')}", spec)


def _arrow_schema(session: EngineSession, stage: PythonStage) -> pa.Schema:
    """The declared columns as Arrow types."""
    columns = ", ".join(f"CAST(NULL AS {column.type}) AS {quote(column.name)}" for column in stage.schema)
    return session.stream(f"SELECT {columns} WHERE false").schema


def _checked(
    place: str, expected: pa.Schema, batches: Iterable[pa.RecordBatch], progress: Callable[[int], None]
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    done = 0
    for batch in batches:
        if not isinstance(batch, pa.RecordBatch):
            raise StepError(f"{place}: it yielded a {type(batch).__name__}, not an Arrow record batch")
        if batch.schema.names != expected.names:
            raise StepError(f"{place}: it yielded the columns {batch.schema.names}, but declares {expected.names}")
        try:
            batch.validate(full=True)
            fitting = batch.cast(expected)
        except (pa.ArrowException, ValueError) as error:
            raise StepError(f"{place}: what it yielded does not fit the columns it declares: {error}") from error
        yield fitting
        done += fitting.num_rows
        progress(done)
