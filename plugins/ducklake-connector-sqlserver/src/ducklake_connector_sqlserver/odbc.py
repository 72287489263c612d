"""Reading over ODBC: a statement becomes Arrow batches, whatever the server. Nothing here knows any dialect of SQL.

`ArrowChannel` lets the driver fill buffers of many rows at once, which become Arrow without a Python object a value (arrow-odbc). A
buffer has room for the longest value that a column may hold, so a column without a bound is measured before; a value that is longer
nevertheless is an error, never cut. `RowChannel` reads rows whose values are too long for that, one after the other (pyodbc).

Each channel makes its calls in a thread of its own, so that who waits for one can be let go while the driver still waits for the server.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import queue
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

ROWS = 65_535
"""Rows a fetch at most: some drivers count them in 16 bits."""

_TRUNCATED = "too large to be written into the allocated buffer"
_ARROW = re.compile(r"State: (?P<state>\w{5}), Native error: (?P<native>-?\d+), Message: (?P<message>.*)", re.DOTALL)
_PYODBC = re.compile(r"^\[\w{5}\] (?P<message>.*?)(?: \((?P<native>-?\d+)\))? \((?P<call>SQL\w+)\)", re.DOTALL)


class Interrupted(Exception):
    """The channel was stopped while somebody waited for it."""


class TooLong(Exception):
    """A value is longer than the room that there is for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a driver says of an error.

    Attributes:
        state: The SQLSTATE, or an empty text.
        native: The server's own number; 0 for none.
        message: Its words.
    """

    state: str
    native: int
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Wire:
    """How one column is handed over by the driver.

    Attributes:
        type: As which Arrow type; text and bytes are as long as they may be.
        longest: UTF-16 units of the longest text, or bytes; None for types of one size.
    """

    type: pa.DataType
    longest: int | None = None

    @property
    def width(self) -> int:
        """Bytes that one value takes in the driver's buffer."""
        import pyarrow as pa

        if self.longest is None:
            return 48
        return 8 + self.longest * (2 if pa.types.is_string(self.type) else 1)


class Channel(abc.ABC):
    """One connection, in autocommit until a statement says otherwise.

    Args:
        connection_string: Holds the password: never to be shown.
        timeout: Seconds to wait for the server to let us in.
        place: `source.table`, for messages.
    """

    def __init__(self, connection_string: str, timeout: int, place: str) -> None:
        self.place = place
        self._worker = Worker()
        self._timeout = timeout
        try:
            self._handle: Any = self._worker.call(lambda: self._connect(connection_string))
        except BaseException:
            self._worker.end()
            raise

    def execute(self, statement: str) -> None:
        """Run a statement that returns no rows.

        Args:
            statement: Whole, with its values.
        """
        self._worker.call(lambda: self._execute(statement))

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and fetch all its rows.

        Args:
            statement: Of few rows and short values.
        """
        return self._worker.call(lambda: self._ask(statement))

    def batches(self, statement: str, wires: Sequence[Wire], batch_size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Run a statement; its rows flow as they are asked for.

        Args:
            statement: Whole, with its values.
            wires: Its columns.
            batch_size: Rows a batch at most.
            batch_bytes: Bytes of the driver's buffers at most, unless one row needs more.

        Yields:
            Batches with the types of `wires`; the columns have the names c0, c1, ...

        Raises:
            TooLong: A value is longer than its column's wire allows.
        """
        reader = self._worker.call(lambda: self._open(statement, wires, batch_size, batch_bytes))
        while (batch := self._worker.call(lambda: next(reader, None))) is not None:
            yield batch

    @property
    def busy(self) -> bool:
        """Whether the driver still waits for the server, though perhaps nobody for the driver."""
        return self._worker.busy

    def stop(self) -> None:
        """Let go of whoever waits, now; from any thread."""
        self._worker.stop()

    def close(self) -> None:
        """Close the connection, as soon as the driver answers."""
        handle, self._handle = self._handle, None
        self._worker.end(lambda: self._disconnect(handle))

    @abc.abstractmethod
    def _connect(self, connection_string: str) -> Any:
        """Connect."""

    @abc.abstractmethod
    def _execute(self, statement: str) -> None:
        """Run a statement."""

    @abc.abstractmethod
    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and fetch all."""

    @abc.abstractmethod
    def _open(self, statement: str, wires: Sequence[Wire], batch_size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Run a statement whose rows are to flow."""

    def _disconnect(self, handle: Any) -> None:
        """Close; a handle that is not closed by hand is by Python."""


