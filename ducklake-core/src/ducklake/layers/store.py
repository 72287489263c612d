"""Files on a local disk: made durable before they are seen, never overwritten. Object stores come later behind this."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import filecmp
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ducklake.errors import DataError


@dataclasses.dataclass(frozen=True, slots=True)
class LakePaths:
    """Where a lake keeps its things.

    Attributes:
        data: The data folder.
    """

    data: Path

    @property
    def private(self) -> Path:
        """Temporary files, locks, versions and orphans: nobody else's business."""
        return self.data / ".ducklake"

    @property
    def work(self) -> Path:
        """A folder a table with a folder a running extraction or pipeline."""
        return self.private / "tmp"

    @property
    def spill(self) -> Path:
        """Where the engine spills to."""
        return self.private / "spill"

    @property
    def orphans(self) -> Path:
        """Files that were never committed, each with its reason beside it."""
        return self.private / "orphans"

    def lock(self, key: str) -> Path:
        """The lock file of a table.

        Args:
            key: From `names.lock_key`.
        """
        return self.private / "locks" / f"{key}.lock"

    def absolute(self, path: str) -> Path:
        """A path of the catalog, made absolute; it cannot leave the data folder.

        Args:
            path: Relative to the data folder, with `/`.

        Raises:
            DataError: It leads out of the data folder.
        """
        found = self.data / path
        if ".." in Path(path).parts or Path(path).is_absolute() or not found.parent.resolve().is_relative_to(self.data.resolve()):
            raise DataError(f"{path}: leads out of the data folder {self.data}", hint="remove the symbolic link")
        return found

    def relative(self, path: Path) -> str:
        """A path as the catalog keeps it.

        Args:
            path: Inside the data folder.
        """
        return path.relative_to(self.data).as_posix()


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line with the path.

    Args:
        path: What was being written.

    Raises:
        DataError: The disk is full, read-only, or failed.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or path
        hints = {
            errno.ENOSPC: "free the disk, then run the command again",
            errno.EDQUOT: "free the disk, then run the command again",
            errno.EROFS: "make the data folder writable",
            errno.EACCES: "make the data folder writable",
            errno.EPERM: "make the data folder writable",
            errno.EMFILE: "raise the limit of open files (ulimit -n)",
        }
        raise DataError(f"{where}: {error.strerror or error}", hint=hints.get(error.errno or 0), code="disk") from error


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and its parents, each durable in its parent before anything is put into it.

    Args:
        path: The folder.
        mode: Of the folders that are made.
    """
    missing = []
    current = path
    while not current.is_dir():
        missing.append(current)
        current = current.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode)
        sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Flush a file's content to the disk.

    Args:
        path: The file.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk.

    Args:
        path: The folder.
    """
    sync_file(path)


def digest(path: Path) -> str:
    """The sha256 of a file, in hex.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_new(source: Path, target: Path) -> None:
    """Give a finished file a second name that was never used; the caller syncs the folder.

    Args:
        source: On the same file system.
        target: Must not exist, or be the same file already (a landing that is being finished).

    Raises:
        FileExistsError: Another file has that name.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        if not os.path.samefile(source, target):
            raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK):
            raise
        _copy(source, target)


def put_over(source: Path, target: Path, scratch: Path) -> None:
    """Let a public name show a finished file, old or new but never half.

    Args:
        source: On the same file system.
        target: May exist.
        scratch: A name that is free, on the same file system.
    """
    scratch.unlink(missing_ok=True)
    put_new(source, scratch)
    os.replace(scratch, target)
    # Renaming one of two names of the same file over the other does nothing at all (POSIX rename).
    scratch.unlink(missing_ok=True)


def same_file(one: Path, other: Path) -> bool:
    """Whether both names show the same content: the same file, or where links are not to be had an equal copy.

    Args:
        one: A path.
        other: A path.
    """
    try:
        if os.path.samefile(one, other):
            return True
        # With hard links a published file has two names, so two files with one name each were copied.
        return one.stat().st_nlink == other.stat().st_nlink == 1 and filecmp.cmp(one, other, shallow=False)
    except FileNotFoundError:
        return False


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a document so that it is there whole or not at all, and durable.

    Args:
        path: The file.
        document: JSON data.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a private folder; what is gone already does not matter.

    Args:
        path: The folder.
    """
    shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """For file systems without hard links: a whole copy under another name first."""
    beside = target.with_name(f".{target.name}.copy")
    shutil.copyfile(source, beside)
    sync_file(beside)
    os.rename(beside, target)
