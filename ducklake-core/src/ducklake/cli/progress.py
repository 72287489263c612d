"""The progress bar of long work: on a terminal's stderr, after a moment, gone when the work is done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ducklake.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ducklake.run.progress import ProgressCallback, ProgressEvent

PATIENCE = 0.4
"""Seconds of work that need no bar."""


@contextmanager
def watched(cli: Invocation) -> Iterator[ProgressCallback]:
    """Show the work of the block, if there is a terminal and nobody asked for quiet; nothing of it gets to stdout.

    A signal that a library took for a failure of its own ends the work at the next event.

    Args:
        cli: The call.

    Yields:
        What `Lake` takes as `progress`.
    """
    bar = None if cli.quiet or not sys.stderr.isatty() else _Bar()

    def callback(event: ProgressEvent) -> None:
        if cli.signal is not None:
            raise KeyboardInterrupt
        if bar is not None:
            bar.show(event)

    try:
        with cli.working():
            yield callback
    finally:
        if bar is not None:
            bar.close()
    if cli.signal is not None:
        raise KeyboardInterrupt


class _Bar:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._display: Progress | None = None
        self._running: dict[str, ProgressEvent] = {}
        self._tasks: dict[str, TaskID] = {}
        self._closed = False
        self._timer = threading.Timer(PATIENCE, self._start)
        self._timer.daemon = True
        self._timer.start()

    def show(self, event: ProgressEvent) -> None:
        label = event.name if event.table is None or event.table == event.name else f"{event.name}.{event.table}"
        with self._lock:
            if event.status == "finished":
                self._running.pop(label, None)
            else:
                self._running[label] = event
            self._update()

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._display is not None:
                self._display.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._closed:
                return
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[rows]}", markup=False),
                TimeElapsedColumn(),
            )
            self._display = Progress(*columns, console=Console(stderr=True), transient=True)
            self._display.start()
            self._update()
            self._display.refresh()

    def _update(self) -> None:
        """Bring the display's lines in step with what runs."""
        if self._display is None or self._closed:
            return
        for label in self._tasks.keys() - self._running.keys():
            self._display.remove_task(self._tasks.pop(label))
        for label, event in self._running.items():
            rows = f"{event.rows:,} rows" if event.rows else ""
            if label in self._tasks:
                self._display.update(self._tasks[label], rows=rows)
            else:
                self._tasks[label] = self._display.add_task(label, total=None, rows=rows)
