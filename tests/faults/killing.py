"""Killing the installed command before each of its file-changing system calls, by strace."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

CALLS = (
    "write", "pwrite64", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "ftruncate", "fsync", "fdatasync",
)  # fmt: skip
"""System calls that change files or make changes durable; a file that was just made is met at its first write."""

DUCKLAKE = str(Path(sys.executable).with_name("ducklake"))


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """The n-th use of a system call, counted a thread."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}-{self.number}"


def moments(project: Path, arguments: Sequence[str], scratch: Path) -> list[Moment]:
    """Every moment at which a command can be killed; the command really runs.

    Args:
        project: Its copy is used up.
        arguments: Of `ducklake`.
        scratch: For the trace.
    """
    trace = scratch / "trace.txt"
    command = ["strace", "-f", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", str(trace), DUCKLAKE, "-C", str(project), *arguments]
    subprocess.run(command, check=True, capture_output=True)
    counts: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text(errors="replace").splitlines():
        if found := re.match(r"(\d+)\s+(\w+)\(", line):
            counts[found[1], found[2]] += 1
    most: dict[str, int] = {}
    for (_, call), number in counts.items():
        most[call] = max(most.get(call, 0), number)
    return [Moment(call, number) for call, last in sorted(most.items()) for number in range(1, last + 1)]


def killed(project: Path, arguments: Sequence[str], moment: Moment, env: Mapping[str, str] | None = None) -> bool:
    """Run a command and kill it (-9) at a moment.

    Args:
        project: The lake.
        arguments: Of `ducklake`.
        moment: When.
        env: Further variables.

    Returns:
        Whether it came so far.
    """
    return injected(project, arguments, moment, "signal=KILL", env=env).returncode != 0


def failing(project: Path, arguments: Sequence[str], moment: Moment, error: str) -> subprocess.CompletedProcess[str]:
    """Run a command in which one system call fails.

    Args:
        project: The lake.
        arguments: Of `ducklake`.
        moment: Which call.
        error: Its errno, for example `ENOSPC`.
    """
    return injected(project, arguments, moment, f"error={error}")


def injected(
    project: Path,
    arguments: Sequence[str],
    moment: Moment,
    what: str,
    *,
    trace: Sequence[str] = (),
    log: Path = Path("/dev/null"),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command under strace, with something done to one of its system calls.

    Args:
        project: The lake.
        arguments: Of `ducklake`.
        moment: Which call.
        what: In strace's words, for example `signal=KILL`.
        trace: Further calls to write down, with the paths of their descriptors.
        log: Where to.
        env: Further variables.
    """
    inject = f"inject={moment.call}:{what}:when={moment.number}"
    options = ["-f", "-qq", "-y", "-s", "0", "-e", f"trace={','.join(dict.fromkeys([moment.call, *trace]))}", "-e", inject, "-o", str(log)]
    command = ["strace", *options, DUCKLAKE, "-C", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env={**os.environ, **(env or {})})


def copied(project: Path, target: Path) -> Path:
    """A copy of a lake in which files with two names have two names again.

    Args:
        project: The lake.
        target: A path that is free.
    """
    subprocess.run(["cp", "-a", str(project), str(target)], check=True)
    return target


def has_strace() -> bool:
    """Whether system calls can be met here."""
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode == 0
