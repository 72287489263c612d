"""The built-in storage format: Parquet, written by the engine itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ducklake.api import hookimpl
from ducklake.api.engine import EngineSession, FileSpec, StagedFiles
from ducklake.api.sql import columns, literal, quote
from ducklake.api.tables import Schema
from ducklake.api.writer import Examination, StorageWriter
from ducklake.builtin.duckdb_engine import glob_escape
from ducklake.builtin.footer import add_metadata, examine, read_metadata

if TYPE_CHECKING:
    from ducklake.api.registrar import WriterRegistrar

api = 1

_DIGEST = "ducklake.sha256"
"""Key of the digest of everything else in the file: the catalog's own digest would be lost with the catalog."""


@hookimpl
def register_writers(register: WriterRegistrar) -> None:
    """Offer `parquet`."""
    register(ParquetWriter)


class ParquetWriter(StorageWriter):
    """Parquet files with everything that raw needs in their footers."""

    name: ClassVar[str] = "parquet"
    extension: ClassVar[str] = "parquet"

    def stage(self, session: EngineSession, sql: str, spec: FileSpec) -> StagedFiles:
        """Let the engine write the rows; see `StorageWriter.stage`."""
        return session.write(sql, spec)

    def complete(self, path: Path, metadata: Mapping[str, str]) -> str:
        """Add pairs to the footer; see `StorageWriter.complete`."""
        return add_metadata(path, metadata, digest_key=_DIGEST)

    def examine(self, path: Path) -> Examination:
        """Compare the file with the digest in its footer; see `StorageWriter.examine`."""
        return Examination(*examine(path, _DIGEST))

    def metadata(self, path: Path) -> Mapping[str, str]:
        """The footer's pairs; see `StorageWriter.metadata`."""
        return read_metadata(path)

    def scan(self, files: Sequence[Path], schema: Schema) -> str:
        """A SELECT over `read_parquet` that never takes columns from folder names; see `StorageWriter.scan`."""
        if not files:
            empty = ", ".join(f"CAST(NULL AS {column.type}) AS {quote(column.name)}" for column in schema)
            return f"SELECT {empty} WHERE false"
        paths = literal([glob_escape(str(file)) for file in files])
        return f"SELECT {columns(schema.names)} FROM read_parquet({paths}, hive_partitioning = false)"

    def abort(self, staged: StagedFiles) -> None:
        """Unlink the files; see `StorageWriter.abort`."""
        for file in staged.files:
            file.path.unlink(missing_ok=True)
