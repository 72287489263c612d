"""What is written into the catalog, as plain data that survives a trip through JSON.

A landing writes its record beside its files before the first of them becomes visible, so that whoever finds the
remains of a killed process can finish what it had begun.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ducklake.api.tables import Schema, TableRef


@dataclasses.dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that belongs to a table.

    Attributes:
        path: Relative to the data folder.
        rows: Its rows.
        size: Its bytes.
        sha256: Of its content, in hex.
        part: Its number in its extraction or version, from 1.
    """

    path: str
    rows: int
    size: int
    sha256: str
    part: int


@dataclasses.dataclass(frozen=True, slots=True)
class StatisticsRecord:
    """What the writer saw of one column, over all files of one extraction or version."""

    column: str
    nulls: int | None
    minimum: str | None
    maximum: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class ExtractionRecord:
    """A landed extraction, ready to be committed.

    Attributes:
        extraction_id: Also in every row.
        source: The source's name.
        table: The table's name.
        folder: The table's folder, relative to the data folder.
        started: ISO 8601, UTC.
        mode: `full` or `incremental`.
        epoch: A number that each full extraction raises by one; readers take the newest.
        files: In order of their part numbers; the paths are final.
        schema: As landed, metadata columns included.
        state_before: What the source returned last time, or None.
        state: What it returned now.
        statistics: A record a column.
        seconds: Duration.
        notes: Remarks for the user.
    """

    extraction_id: str
    source: str
    table: str
    folder: str
    started: str
    mode: str
    epoch: int
    files: tuple[FileRecord, ...]
    schema: Schema
    state_before: Mapping[str, Any] | None
    state: Mapping[str, Any] | None
    statistics: tuple[StatisticsRecord, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def ref(self) -> TableRef:
        """The raw table."""
        return TableRef("raw", self.source, self.table)

    @property
    def rows(self) -> int:
        """Rows landed."""
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        """Bytes landed."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return dataclasses.asdict(self) | {"schema": self.schema.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExtractionRecord:
        """Read what `to_json` wrote.

        Args:
            data: The mapping.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is of another shape.
        """
        return cls(
            **{
                **data,
                "files": tuple(FileRecord(**file) for file in data["files"]),
                "schema": Schema.from_json(data["schema"]),
                "statistics": tuple(StatisticsRecord(**column) for column in data["statistics"]),
                "notes": tuple(data["notes"]),
            }
        )


@dataclasses.dataclass(frozen=True, slots=True)
class VersionRecord:
    """A finished version of a staging or consume table, ready to be committed.

    Attributes:
        run_id: Of the pipeline's run.
        ref: The table.
        folder: Where foreign readers find it, relative to the data folder.
        format: The storage writer's name.
        files: Under the private folder `versions`.
        schema: As written.
        statistics: A record a column.
        inputs: The tables that were read, with the version (raw: epoch) of each.
        fingerprint: What else went into it, so that a run can tell whether anything has changed.
    """

    run_id: str
    ref: TableRef
    folder: str
    format: str
    files: tuple[FileRecord, ...]
    schema: Schema
    statistics: tuple[StatisticsRecord, ...]
    inputs: tuple[tuple[TableRef, int], ...]
    fingerprint: str | None = None

    @property
    def rows(self) -> int:
        """Rows published."""
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        """Bytes published."""
        return sum(file.size for file in self.files)


@dataclasses.dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a pipeline, whatever became of it."""

    run_id: str
    pipeline: str
    started: str
    source_layer: str | None
    destination: TableRef
    rows: int
    seconds: float
    status: str
    error: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check of one run."""

    type: str
    columns: tuple[str, ...]
    severity: str
    passed: bool
    failed_rows: int
    rows: int
    details: str
    samples: tuple[Mapping[str, Any], ...] = ()
