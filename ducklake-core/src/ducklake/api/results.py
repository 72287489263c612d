"""What `Lake` returns and `--json` prints."""

from __future__ import annotations

import dataclasses
from typing import Any

from ducklake.errors import Problem, exit_code


@dataclasses.dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One check of one run; the fields are those of the catalog's `data_quality`."""

    type: str
    columns: tuple[str, ...]
    severity: str
    passed: bool
    failed_rows: int
    details: str = ""

    def to_json(self) -> dict[str, Any]:
        """The shape that `--json` prints."""
        return {**dataclasses.asdict(self), "columns": list(self.columns)}


@dataclasses.dataclass(frozen=True, slots=True)
class TableResult:
    """What became of one table of an extraction, or of one pipeline.

    Attributes:
        source: The source, for extractions.
        pipeline: The pipeline, for runs.
        table: The table's name (runs: `layer.domain.table`); None where a pattern matched nothing.
        status: `success`, `empty`, `skipped` or `error`.
        rows: Rows landed or published.
        files: Files written, relative to the project's data folder.
        id: Extraction or run id.
        seconds: Duration.
        checks: Of a pipeline.
        error: Why it failed.
        exit_code: What this part contributes to the command's exit code.
        notes: Remarks, for example columns that landed as text.
    """

    status: str
    source: str | None = None
    pipeline: str | None = None
    table: str | None = None
    rows: int = 0
    files: tuple[str, ...] = ()
    id: str | None = None
    seconds: float = 0.0
    checks: tuple[CheckOutcome, ...] = ()
    error: Problem | None = None
    exit_code: int = 0
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The shape that `--json` prints."""
        head = {"source": self.source} if self.pipeline is None else {"pipeline": self.pipeline}
        return {
            **head,
            "table": self.table,
            "status": self.status,
            "rows": self.rows,
            "files": list(self.files),
            "id": self.id,
            "seconds": round(self.seconds, 3),
            "checks": [check.to_json() for check in self.checks],
            "notes": list(self.notes),
            "error": self.error.to_json() if self.error else None,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of an extract or run command.

    Attributes:
        command: `extract` or `run`.
        results: A result a table.
        warnings: Lines for stderr.
    """

    command: str
    results: tuple[TableResult, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return exit_code(result.exit_code for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.exit_code == 0
