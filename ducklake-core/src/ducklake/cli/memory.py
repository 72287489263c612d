"""Freed memory goes back to the system, so that a process has no more than what it uses."""

from __future__ import annotations

import ctypes
import os


def give_back_what_is_freed() -> None:
    """Tell the allocators under Python and Arrow not to keep large blocks.

    Batches of wide rows are made by one thread and freed by another; glibc's arenas and Arrow's own pool kept a gigabyte of
    them for use by nobody. A value of the user's own in `ARROW_DEFAULT_MEMORY_POOL` or `MALLOC_MMAP_THRESHOLD_` is left alone.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if os.name == "posix" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
        if mallopt is not None:
            mallopt(-3, 2**20)  # M_MMAP_THRESHOLD: from a megabyte on memory is taken, and given back, by itself
