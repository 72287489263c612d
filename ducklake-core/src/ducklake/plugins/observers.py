"""Observers are told in a thread of their own, one each, so that one that hangs holds up nothing and nobody else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from ducklake.plugins.stuck import STUCK


class GivenUp(Exception):
    """An observer took too long."""


class Listener:
    """The thread of one observer: all its hooks run there, one after the other.

    Args:
        name: The plugin's, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.given_up = False
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], _Ended]] = queue.SimpleQueue()
        self._alone = threading.Lock()
        threading.Thread(target=self._serve, name=f"observer {name}", daemon=True).start()

    def tell(self, work: Callable[[], object], place: str, limit: float) -> None:
        """Call a hook and wait until it has returned; one that was given up before is not called.

        Args:
            work: The call.
            place: The hook's name.
            limit: Seconds to wait.

        Raises:
            GivenUp: It takes longer, and is told nothing more.
            BaseException: Whatever the hook raised, or the user's interrupt, which gives it up as well.
        """
        with self._alone:
            if self.given_up:
                return
            ended = _Ended()
            self._calls.put((work, ended))
            try:
                self.given_up = not ended.wait(limit)
            except BaseException:
                self.given_up = True
                raise
            finally:
                if self.given_up:
                    STUCK.append(f"{self.name} in {place}")
            if self.given_up:
                raise GivenUp
        if ended.error is not None:
            raise ended.error

    def _serve(self) -> None:
        while True:
            work, ended = self._calls.get()
            try:
                work()
            except BaseException as error:  # carried to the thread that waits, whatever it is
                ended.error = error
            ended.set()


class _Ended(threading.Event):
    """Set when a call is over.

    Attributes:
        error: What it raised.
    """

    error: BaseException | None = None
