"""A session over files: which tables there are, and which files make each."""

from __future__ import annotations

import abc
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from ducklake.api.connector import ConnectorContext, Session
from ducklake.api.tables import SourceTable
from ducklake.errors import DataError, did_you_mean
from ducklake_connector_files.finding import find, is_pattern, shown, without_doubles
from ducklake_connector_files.identity import FileIdentity
from ducklake_connector_files.options import FilesOptions, table_name

FilesOptionsT = TypeVar("FilesOptionsT", bound=FilesOptions)


class FilesSession(Session, abc.ABC, Generic[FilesOptionsT]):
    """The files of one source, looked up once, so that all tables of a run see the same listing.

    Args:
        options: The source's options.
        context: What core lends.
    """

    def __init__(self, options: FilesOptionsT, context: ConnectorContext) -> None:
        self.options = options
        self.context = context
        self._tables: dict[str, list[Path]] | None = None
        self._temporary: Path | None = None

    def listing(self) -> dict[str, list[Path]]:
        """The tables and the files of each, both sorted."""
        if self._tables is None:
            path = self.context.resolve(self.options.path)
            template = self.options.table
            if template is None:
                several = is_pattern(self.options.path) and not path.is_file()
                template = self.context.source.replace("{", "{{").replace("}", "}}") if several else "{stem}"
            tables: dict[str, list[Path]] = {}
            for file in find(path):
                tables.setdefault(table_name(file, template), []).append(file)
            self._tables = dict(sorted(tables.items()))
        return self._tables

    def tables(self) -> Sequence[SourceTable]:
        """The tables; none if the pattern matches nothing. A missing file without pattern is one, and reading it fails."""
        return [SourceTable(name, kind="file") for name in self.listing()]

    def files(self, table: str) -> tuple[list[FileIdentity], list[str]]:
        """The files of a table as they are now, and remarks about them.

        Args:
            table: A name out of `tables`.

        Raises:
            DataError: There is no such table, or a file cannot be read.
        """
        listing = self.listing()
        if table not in listing:
            raise DataError(f"{self.place(table)}: no such table", hint=did_you_mean(table, listing, "tables"))
        files, doubles = without_doubles(listing[table])
        notes = [f"{self.shown(file)} is a second name of a file that is read already: left out" for file in doubles]
        return [FileIdentity.of(file, self.shown(file), self.place(table)) for file in files], notes

    def check_unchanged(self, table: str, files: Sequence[FileIdentity]) -> None:
        """See whether the files still are what they were before they were read.

        Args:
            table: Whose files they are.
            files: What `files` returned.

        Raises:
            DataError: A file was changed.
        """
        for file in files:
            file.check_unchanged(self.shown(file.path), self.place(table))

    def place(self, table: str) -> str:
        """`source.table` for messages.

        Args:
            table: The table's name.
        """
        return f"{self.context.source}.{table}"

    def shown(self, path: Path) -> str:
        """A file's name for messages.

        Args:
            path: The file.
        """
        return shown(path, self.context.project)

    @property
    def temporary(self) -> Path:
        """A private folder for copies, removed when the session closes."""
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="ducklake-files-"))
        return self._temporary

    def close(self) -> None:
        """Remove the private folder."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
