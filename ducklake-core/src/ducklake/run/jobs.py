"""Several tables at once: threads that go through the same sources, where each table is taken by the first to come by."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ducklake.api.results import TableResult
from ducklake.run.source import extract_source

if TYPE_CHECKING:
    from ducklake.plan.model import SourcePlan
    from ducklake.run.context import RunContext


class Claims:
    """What the threads have taken so far."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str | None]] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def take(self, source: str, table: str | None) -> bool:
        """Whether nobody has taken it before.

        Args:
            source: A source.
            table: One of its tables, or a word for something else that is done once.
        """
        with self._lock:
            if self.stopped or (source, table) in self._taken:
                return False
            self._taken.add((source, table))
            return True

    def of(self, source: str) -> Callable[[str | None], bool]:
        """`take` for the tables of one source.

        Args:
            source: Its name.
        """
        return lambda table: self.take(source, table)


def extract_sources(
    context: RunContext, plans: Sequence[SourcePlan], only: Sequence[str] = (), *, anew: bool = False, jobs: int = 1
) -> Iterator[TableResult]:
    """Extract the tables of several sources.

    Args:
        context: The lake.
        plans: The sources.
        only: Names or patterns of tables (`--table`).
        anew: Read everything, also what is extracted in increments.
        jobs: Tables that are extracted at once; each thread has connections of its own.

    Yields:
        A result a table, as they are done.
    """
    if jobs < 2:
        for plan in plans:
            yield from extract_source(context, plan, only, anew=anew)
        return
    claims, done, errors = Claims(), queue.SimpleQueue[TableResult | None](), list[BaseException]()

    def work(first: int) -> None:
        try:
            for plan in (*plans[first:], *plans[:first]):
                # One snapshot for all tables of a source is one session's.
                alone = any(table.request is not None and table.request.one_snapshot for table in plan.tables)
                if claims.stopped or (alone and not claims.take(plan.source, "\0alone")):
                    continue
                for result in extract_source(context, plan, only, anew=anew, claim=claims.of(plan.source)):
                    done.put(result)
        except BaseException as error:  # carried to the thread that waits
            errors.append(error)
        finally:
            done.put(None)

    threads = [threading.Thread(target=work, args=(at % max(1, len(plans)),), name=f"job {at}", daemon=True) for at in range(jobs)]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            result = done.get()
            running -= result is None
            if result is not None:
                yield result
    finally:
        claims.stopped = True
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
