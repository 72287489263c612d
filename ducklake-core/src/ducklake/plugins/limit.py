"""The time limit: an extraction, a run or an observer works in a thread of its own, so that one that hangs can be given up.

A thread cannot be ended from outside. What is given up is therefore never waited for again: it may not commit any
more (`committing`), its source is opened anew for the tables that remain, and the process leaves past it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ducklake.errors import StepError

T = TypeVar("T")

PATIENCE = 3.0
"""Seconds that a call has to end once it was cancelled."""

STUCK: list[str] = []
"""Places whose calls were given up and run on: the process leaves by `os._exit`, which waits for no thread."""

_current = threading.local()


class _Call:
    """One call: begun, then either committing or given up, never both."""

    def __init__(self, work: Callable[[], Any], place: str, limit: float | None) -> None:
        self.work = work
        self.place = place
        self.limit = limit
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._state = "running"

    def run(self) -> None:
        _current.call = self
        try:
            self.result = self.work()
        except BaseException as error:  # carried to the thread that waits, whatever it is
            self.error = error
        finally:
            _current.call = None
            self.done.set()

    def become(self, state: str) -> bool:
        """Take one of the two ways, unless the other was taken before."""
        with self._lock:
            if self._state == "running":
                self._state = state
            return self._state == state


def committing() -> None:
    """Called right before files count: from here on the time limit waits, and before it nothing may have been given up.

    Raises:
        StepError: The call was given up meanwhile; nobody waits for what it has made.
    """
    call: _Call | None = getattr(_current, "call", None)
    if call is not None and not call.become("committing"):
        raise StepError(f"{call.place}: given up at its time limit", code="time_limit")


def apart(work: Callable[[], None], place: str) -> None:
    """Do what follows a commit, for as long again as the limit of the call that it belongs to.

    Args:
        work: What to do.
        place: `source.table`, for the message.

    Raises:
        StepError: It did not end in time.
    """
    call: _Call | None = getattr(_current, "call", None)
    if call is None or call.limit is None:
        return work()
    return Worker(threaded=True).call(work, place, call.limit)


class Worker:
    """The thread that makes all calls of one open source, run or observer, one after the other; without limits there is no such thread.

    Args:
        threaded: Whether any of the calls may have a limit.
        hint: What to do about a call that takes too long.
    """

    def __init__(
        self,
        *,
        threaded: bool = False,
        hint: str = "raise extract.timeout in config/sources.yaml, or look why the source does not answer",
    ) -> None:
        self.abandoned = False
        self._hint = hint
        self.stuck = False
        self._calls: queue.SimpleQueue[_Call | None] | None = queue.SimpleQueue() if threaded else None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def call(self, work: Callable[[], T], place: str, limit: float | None = None, cancel: Callable[[], None] = lambda: None) -> T:
        """Do some work and return what it returns, or raise what it raises.

        Args:
            work: What to do.
            place: `source.table`, for the message.
            limit: Seconds after which it is given up; None waits for ever.
            cancel: Stops it at the source; called from this thread.

        Raises:
            StepError: It did not end in time.
        """
        if self._calls is None:
            return work()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, args=(self._calls,), name=f"calls of {place}", daemon=True)
                self._thread.start()
        call = _Call(work, place, limit)
        self._calls.put(call)
        try:
            ended = call.done.wait(limit)
        except BaseException:  # Ctrl-C: stop it, and let it take back what is unfinished
            self._stop(call, cancel)
            raise
        if not ended and call.become("given up"):
            self._stop(call, cancel)
            raise StepError(
                f"{place}: not finished within its time limit of {limit:g} seconds",
                hint=self._hint,
                code="time_limit",
            ) from call.error
        call.done.wait()
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def close(self) -> None:
        """Let the thread end once it has nothing more to do."""
        if self._calls is not None:
            self._calls.put(None)

    def _stop(self, call: _Call, cancel: Callable[[], None]) -> None:
        self.abandoned = True
        # Cancelling is the plugin's code too, and may hang as well.
        threading.Thread(target=_quietly, args=(cancel,), daemon=True).start()
        if not call.done.wait(PATIENCE):
            self.stuck = True
            STUCK.append(call.place)

    @staticmethod
    def _serve(calls: queue.SimpleQueue[_Call | None]) -> None:
        while (call := calls.get()) is not None:
            call.run()


def _quietly(cancel: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        cancel()
