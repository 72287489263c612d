"""Ctrl-C and SIGTERM: the command ends in order if it can, and ends in any case.

Python runs a signal's handler in the main thread, between two of its own instructions: never while that thread waits
in DuckDB, in a driver or in a plugin that is stuck. So a thread of its own hears of the signal at once, stops what
the lake has open, and leaves the process if that does not help, or at once when a second signal comes. What is unfinished
then is taken back by the next command that writes, as after a kill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Collection

from ducklake.cli.invocation import Invocation

PATIENCE = 5.0
"""Seconds that a command has to end in order."""
ECHO = 0.5
"""Seconds in which a further signal is the same one: `timeout` and shells send theirs to a process and then to its group."""


def watch(cli: Invocation) -> None:
    """Let SIGINT and SIGTERM end the command: what is unfinished is taken back, then the exit code says why.

    Args:
        cli: The call; hears of the signal.
    """
    heard = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal heard
        # A second one is for the listening thread: raised here it would interrupt the tidying up, and nothing more.
        if not heard:
            heard = True
            cli.signal = number
            raise KeyboardInterrupt

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # A forked child shares the pipe; what it is sent is not meant for this process.
    os.register_at_fork(after_in_child=lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), writer))
    threading.Thread(target=_listen, args=(cli, reader, numbers), name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, interrupt)


def leave(cli: Invocation) -> None:
    """End the process now: threads that still run a plugin's code must not meet a half-finalized interpreter.

    Args:
        cli: A call that was interrupted, with its answer printed.
    """
    import sys

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(128 + (cli.signal or signal.SIGINT))


def _listen(cli: Invocation, reader: int, numbers: Collection[int]) -> None:
    first: float | None = None
    while True:
        for number in os.read(reader, 64):
            if number not in numbers:
                continue
            now = time.monotonic()
            if first is not None:
                if now - first > ECHO:
                    _give_up(cli)
                continue
            first = now
            cli.signal = number
            last = threading.Timer(PATIENCE, _give_up, [cli])
            last.daemon = True
            last.start()
            # In a thread of its own too: a plugin's cancel() may hang, and a second signal is to be heard all the same.
            threading.Thread(target=cli.cancel, name="cancel", daemon=True).start()


def _give_up(cli: Invocation) -> None:
    from ducklake.cli.errors import interrupted

    with contextlib.suppress(Exception):
        cli.restore_stdout()
        interrupted(cli)
    leave(cli)
