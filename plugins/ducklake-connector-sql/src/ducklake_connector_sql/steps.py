"""One increment, or one window of a first load, without a word of any database: what is asked, and which rows are read.

A connector for one database answers a few questions about the key (`KeyProbe`) and turns a `KeyRange` into its own SQL.
"""

from __future__ import annotations

import abc
import calendar
import dataclasses
import datetime as dt
import decimal
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ducklake.api.extraction import ExtractRequest, Overlap, Window
from ducklake.errors import ConfigurationError, DataError
from ducklake_connector_sql.cursor import Cursor, Horizon, Probe
from ducklake_connector_sql.keys import KeyKind, Lookback, anew, gone_back, key_among, kind_of, lookback_of, parse, render

if TYPE_CHECKING:
    import pyarrow as pa


class KeyProbe(abc.ABC):
    """What an increment asks a database about one key column. Keys come and go as `keys.render` writes them."""

    @abc.abstractmethod
    def clock(self) -> dt.datetime:
        """The server's clock, in UTC."""

    @abc.abstractmethod
    def highest(self, kind: KeyKind, now: dt.datetime) -> str | None:
        """The highest key; infinities, NaN, zero dates and times beyond the server's clock left out.

        Args:
            kind: Of the key.
            now: The server's clock.
        """

    @abc.abstractmethod
    def lowest(self, kind: KeyKind, low: str | None) -> str | None:
        """The lowest key, with the same left out.

        Args:
            kind: Of the key.
            low: Keys below it are passed over; None takes all.
        """

    @abc.abstractmethod
    def horizon(self, probe: Probe, lookback: Lookback) -> Horizon:
        """Since when transactions may be open that a snapshot taken now would not show.

        Args:
            probe: The look at the table just before.
            lookback: As it holds for the table.
        """

    @abc.abstractmethod
    def reaches(self, kind: KeyKind, text: str) -> bool:
        """Whether some row of the snapshot has a key at or above one.

        Args:
            kind: Of the key.
            text: The key.
        """

    def notes(self, kind: KeyKind) -> Sequence[str]:
        """Remarks on the key, once: no index, an order that may surprise.

        Args:
            kind: Of the key.
        """
        return ()