class ArrowChannel(Channel):
    """Many rows at once, without a Python object a value."""

    def _connect(self, connection_string: str) -> Any:
        import arrow_odbc

        return arrow_odbc.connect(connection_string, login_timeout_sec=self._timeout, autocommit=True)

    def _execute(self, statement: str) -> None:
        self._handle.execute(statement)

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        from arrow_odbc import TextEncoding

        found = self._handle.read_arrow_batches(
            statement, 100, max_text_size=4000, payload_text_encoding=TextEncoding.UTF16, fetch_concurrently=False
        )
        rows: list[tuple[Any, ...]] = []
        for batch in found:
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return rows

    def _open(self, statement: str, wires: Sequence[Wire], batch_size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from arrow_odbc import TextEncoding

        row = max(1, sum(wire.width for wire in wires))
        texts = [wire.longest or 1 for wire in wires if pa.types.is_string(wire.type)]
        binaries = [wire.longest or 1 for wire in wires if pa.types.is_binary(wire.type)]
        # The driver fills one buffer while the other is made Arrow. UTF-16 is the only encoding that no locale decides.
        reader = self._handle.read_arrow_batches(
            statement,
            max(1, min(batch_size, ROWS, batch_bytes // 2 // row)),
            max_bytes_per_batch=None,
            max_text_size=max(texts, default=1),
            max_binary_size=max(binaries, default=1),
            falliable_allocations=True,
            schema=pa.schema([pa.field(f"c{at}", wire.type) for at, wire in enumerate(wires)]),
            payload_text_encoding=TextEncoding.UTF16,
        )
        return self._flowing(reader)

    def _flowing(self, reader: Any) -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            if _TRUNCATED in str(error):
                raise TooLong from error
            raise


class RowChannel(Channel):
    """One row after the other, for values of any length."""

    _cursor: Any = None

    def stop(self) -> None:
        """Cancel the statement at the server too."""
        super().stop()
        if (cursor := self._cursor) is not None:
            with contextlib.suppress(Exception):
                cursor.cancel()

    def _connect(self, connection_string: str) -> Any:
        import pyodbc

        return pyodbc.connect(connection_string, timeout=self._timeout, autocommit=True)

    def _execute(self, statement: str) -> None:
        self._cursor = self._handle.cursor()
        self._cursor.execute(statement).close()

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        self._cursor = self._handle.cursor()
        rows = self._cursor.execute(statement).fetchall()
        self._cursor.close()
        return [tuple(row) for row in rows]

    def _open(self, statement: str, wires: Sequence[Wire], batch_size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        from ducklake_connector_sql.batches import Reading, read_batches
        from ducklake_connector_sql.convert import plain

        self._cursor = self._handle.cursor()
        self._cursor.execute(statement)
        readings = [Reading(f"c{at}", wire.type, plain(wire.type)) for at, wire in enumerate(wires)]
        return read_batches(self.place, readings, self._cursor.fetchmany, batch_size, batch_bytes)

    def _disconnect(self, handle: Any) -> None:
        if handle is not None:
            handle.close()


class Worker:
    """A thread that makes calls one after the other, and can be left behind."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._stopped = False
        self.busy = False
        self._waited: Future[Any] | None = None
        threading.Thread(target=self._run, name="odbc", daemon=True).start()

    def call(self, work: Callable[[], T]) -> T:
        """Make a call there and wait for it.

        Args:
            work: What to do.

        Raises:
            Interrupted: `stop` was called before or meanwhile.
        """
        answer: Future[T] = Future()
        self._waited = answer
        if self._stopped:
            raise Interrupted
        self.busy = True
        self._calls.put((work, answer))
        return answer.result()

    def stop(self) -> None:
        """Let go of who waits; what runs goes on until it ends by itself."""
        self._stopped = True
        if (waited := self._waited) is not None:
            _answer(waited.set_exception, Interrupted())

    def end(self, last: Callable[[], None] | None = None) -> None:
        """Let the thread end.

        Args:
            last: What it does before.
        """
        if last is not None:
            self._calls.put((last, Future()))
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            work, answer = call
            try:
                found = work()
            except BaseException as error:  # carried to who waits
                self.busy = False
                _answer(answer.set_exception, error)
            else:
                self.busy = False
                _answer(answer.set_result, found)
                del found
            del call, work, answer


def _answer(give: Callable[[Any], None], what: Any) -> None:
    with contextlib.suppress(InvalidStateError):  # who waited was let go
        give(what)


def diagnostic_of(error: BaseException) -> Diagnostic | None:
    """What a driver says, out of either library's exception; None for an exception of another kind.

    Args:
        error: The exception.
    """
    kind = type(error).__module__.partition(".")[0]
    text = str(error.args[-1]) if error.args else ""
    if kind == "arrow_odbc":
        found = _ARROW.search(text)
        return Diagnostic(found["state"], int(found["native"]), found["message"].strip()) if found else Diagnostic("", 0, text)
    if kind == "pyodbc":
        state = str(error.args[0]) if len(error.args) > 1 else ""
        match = _PYODBC.match(text)
        return Diagnostic(state, int(match["native"] or 0), match["message"].strip()) if match else Diagnostic(state, 0, text)
    return None
