"""What a command needs."""

from __future__ import annotations

import os
import subprocess

from ducklake.testing import LakeProject
from ducklake.testing.project import command, environment

MEGABYTE = 2**20


def peak(lake: LakeProject, *words: str) -> int:
    """The most bytes of memory that a command had; it has to succeed."""
    process = subprocess.Popen([*command(), "-C", str(lake.path), *words], env=environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024
