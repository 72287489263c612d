"""Engines: what runs SQL and writes files. DuckDB is the built-in one."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ducklake.api.tables import Schema, TableRef

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True, slots=True)
class EngineSettings:
    """The `engine:` block of settings.yaml, resolved.

    Attributes:
        memory_limit: For example `4GB`; None lets the engine decide.
        threads: Number of threads; None means all cores.
        temp_directory: Where it spills to; a private folder on the data's disk by default.
        timezone: IANA name of the zone that naive conversions use.
    """

    memory_limit: str | None = None
    threads: int | None = None
    temp_directory: Path | None = None
    timezone: str = "UTC"


@dataclasses.dataclass(frozen=True, slots=True)
class FileSpec:
    """How a result is to be written.

    Attributes:
        directory: An existing, empty, private folder.
        basename: Name of the files without number and extension.
        compression: `snappy`, `zstd`, `gzip`, `lz4` or `uncompressed`.
        row_group_rows: Rows a row group.
        file_size: Begin a new file at about so many bytes; None writes exactly one file.
        metadata: Key-value pairs for every file's footer.
    """

    directory: Path
    basename: str = "data"
    compression: str = "snappy"
    row_group_rows: int = 122_880
    file_size: int | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What the writer saw of one column.

    Attributes:
        nulls: Number of NULLs.
        minimum: Smallest value as text, or None; of long text possibly a prefix.
        maximum: Greatest value as text, or None.
    """

    nulls: int | None = None
    minimum: str | None = None
    maximum: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StagedFile:
    """A finished file that nobody reads yet.

    Attributes:
        path: Where it lies.
        rows: Its rows.
        size: Its bytes.
        statistics: By column name, as far as the writer gave them.
    """

    path: Path
    rows: int
    size: int
    statistics: Mapping[str, ColumnStatistics] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class StagedFiles:
    """The files of one result, and the schema they all have."""

    files: tuple[StagedFile, ...]
    schema: Schema

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)


class EngineSession(abc.ABC):
    """A private database of the engine; used by one thread, as a context manager.

    Tables of the lake appear in it under `layer.domain.table`, so SQL that names them runs as it stands.

    Attributes:
        keeps: Whether it has `keep`; without, steps cannot look at the data before they choose their SQL.
    """

    keeps: ClassVar[bool] = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    @abc.abstractmethod
    def version(self) -> str:
        """The engine's name and version, for example `duckdb 1.5.5`."""

    @abc.abstractmethod
    def describe(self, sql: str) -> Schema:
        """Bind a SELECT without running it.

        Args:
            sql: One SELECT.

        Raises:
            EngineError: It cannot be bound.
        """

    @abc.abstractmethod
    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a small SELECT and return its rows as Python values.

        Args:
            sql: One SELECT, `?` for parameters.
            parameters: Values for them.

        Raises:
            EngineError: It failed.
        """

    @abc.abstractmethod
    def stream(self, sql: str, batch_size: int = 50_000) -> pa.RecordBatchReader:
        """Run a SELECT and stream its rows.

        Args:
            sql: One SELECT.
            batch_size: Rows a batch.

        Returns:
            The rows, to be read before the next statement of the session. Reading raises as this does, and what a
            registered stream has raised as it is.

        Raises:
            EngineError: It failed.
        """

    @abc.abstractmethod
    def write(self, sql: str, spec: FileSpec) -> StagedFiles:
        """Run a SELECT and write its rows as Parquet, natively.

        Args:
            sql: One SELECT.
            spec: Where and how.

        Returns:
            The files with their statistics; an empty result is one file without rows.

        Raises:
            EngineError: It failed; what was written stays for the caller to remove.
        """

    @abc.abstractmethod
    def define(self, ref: TableRef, select: str) -> None:
        """Make a table of the lake readable as `layer.domain.table`.

        Args:
            ref: The table.
            select: A SELECT that reads its files, or for planning one that has its columns and no rows.
        """

    def keep(self, ref: TableRef, select: str) -> None:
        """Run a SELECT and keep its rows as a table under `layer.domain.table`, as long as the session lives.

        Args:
            ref: A name that no table of the lake has.
            select: A SELECT.

        Raises:
            EngineError: It failed.
        """
        raise EngineError(f"{self.version} keeps no tables")

    @abc.abstractmethod
    def register(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """Make a stream of Arrow batches readable once, under a name.

        Args:
            name: An identifier.
            batches: The rows.
            schema: Their schema.
        """

    @abc.abstractmethod
    def single_select(self, sql: str) -> str:
        """Make sure that a text is exactly one statement that only reads.

        Args:
            sql: What a user typed.

        Returns:
            The statement without what ends it.

        Raises:
            EngineError: It is none, several, or one that does something else.
        """

    @abc.abstractmethod
    def restrict(self, files: Sequence[Path]) -> None:
        """From now on allow nothing but reading these files: no other file, network or setting.

        Args:
            files: The files that may be read.
        """

    @abc.abstractmethod
    def cancel(self) -> None:
        """Interrupt what runs, from another thread."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free everything."""


class Engine(abc.ABC):
    """A SQL engine.

    Attributes:
        name: The word for `engine.type` in settings.yaml.
        dialect: The dialect of SQL that it speaks.
    """

    name: ClassVar[str]
    dialect: ClassVar[str] = "duckdb"

    @abc.abstractmethod
    def open(self, settings: EngineSettings) -> EngineSession:
        """A new private session.

        Args:
            settings: The `engine:` block.
        """


class EngineError(Exception):
    """The engine refused or failed.

    Args:
        message: Its own words, first line.
        kind: `bind` (a name, function or type that does not exist, or bad syntax), `data` (a value),
            `memory`, `disk`, `cancelled` or `other`.
        column: The column that was not found, if that is the cause.
    """

    def __init__(self, message: str, *, kind: str = "other", column: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.column = column