@dataclasses.dataclass(frozen=True, slots=True)
class KeyRange:
    """Which rows are read. All of them where both bounds are None and `nulls` is true.

    Attributes:
        low: Keys at or above it; None has no bound.
        below: Keys below it; None has no bound.
        nulls: Rows without a key too.
    """

    low: str | None = None
    below: str | None = None
    nulls: bool = True

    @property
    def everything(self) -> bool:
        """Whether no condition is needed."""
        return self.low is None and self.below is None and self.nulls


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One extraction of a table by its key.

    Attributes:
        place: `source.table`.
        column: The key column.
        kind: What its values are.
        before: The cursor that the last extraction left.
        cursor: The cursor to leave.
        range: Which rows to read.
        repeats: Whether rows may have landed before.
        more: Whether another window follows.
        reads: A fingerprint of what is read besides the table (`query`, `where`).
        notes: Remarks for the user.
    """

    place: str
    column: str
    kind: KeyKind
    before: Cursor
    cursor: Cursor
    range: KeyRange
    repeats: bool
    more: bool
    reads: str | None
    notes: tuple[str, ...]

    def state(self) -> dict[str, object]:
        """What to hand to the next extraction."""
        extra = {"reads": self.reads} if self.reads else {}
        return {**self.cursor.to_state(), **extra, **({"loading": True} if self.more else {})}

    def overlap(self, *, ordered: bool) -> Overlap | None:
        """What core compares with.

        Args:
            ordered: Whether the database orders such keys as DuckDB does.
        """
        return Overlap(self.column, self.range.low if ordered else None) if self.repeats else None

    def in_snapshot(self, probe: KeyProbe, kind: pa.DataType | None) -> Step:
        """See in the snapshot that the look before it still holds.

        Args:
            probe: Answers from the snapshot now.
            kind: The key's lake type there; None if the column is gone.

        Raises:
            DataError: The table changed since, or holds nothing any more at the watermark.
        """
        if kind is None or kind_of(self.column, kind, self.place) != self.kind:
            raise DataError(f"{self.place}: the table was altered while it was looked at", hint="run the command again")
        old, new = self.before.watermark, self.cursor.watermark
        if self.more:
            return self
        if old is not None and self.repeats and not probe.reaches(self.kind, old):
            raise gone_back(self.column, old, self.place)
        if new is not None and new != old and not probe.reaches(self.kind, new):
            # Deleted between the look and the snapshot: the watermark must not be higher than what was read.
            return dataclasses.replace(self, cursor=dataclasses.replace(self.cursor, watermark=old))
        return self


def begin(request: ExtractRequest, names: Sequence[str], types: Sequence[pa.DataType], probe: KeyProbe, place: str) -> Step:
    """Look at the key before the snapshot, and decide what to read.

    Args:
        request: What is to be extracted.
        names: The table's columns.
        types: What they land as.
        probe: Answers outside any snapshot.
        place: `source.table`.

    Raises:
        DataError: The key is gone, holds something else now, or cannot be one; or another query is read.
        ConfigurationError: Lookback or window do not go with the key.
    """
    name = key_among(request.key_column or "", names, place, known=request.state is not None)
    kind = kind_of(name, types[list(names).index(name)], place)
    before, loading, reads = Cursor(name, kind), False, _reads(request)
    if request.state is not None:
        if request.state.get("reads") != reads:
            message = f"{place}: `query` or `where` has changed since the last extraction, so increments cannot go on"
            raise DataError(message, hint=f"take the change back, or begin anew: {anew(place)}", code="query_changed")
        before = Cursor.from_state(request.state, name, place)
        before.check_kind(kind, place)
        before = dataclasses.replace(before, kind=kind)
        loading = bool(request.state.get("loading"))
    before = dataclasses.replace(before, as_text=tuple(sorted({*before.as_text, *request.as_text})))
    low = before.watermark if loading else before.low(request.lookback, place)
    distance = lookback_of(kind, request.lookback, f"{place}.{name}")
    look = Probe(probe.highest(kind, probe.clock()), probe.clock())
    notes: tuple[str, ...] = ()
    if request.window is not None and (loading or request.state is None):
        check_window(kind, request.window, f"{place}.{name}")
        # Only keys out of what was there before the oldest open transaction are worth a window of their own.
        first = probe.lowest(kind, low if loading else None)
        upper = None if first is None else ahead(kind, first, request.window)
        if upper is not None and look.top is not None and parse(kind, upper) <= parse(kind, look.top):  # type: ignore[operator]
            cursor = dataclasses.replace(before, watermark=upper)
            return Step(place, name, kind, before, cursor, KeyRange(low, upper, nulls=False), False, True, reads, notes)
    horizon = probe.horizon(look, distance)
    if request.state is None or horizon.urgent:
        notes = tuple(note for note in (horizon.note, *(probe.notes(kind) if request.state is None else ())) if note)
    repeats = request.state is not None and not loading
    return Step(place, name, kind, before, before.advanced(look, horizon), KeyRange(low), repeats, False, reads, notes)


def check_window(kind: KeyKind, window: Window, place: str) -> None:
    """See that a window goes with its key.

    Args:
        kind: Of the key.
        window: As configured.
        place: `source.table.column`, for messages.

    Raises:
        ConfigurationError: It does not.
    """
    times = kind in ("date", "timestamp")
    if kind in ("text", "float"):
        raise ConfigurationError(f"{place}: window needs a key of whole numbers, decimals, dates or times", code="window")
    if times != (window.step is None):
        wanted, example = ("a duration", "1 month") if times else ("a number", "1000000")
        raise ConfigurationError(
            f"{place}: the key needs {wanted} as its window", hint=f"write for example window: {example}", code="window"
        )
    if kind == "date" and not window.months and window.span < dt.timedelta(days=1):
        raise ConfigurationError(f"{place}: the key is a date, its window at least 1 day", code="window")


def ahead(kind: KeyKind, text: str, window: Window) -> str | None:
    """The key that lies one window above another; None where there is none so high.

    Args:
        kind: Of the key.
        text: The key.
        window: How far.
    """
    value = parse(kind, text)
    try:
        with decimal.localcontext(prec=100):
            match value:
                case dt.datetime() | dt.date():
                    return render(_months_later(value, window.months) + window.span)
                case int():
                    return render(value + max(1, int(window.step or 1)))
                case decimal.Decimal():
                    return render(value + (window.step or decimal.Decimal(1)))
    except (OverflowError, ValueError):
        return None
    return None


def _months_later(value: dt.date, months: int) -> dt.date:
    if not months:
        return value
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    return value.replace(year=year, month=month + 1, day=min(value.day, calendar.monthrange(year, month + 1)[1]))


def _reads(request: ExtractRequest) -> str | None:
    parts = [part for part in (request.query, request.where) if part]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16] if parts else None
