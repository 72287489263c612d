"""What has landed of which files, so that only new content is read."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from ducklake_connector_files.identity import FileIdentity

_SETTLED = 2 * 10**9
"""Nanoseconds after which a further write is sure to have another time of change, also where clocks tick slowly."""

_PIECE = 1 << 20
_LARGE = 16 << 20

Status = Literal["same", "new", "grown", "changed", "moved"]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file as it landed.

    Attributes:
        size: Its bytes.
        modified: Time of its last change, in nanoseconds.
        sha256: Of its content.
        seen: When it was looked at, in nanoseconds.
    """

    size: int
    modified: int
    sha256: str
    seen: int

    def is_untouched(self, file: FileIdentity) -> bool:
        """Whether size and time alone show that nothing was written since.

        Args:
            file: As it is now.
        """
        return (file.size, file.modified) == (self.size, self.modified) and self.modified < self.seen - _SETTLED


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """A file compared with the ledger.

    Attributes:
        file: As it is now.
        name: By which the ledger knows it.
        status: What is new about it; `grown`: the landed content is followed by more.
        entry: What the ledger is to say once it has landed.
        landed: Bytes that have landed before, for `grown`.
        whole_lines: Whether these end with a line feed.
        before: The former name, for `moved`.
        digest: The sha256 that the entry lacks still, where nothing but the entry depends on it.
    """

    file: FileIdentity
    name: str
    status: Status
    entry: Entry
    landed: int = 0
    whole_lines: bool = False
    before: str | None = None
    digest: Future[str] | None = None


class Digests:
    """The sha256 of large files, taken by a thread of its own beside other work."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._begun: dict[FileIdentity, Future[str]] = {}
        self._left = threading.Event()

    def begin(self, file: FileIdentity) -> Future[str]:
        """Begin with a file, unless that was done before.

        Args:
            file: As it is now.
        """
        if file not in self._begun:
            self._begun[file] = self._pool.submit(self._digest, file)
        return self._begun[file]

    def close(self) -> None:
        """Let go of what is running still, and forget the rest."""
        self._left.set()
        self._pool.shutdown(cancel_futures=True)

    def _digest(self, file: FileIdentity) -> str:
        digest = hashlib.sha256()
        piece = memoryview(bytearray(_PIECE))
        with file.path.open("rb", buffering=0) as content:
            while (size := content.readinto(piece)) and not self._left.is_set():
                digest.update(piece[:size])
        return digest.hexdigest()


class Ledger:
    """The files of one table that have landed; a name stays when its file goes, since the rows stay too.

    Args:
        entries: By name.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = dict(entries)

    @classmethod
    def from_state(cls, state: Mapping[str, Mapping[str, str]]) -> Ledger:
        """Read what `to_state` wrote.

        Args:
            state: A mapping of texts for each name.
        """
        return cls(
            {name: Entry(int(entry["size"]), int(entry["modified"]), entry["sha256"], int(entry["seen"])) for name, entry in state.items()}
        )

    def to_state(self) -> dict[str, dict[str, str]]:
        """A JSON document of texts."""
        return {name: {key: str(value) for key, value in dataclasses.asdict(entry).items()} for name, entry in self.entries.items()}

    def compare(self, files: Iterable[tuple[FileIdentity, str]], digests: Digests | None = None) -> list[Content]:
        """See which files are new or changed; only those whose size or time differs are read for it.

        Args:
            files: Each with the name by which the ledger knows it.
            digests: Take those that decide nothing, of large files, while the caller goes on.

        Raises:
            OSError: A file cannot be read.
        """
        here = list(files)
        names = {name for _, name in here}
        gone = {name: entry for name, entry in self.entries.items() if name not in names}
        return [self._compare(file, name, gone, digests) for file, name in here]

    def _compare(self, file: FileIdentity, name: str, gone: dict[str, Entry], digests: Digests | None) -> Content:
        known = self.entries.get(name)
        if known is not None and known.is_untouched(file):
            return Content(file, name, "same", known)
        seen = time.time_ns()
        alike = any(past.modified == file.modified for past in gone.values())
        if digests is not None and known is None and not alike and file.size >= _LARGE:
            return Content(file, name, "new", Entry(file.size, file.modified, "", seen), digest=digests.begin(file))
        prefix, last, whole = _digests(file, known.size if known else 0)
        entry = Entry(file.size, file.modified, whole, seen)
        if known is None:
            # Equal content alone proves nothing: two days may have equal files. A rename keeps the time of change.
            before = next((old for old, past in gone.items() if (past.sha256, past.modified) == (whole, file.modified)), None)
            if before is not None:
                del gone[before]
                return Content(file, name, "moved", entry, before=before)
            return Content(file, name, "new", entry)
        if whole == known.sha256:
            return Content(file, name, "same", entry)
        if file.size > known.size and prefix == known.sha256:
            return Content(file, name, "grown", entry, known.size, last == b"\n")
        return Content(file, name, "changed", entry)


def _digests(file: FileIdentity, size: int) -> tuple[str, bytes, str]:
    """The sha256 of a file's first bytes, the last of these, and the sha256 of all."""
    digest = hashlib.sha256()
    left, last = size, b""
    prefix = digest.copy()
    with file.path.open("rb") as content:
        while piece := content.read(min(left, _PIECE) if left else _PIECE):
            digest.update(piece)
            if left:
                left -= len(piece)
                last, prefix = piece[-1:], digest.copy()
    return prefix.hexdigest(), last, digest.hexdigest()
