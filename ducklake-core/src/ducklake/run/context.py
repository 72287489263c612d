"""What every part of a run works with."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ducklake.run.progress import ProgressEvent

if TYPE_CHECKING:
    import logging

    from ducklake.api.engine import EngineSession
    from ducklake.api.tables import TableRef
    from ducklake.catalog.queries import LakeSnapshot, TableState
    from ducklake.catalog.store import Catalog
    from ducklake.config.references import Redactor
    from ducklake.layers.store import LakePaths
    from ducklake.plugins.manager import PluginManager


class Cancellable(Protocol):
    """A session of the engine or of a connector."""

    def cancel(self) -> None:
        """Stop what runs, from another thread."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunContext:
    """The lake as a run sees it.

    Attributes:
        root: The project's folder.
        paths: Of the data.
        catalog: Of the lake.
        manager: The plugins.
        redactor: Takes secrets out of messages.
        open_engine: Opens a session with the project's settings.
        compression: Of Parquet files.
        row_group_rows: Of Parquet files.
        file_size: Bytes after which a raw extraction begins another file.
        file_settings: Those on which the files of a published table depend.
        keep_versions: Of staging and consume tables.
        wait: Seconds to wait for a table in use.
        progress: Told how far things are.
        log: The logger `ducklake`.
        clock: The time now, UTC.
        opened: Told of what can be cancelled from another thread.
    """

    root: Path
    paths: LakePaths
    catalog: Catalog
    manager: PluginManager
    redactor: Redactor
    open_engine: Callable[[], EngineSession]
    compression: str
    row_group_rows: int
    file_size: int
    file_settings: Mapping[str, Any]
    keep_versions: int
    wait: float
    progress: Callable[[ProgressEvent], None]
    log: logging.Logger
    clock: Callable[[], dt.datetime]
    opened: Callable[[Cancellable], None]

    def shown_path(self, path: str) -> str:
        """A path of the catalog as results show it: relative to the project if it lies inside.

        Args:
            path: Relative to the data folder.
        """
        absolute = self.paths.data / path
        return absolute.relative_to(self.root).as_posix() if absolute.is_relative_to(self.root) else absolute.as_posix()

    def snapshot(self) -> LakeSnapshot:
        """All tables at this moment."""
        from ducklake.catalog.queries import snapshot

        with self.catalog.read() as connection:
            return snapshot(connection)

    def table(self, ref: TableRef) -> tuple[TableState | None, list[str]]:
        """One table at this moment, without statistics, and the folders of its neighbours.

        Args:
            ref: Its name; it need not exist.
        """
        return self.catalog.table(ref)
