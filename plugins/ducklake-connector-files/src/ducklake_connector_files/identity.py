"""What a file was when it was looked at, and whether it still is."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
from pathlib import Path

from ducklake.errors import DataError


@dataclasses.dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file at one moment.

    Attributes:
        path: Where it lies.
        size: Its bytes.
        modified: Time of the last change, in nanoseconds.
        inode: Device and number of the file itself; a file put in its place has another.
    """

    path: Path
    size: int
    modified: int
    inode: tuple[int, int]

    @classmethod
    def of(cls, path: Path, name: str, place: str) -> FileIdentity:
        """Look at a file.

        Args:
            path: Where it lies.
            name: Its name for messages.
            place: `source.table` for messages.

        Raises:
            DataError: It is missing, unreadable, or no regular file.
        """
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
                raise DataError(f"{place}: {name} is {kind}", hint="point `path` at a file, or at files by a pattern such as folder/*.csv")
            with path.open("rb"):
                pass
        except FileNotFoundError:
            dangling = " (a link to a file that is gone)" if path.is_symlink() else ""
            raise DataError(f"{place}: no such file {name}{dangling}", hint="check `path` of the source in config/sources.yaml") from None
        except OSError as error:
            raise DataError(f"{place}: cannot read {name}: {error.strerror}", hint="check the rights of file and folders") from error
        return cls(path, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))

    def check_unchanged(self, name: str, place: str) -> None:
        """Look again.

        Args:
            name: Its name for messages.
            place: `source.table` for messages.

        Raises:
            DataError: It is gone, or another file, or was written to.
        """
        try:
            status = self.path.stat()
            same = (status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino)) == (self.size, self.modified, self.inode)
        except OSError:
            same = False
        if not same:
            raise DataError(f"{place}: {name} changed while it was read", hint="nothing landed; extract again when the file is complete")

    def sha256(self) -> str:
        """The hash of its content as it is now, in hexadecimal digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
