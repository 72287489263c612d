"""What observers are told."""

from __future__ import annotations

import dataclasses
from typing import Any

from ducklake.api.tables import TableRef


@dataclasses.dataclass(frozen=True, slots=True)
class RunEvent:
    """A command begins or ends.

    Attributes:
        command: `extract` or `run`.
        names: The sources or pipelines it was called with.
        exit_code: None at the beginning.
    """

    command: str
    names: tuple[str, ...]
    exit_code: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StepEvent:
    """One table's extraction, or one pipeline's run, begins, ends, commits or fails.

    Attributes:
        command: `extract` or `run`.
        name: The source or pipeline.
        table: The table that is written.
        id: Extraction or run id.
        status: None at the beginning, then `success`, `empty`, `skipped` or `error`.
        rows: Rows written.
        seconds: Duration.
        error: The error's message, without secrets.
    """

    command: str
    name: str
    table: TableRef
    id: str
    status: str | None = None
    rows: int | None = None
    seconds: float | None = None
    error: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaChange:
    """A source's table has other columns than at its last extraction.

    Attributes:
        table: The raw table.
        added: Names of new columns.
        dropped: Names of vanished columns.
        retyped: Column name to (type before, type now).
        version: The new schema version.
    """

    table: TableRef
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]
    version: int


@dataclasses.dataclass(frozen=True, slots=True)
class QualityFailure:
    """A check failed.

    Attributes:
        pipeline: The pipeline's name.
        table: The table that would have been published.
        check: Type of the check.
        severity: `error` or `warn`.
        failed_rows: Rows that violate it.
        details: Metrics behind the verdict.
    """

    pipeline: str
    table: TableRef
    check: str
    severity: str
    failed_rows: int
    details: dict[str, Any]
