"""Advisory locks between processes, each beside a record of who holds it.

A lock dies with its process, so nothing has to be cleaned up after a kill; the record is only for messages.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ducklake.errors import BusyError, DataError


def _holder_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _record_holder(path: Path) -> None:
    command = " ".join(["ducklake", *sys.argv[1:3]]) if sys.argv[0].endswith("ducklake") else Path(sys.argv[0]).name
    record = {"pid": os.getpid(), "command": command, "since": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"}
    with contextlib.suppress(OSError):
        _holder_path(path).write_text(json.dumps(record))


def _holder(path: Path) -> str:
    try:
        record = json.loads(_holder_path(path).read_text())
        return f"process {record['pid']} ({record['command']}, since {record['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextlib.contextmanager
def locked(path: Path, what: str, *, wait: float = 0.0, poll: float = 0.05, record: bool = True) -> Iterator[None]:
    """Hold a lock.

    Args:
        path: The lock's file; made if it is missing, never removed.
        what: What it protects, for the message.
        wait: Seconds to wait for it.
        poll: Seconds between two tries.
        record: Whether to note who holds it.

    Raises:
        BusyError: Another process holds it still.
        DataError: The file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, is_singleton=False, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait, poll_interval=poll)
    except Timeout:
        raise BusyError(f"{what} is in use by {_holder(path)}", hint="wait for it, or add --wait SECONDS") from None
    except OSError as error:
        raise DataError(
            f"{path.parent}: cannot write: {error.strerror or error}", hint="make the data folder writable", code="read_only"
        ) from error
    try:
        if record:
            _record_holder(path)
        yield
    finally:
        if record:
            with contextlib.suppress(OSError):
                _holder_path(path).unlink()
        lock.release()
