"""Storage writers: formats in which a table of the lake can be kept and read back."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ducklake.api.engine import EngineSession, FileSpec, StagedFiles
from ducklake.api.tables import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Examination:
    """What reading a whole file has shown.

    Attributes:
        sha256: Of all its bytes, in hex.
        sound: Whether it is what was written; None where the file does not say.
    """

    sha256: str
    sound: bool | None


class StorageWriter(abc.ABC):
    """A storage format. Core decides where files lie and when they count; a writer only makes and reads them.

    Attributes:
        name: The word for `destination.format`.
        extension: Of its files, without the dot.
    """

    name: ClassVar[str]
    extension: ClassVar[str]

    @abc.abstractmethod
    def stage(self, session: EngineSession, sql: str, spec: FileSpec) -> StagedFiles:
        """Write the rows of a SELECT into a private folder.

        Args:
            session: The engine's session to run it in.
            sql: One SELECT.
            spec: Where and how.

        Raises:
            EngineError: It failed.
        """

    @abc.abstractmethod
    def complete(self, path: Path, metadata: Mapping[str, str]) -> str | None:
        """Add key-value pairs to a finished file that nobody reads yet, and if the format can a digest by which `examine` knows it again.

        Args:
            path: A file out of `stage`.
            metadata: The pairs; a key that is there already is replaced.

        Returns:
            The sha256 of the whole file as it is now, in hex, where that came out on the way; None lets core read the file for it.
        """

    def examine(self, path: Path) -> Examination:
        """Read a whole file, and compare it with the digest that `complete` noted in it, if it did.

        Args:
            path: A file of this format.

        Raises:
            DataError: It is no whole file of this format.
        """
        with path.open("rb") as file:
            return Examination(hashlib.file_digest(file, "sha256").hexdigest(), None)

    @abc.abstractmethod
    def metadata(self, path: Path) -> Mapping[str, str]:
        """The key-value pairs of a file.

        Args:
            path: A file of this format.

        Raises:
            DataError: It is no whole file of this format.
        """

    @abc.abstractmethod
    def scan(self, files: Sequence[Path], schema: Schema) -> str:
        """A SELECT that reads files of one schema.

        Args:
            files: The files; none gives a relation without rows.
            schema: Exactly the columns to read, whatever folders the files lie in.
        """

    @abc.abstractmethod
    def abort(self, staged: StagedFiles) -> None:
        """Remove what `stage` wrote.

        Args:
            staged: Its result.
        """
