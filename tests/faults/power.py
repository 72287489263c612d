"""Losing power instead of only the process: what was never flushed is gone, as far as a file system may forget it.

A kill leaves the kernel's cache alone; a power cut does not. So the calls of a killed command are read from its trace, and
everything behind which there was no fsync is taken back: bytes of files, and names in folders.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from faults.killing import CALLS, Moment, injected

_LINE = re.compile(r"\d+\s+(\w+)\((.*)")
_DESCRIPTOR = re.compile(r"^-?\d+<([^>]*)>")
_PATH = re.compile(r'"([^"]*)"')


@dataclasses.dataclass
class Unflushed:
    """What a power cut may still take.

    Attributes:
        content: Files with bytes that were not flushed.
        names: Changes of folders that were not flushed, in order: what was done, and to which names.
    """

    content: set[str] = dataclasses.field(default_factory=set)
    names: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)

    def see(self, call: str, rest: str) -> None:
        """Follow one system call.

        Args:
            call: Its name.
            rest: Its arguments and result, as strace writes them.
        """
        opened = _DESCRIPTOR.match(rest)
        paths = _PATH.findall(rest)
        if re.search(r"= -1 [A-Z]", rest):
            return
        match call:
            case "write" | "pwrite64" | "ftruncate" if opened:
                self.content.add(opened[1])
            case "fsync" | "fdatasync" if opened:
                self.content.discard(opened[1])
                self.names = [change for change in self.names if os.path.dirname(change[2]) != opened[1]]
            case "openat" if paths and "O_CREAT" in rest:
                self.names.append(("create", "", paths[0]))
            case "mkdir" | "mkdirat" if paths:
                self.names.append(("mkdir", "", paths[0]))
            case "link" | "linkat" if len(paths) == 2:
                self.names.append(("link", paths[0], paths[1]))
            case "rename" | "renameat" | "renameat2" if len(paths) == 2:
                self.names.append(("rename", paths[0], paths[1]))
                if paths[0] in self.content:
                    self.content.add(paths[1])

    def take(self, project: Path) -> int:
        """Take it all.

        Args:
            project: Nothing outside of this folder is touched.

        Returns:
            How many things were taken.
        """
        taken = 0
        for name in self.content:
            path = Path(name)
            # What happens inside of the catalog is DuckDB's promise.
            if _ours(path, project) and path.is_file() and not path.name.startswith("catalog"):
                with path.open("r+b") as file:
                    file.truncate(path.stat().st_size // 2)
                taken += 1
        for what, source, target in reversed(self.names):
            path = Path(target)
            if not _ours(path, project) or not path.exists():
                continue
            taken += 1
            if path.is_dir():
                shutil.rmtree(path)
            elif what == "rename" and not Path(source).exists():
                path.rename(source)
            elif what != "rename":
                path.unlink()
        return taken


def power_lost(project: Path, arguments: Sequence[str], moment: Moment, env: Mapping[str, str] | None = None) -> bool:
    """Run a command, let the power go at a moment.

    Args:
        project: The lake.
        arguments: Of `ducklake`.
        moment: When.
        env: Further variables.

    Returns:
        Whether it came so far.
    """
    log = project.parent / f"{project.name}.trace"
    done = injected(project, arguments, moment, "signal=KILL", trace=[*CALLS, "openat"], log=log, env=env)
    unflushed = Unflushed()
    for call, rest in _calls(log):
        unflushed.see(call, rest)
    unflushed.take(project)
    log.unlink()
    return done.returncode != 0


def _calls(log: Path) -> Iterator[tuple[str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        if found := _LINE.match(line):
            yield found[1], found[2]


def _ours(path: Path, project: Path) -> bool:
    """Whether a path is of the lake, and no lock: what a lock's file holds does not matter."""
    return path.is_relative_to(project / "data") and "locks" not in path.parts
