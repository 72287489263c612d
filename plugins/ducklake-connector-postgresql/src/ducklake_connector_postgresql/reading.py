"""One table while it is read: its streams, what the server counted, and the proof."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ducklake_connector_postgresql.checksum import checksums
from ducklake_connector_postgresql.errors import explained
from ducklake_connector_postgresql.transport import Copy, Parser
from ducklake_connector_sql.policy import Converter, remarks_of
from ducklake_connector_sql.proof import prove_count, prove_values

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake.api.extraction import ExtractRequest, Landed
    from ducklake_connector_postgresql.pool import Pool
    from ducklake_connector_postgresql.types import ColumnPlan

_BLOCK = 4 * 2**20


class Reading:
    """The rows of one table in one snapshot.

    Args:
        pool: Whose connections are used.
        control: The connection that opened the snapshot.
        place: `source.table`.
        request: What is asked for.
        plans: The columns.
        select: The statement with `{where}` in its place, to which each stream adds its part.
        parts: Conditions that together hold for each row once; `[""]` for all at once.
    """

    def __init__(
        self,
        pool: Pool,
        control: Connection,
        place: str,
        request: ExtractRequest,
        plans: Sequence[ColumnPlan],
        references: Sequence[str],
        source: str,
        conditions: Sequence[str],
        parts: Sequence[str],
    ) -> None:
        self.pool, self.control, self.place, self.request, self.plans = pool, control, place, request, plans
        self._references, self._source, self._conditions = references, source, conditions
        self._parts: queue.SimpleQueue[str] = queue.SimpleQueue()
        for part in parts:
            self._parts.put(part)
        self._many = len(parts) > 1
        self._lock = threading.Lock()
        self._converters: list[Converter] = []
        self._copied = 0
        self._counted: int | None = None
        self._counter: threading.Thread | None = None

    def streams(self, others: Sequence[Connection]) -> list[Iterator[pa.RecordBatch]]:
        """A stream for each connection.

        Args:
            others: Connections in the same snapshot; without any, the one that opened it is read from.
        """
        return [self._stream(connection, alone=len(others) < 2) for connection in others or [self.control]]

    def prove(self, landed: Landed) -> None:
        """Compare what was written with what the server counts, and give the connections back; see `Extraction.prove`."""
        with explained(self.place):
            if self.request.verify != "off":
                prove_count(self.place, landed, self._copied)
                if self._counter is not None:
                    self._counter.join()
                    # Where it failed, the statement is made again here and says why.
                    counted = self._counted if self._counted is not None else self._count()
                    prove_count(self.place, landed, counted)
            if self.request.verify == "full":
                self._prove_values(landed)
        self.pool.give_back(self.control)

    def remarks(self) -> Sequence[str]:
        """What became NULL; see `Extraction.remarks`."""
        merged: dict[str, Converter] = {}
        for converter in self._converters:
            first = merged.setdefault(converter.name, converter)
            if first is not converter:
                first.absorb(converter)
        return remarks_of(merged.values())

    def _stream(self, connection: Connection, *, alone: bool) -> Iterator[pa.RecordBatch]:
        converters = [
            Converter(f"{self.place}.{plan.column.name}", plan.column.name, plan.type, self.request.policy(plan.column.name))
            for plan in self.plans
        ]
        parser = Parser(self.place, self.plans, converters)
        size = max(2**16, min(_BLOCK, self.request.batch_bytes // 8))
        done = False
        self._begin_counting()
        try:
            with explained(self.place):
                while (part := self._next()) is not None:
                    copy = Copy(connection, self._select(part))
                    try:
                        for block in copy.blocks(size):
                            batch = parser.parse(block, threads=alone)
                            for at in range(0, batch.num_rows, self.request.batch_size):
                                yield batch.slice(at, self.request.batch_size)
                    finally:
                        copy.close()
                    with self._lock:
                        self._copied += copy.rows
            with self._lock:
                self._converters += converters
            done = True
        finally:
            if not done:
                self.pool.drop(connection)
            elif connection is not self.control:
                self.pool.give_back(connection)

    def _next(self) -> str | None:
        try:
            return self._parts.get_nowait()
        except queue.Empty:
            return None

    def _select(self, part: str) -> str:
        columns = ", ".join(plan.expression(reference) for plan, reference in zip(self.plans, self._references, strict=True))
        return f"SELECT {columns} FROM {self._source}{self._where(part)}"

    def _where(self, part: str = "") -> str:
        conditions = [condition for condition in (*self._conditions, part) if condition]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _begin_counting(self) -> None:
        """Let the server count while it sends ranges, on the connection that is not read from."""
        with self._lock:
            if self._counter is not None or not self._many or self.request.verify == "off":
                return
            self._counter = threading.Thread(target=self._count_quietly, name="count", daemon=True)
            self._counter.start()

    def _count_quietly(self) -> None:
        import psycopg2

        try:
            self._counted = self._count()
        except psycopg2.Error:
            self._counted = None

    def _count(self) -> int:
        with self.control.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self._source}{self._where()}")
            return int((cursor.fetchone() or (0,))[0])

    def _prove_values(self, landed: Landed) -> None:
        nulled = {converter.name for converter in self._converters if converter.nulled}
        asked = [one for one in checksums(self.plans, self._references) if one.name not in nulled]
        if not asked:
            return
        with self.control.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(one.server for one in asked)} FROM {self._source}{self._where()}")
            row = cursor.fetchone() or ()
        expected = {one.name: value for one, value in zip(asked, row, strict=True)}
        prove_values(self.place, landed, {one.name: one.lake for one in asked}, expected)
