"""Replacing files so that at every moment either the old or the new one is there, and never a mixture."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ducklake.errors import DataError

BOM = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A text file as it was read.

    Attributes:
        path: Where it is; a link is followed.
        shown: Its name in messages.
        data: Its bytes; None where there is none.
    """

    path: Path
    shown: str
    data: bytes | None = dataclasses.field(repr=False)

    @classmethod
    def read(cls, path: Path, shown: str) -> File:
        """Read a file.

        Args:
            path: The file, which need not be there.
            shown: Its name in messages.

        Raises:
            DataError: It cannot be read.
        """
        try:
            path = path.resolve()
            return cls(path, shown, path.read_bytes())
        except FileNotFoundError:
            return cls(path, shown, None)
        except OSError as error:
            raise DataError(f"{shown}: cannot be read: {error.strerror or error}", code="file") from error
        except RuntimeError as error:  # how Python 3.11 and 3.12 speak of a link that leads to itself
            raise DataError(f"{shown}: cannot be read: the link leads to itself", code="file") from error

    @property
    def text(self) -> str:
        """What it holds, as text without its byte order mark; empty where there is none."""
        return (self.data or b"").removeprefix(BOM).decode()

    @property
    def mode(self) -> int | None:
        """Its mode bits; None where there is none."""
        with contextlib.suppress(OSError):
            return stat.S_IMODE(self.path.stat().st_mode)
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A file, and what it is to hold.

    Attributes:
        file: As it was read.
        text: What it is to hold.
        mode: Its mode bits; None keeps those that it has.
    """

    file: File
    text: str = dataclasses.field(repr=False)
    mode: int | None = None

    @property
    def data(self) -> bytes:
        """What it is to hold, with the byte order mark that it had."""
        return (BOM if (self.file.data or b"").startswith(BOM) else b"") + self.text.encode()


def replace_all(changes: Sequence[Change]) -> None:
    """Replace files, one after the other; after a failure all of them are as they were.

    Args:
        changes: In the order in which they are to happen.

    Raises:
        DataError: A file was changed by somebody else meanwhile, or cannot be written.
    """
    for change in changes:
        # A file can be replaced whatever its own mode says; who took the right to write away did not want it changed.
        if change.file.mode is not None and not (change.file.mode & 0o222 and os.access(change.file.path, os.W_OK)):
            message = f"{change.file.shown}: cannot be written: it is read only; nothing was written"
            raise DataError(message, hint=f"chmod u+w {change.file.shown}", code="file")
    staged: list[Path] = []
    done: list[Change] = []
    place = ""
    try:
        for change in changes:
            place = change.file.shown
            staged.append(_stage(change.file.path, change.data, _mode(change)))
        with _alone(changes[-1].file.path.parent):
            for change in changes:
                if File.read(change.file.path, change.file.shown).data != change.file.data:
                    message = f"{change.file.shown} was changed by somebody else meanwhile; nothing was written"
                    raise DataError(message, hint="run it again")
            for change, new in zip(changes, list(staged), strict=True):
                place = change.file.shown
                os.replace(new, change.file.path)
                staged.remove(new)
                done.append(change)
                _settle(change.file.path.parent)
    except BaseException as error:
        for change in reversed(done):
            _restore(change)
        if isinstance(error, OSError):
            raise DataError(f"{place}: cannot be written: {error.strerror or error}; nothing was written", code="file") from error
        raise
    finally:
        for left in staged:
            with contextlib.suppress(OSError):
                left.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else is between comparing and replacing, where the system has locks on folders."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _stage(path: Path, data: bytes, mode: int) -> Path:
    """A finished file beside the one that it is to replace. Nobody else may read it from the first moment on."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name.lstrip('.')}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            with contextlib.suppress(OSError):
                before = path.stat()
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _mode(change: Change) -> int:
    if change.mode is not None:
        return change.mode
    if change.file.mode is not None:
        return change.file.mode
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _restore(change: Change) -> None:
    with contextlib.suppress(OSError):
        if change.file.data is None:
            change.file.path.unlink()
        else:
            os.replace(_stage(change.file.path, change.file.data, _mode(change)), change.file.path)


def _settle(folder: Path) -> None:
    """Let a rename survive a power cut."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
