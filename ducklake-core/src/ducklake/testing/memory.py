"""How much memory a block of code needed at its peak (Linux)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


@contextlib.contextmanager
def peak_growth() -> Iterator[Callable[[], int]]:
    """Watch the resident memory of this process.

    Yields:
        A function that says by how many bytes the highest point since then lies above the beginning.
    """
    try:
        RESET.write_text("5", encoding="ascii")  # the peak begins anew
    except OSError:
        pytest.skip("the kernel does not let a process begin its peak of memory anew")
    before = _bytes("VmRSS")
    yield lambda: _bytes("VmHWM") - before


def _bytes(what: str) -> int:
    found = re.search(rf"^{what}:\s+(\d+) kB", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{STATUS} has no {what}")
    return int(found[1]) * 1024
