"""What a plan is: frozen data, JSON-able except for the classes and options that a run needs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import ExtractRequest, Mode
from ducklake.api.quality import Severity
from ducklake.api.tables import Schema, TableRef
from ducklake.api.transform import TableStatistics

if TYPE_CHECKING:
    from ducklake.api.connector import Connector
    from ducklake.api.options import Options
    from ducklake.plugins.registry import Registered

STAGES = "stages"
"""The layer, so to speak, of results between two statements of a pipeline; no table of the lake."""


def stage_ref(pipeline: str, number: int) -> TableRef:
    """Where the result of a stage is read by the next one; the executor defines it in the engine's session.

    Args:
        pipeline: The pipeline's name.
        number: The stage's place in `PipelinePlan.stages`, from 1.
    """
    return TableRef(STAGES, pipeline, f"stage_{number}")


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """What the catalog knows of a table of the lake.

    Attributes:
        schema: Its columns as pipelines see them.
        statistics: Its counts, if they are known.
        all_snapshots: Its columns over all extractions, for `snapshots: all`; None where they are the same.
    """

    schema: Schema
    statistics: TableStatistics | None = None
    all_snapshots: Schema | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedInput:
    """A table that a pipeline reads.

    Attributes:
        ref: The table.
        alias: What the pipeline calls it; None for tables that steps name as `layer.domain.table`.
        snapshots: `latest` or `all` extractions of a raw table.
    """

    ref: TableRef
    alias: str | None = None
    snapshots: str = "latest"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"table": str(self.ref), "as": self.alias, "snapshots": self.snapshots}


@dataclasses.dataclass(frozen=True, slots=True)
class SqlStage:
    """A run of SQL steps, compiled into one statement.

    Attributes:
        sql: The statement; it reads tables of the lake and `stage_ref` of the stage before.
        steps: The steps in it, for example `1 rename`; empty for one that only passes rows on.
    """

    sql: str
    steps: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "sql", "steps": list(self.steps), "sql": self.sql}


@dataclasses.dataclass(frozen=True, slots=True)
class PythonStage:
    """A Python step over Arrow; it stands between two `SqlStage`s.

    Attributes:
        transform: The word behind `type:`.
        step: The step's place in `transforms`, from 1.
        schema: The columns that its batches must have.
        plugin: Package and version.
    """

    transform: str
    step: int
    schema: Schema
    plugin: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "python", "steps": [f"{self.step} {self.transform}"], "plugin": self.plugin, "columns": self.schema.to_json()}


Stage = SqlStage | PythonStage


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A quality check of a pipeline.

    Attributes:
        number: Its place in `quality_checks`, from 1.
        type: The word behind `type:`.
        columns: The columns that it looks at.
        severity: `error` or `warn`.
        max_failures: Rows that may fail.
        max_fraction: Fraction of the rows that may fail.
    """

    number: int
    type: str
    columns: tuple[str, ...]
    severity: Severity = "error"
    max_failures: int | None = None
    max_fraction: float | None = None

    def tolerates(self, failed: int, rows: int) -> bool:
        """Whether so many failures still pass.

        Args:
            failed: Rows that violate the check.
            rows: All rows.
        """
        if self.max_failures is not None:
            return failed <= self.max_failures
        if self.max_fraction is not None:
            return failed == 0 or (rows > 0 and failed / rows <= self.max_fraction)
        return failed == 0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**dataclasses.asdict(self), "columns": list(self.columns)}


@dataclasses.dataclass(frozen=True, slots=True)
class PipelinePlan:
    """What a run of a pipeline will do.

    Attributes:
        pipeline: Its name.
        destination: The table that it publishes.
        inputs: The tables that it reads, those of `source` first.
        stages: SQL and Python in turn, beginning and ending with SQL; empty as long as `unbound` is not.
        checks: What must hold before it is published.
        schema: The columns that it publishes, as far as they are known before it runs.
        unbound: Tables whose columns are not known yet, so that nothing could be compiled.
        upstream: Pipelines that must run before.
        notes: Remarks for people.
        description: Out of the configuration.
        format: A storage writer.
        mode: How it is published.
        file: Where it is configured.
        line: Line in `file`.
    """

    pipeline: str
    destination: TableRef
    inputs: tuple[PlannedInput, ...]
    stages: tuple[Stage, ...] = ()
    checks: tuple[PlannedCheck, ...] = ()
    schema: Schema | None = None
    unbound: tuple[TableRef, ...] = ()
    upstream: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    description: str | None = None
    format: str = "parquet"
    mode: str = "replace"
    file: str | None = None
    line: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "pipeline": self.pipeline,
            "description": self.description,
            "destination": str(self.destination),
            "format": self.format,
            "mode": self.mode,
            "inputs": [entry.to_json() for entry in self.inputs],
            "upstream": list(self.upstream),
            "stages": [stage.to_json() for stage in self.stages],
            "checks": [check.to_json() for check in self.checks],
            "columns": self.schema.to_json() if self.schema else None,
            "unbound": [str(ref) for ref in self.unbound],
            "notes": list(self.notes),
            "file": self.file,
            "line": self.line,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class TablePlan:
    """Tables of a source that are extracted alike.

    Attributes:
        name: A table, or a pattern.
        mode: `full` or `incremental`.
        batch_size: Rows a batch.
        key_column: The cursor column.
        lookback: How far increments read back; None is the connector's default.
        timeout: Seconds after which it is given up, or None.
        retries: How often it is begun again after a passing cause.
        request: Everything else that the connector is asked for; its table is `name`.
    """

    name: str
    mode: Mode = "full"
    batch_size: int = 50_000
    key_column: str | None = None
    lookback: dt.timedelta | decimal.Decimal | None = None
    timeout: float | None = None
    retries: int = 3
    request: ExtractRequest | None = None

    def is_query(self, table: str) -> bool:
        """Whether a table is not one of the source's, but a query of this plan.

        Args:
            table: A name.
        """
        return table == self.name and self.request is not None and self.request.query is not None

    def asking_for(self, table: str) -> ExtractRequest:
        """What a connector is asked for.

        Args:
            table: One that this plan stands for.
        """
        asked = self.request or ExtractRequest(table)
        return dataclasses.replace(
            asked,
            table=table,
            query=asked.query if self.is_query(table) else None,
            mode=self.mode,
            batch_size=self.batch_size,
            key_column=self.key_column,
            lookback=self.lookback,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class SourcePlan:
    """What an extraction of a source will do.

    Attributes:
        source: Its name.
        connector: The connector's class, and the plugin that brought it.
        options: The source's own keys, validated.
        tables: What is extracted; never empty.
    """

    source: str
    connector: Registered[Connector[Any]]
    options: Options
    tables: tuple[TablePlan, ...]
