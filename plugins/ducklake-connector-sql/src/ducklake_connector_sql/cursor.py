"""How far the increments of a table have come, and how far the next one reads back.

A row is seen by the first snapshot in which it is visible, and a transaction that is open while a snapshot is taken
may commit a key below the highest one. So the watermark lags: it becomes a highest key that was seen before the
oldest transaction began that was open at the snapshot. Rows above it are read again, and core lands only those that
have not landed before.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from ducklake.errors import DataError
from ducklake_connector_sql.keys import WORDS, KeyKind, Lookback, anew, back, lookback_of, parse

FORMAT_VERSION = 1
_HISTORY = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """A look at the table before its snapshot.

    Attributes:
        top: The highest key, as text; None if there is none.
        clock: The server's clock after that look.
    """

    top: str | None
    clock: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Horizon:
    """What is known of transactions that the snapshot does not show.

    Attributes:
        since: The oldest of them began at this time or later, by the server's clock.
        quiet: Nothing is open, so that a look at that very moment counts too.
        note: A remark where the source does not say.
        urgent: Whether the remark is for every extraction, not for the first only.
    """

    since: dt.datetime
    quiet: bool = False
    note: str | None = None
    urgent: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """What one extraction of a table leaves to the next.

    Attributes:
        column: The key column.
        kind: What its values are.
        watermark: Every row that comes later has a key at or above it, lookback aside; None: nothing is known.
        history: Looks at the table, the oldest first.
        as_text: Columns that land as text although they are declared as something else, and stay so.
    """

    column: str
    kind: KeyKind
    watermark: str | None = None
    history: tuple[Probe, ...] = ()
    as_text: tuple[str, ...] = ()

    @classmethod
    def from_state(cls, state: Mapping[str, Any], column: str, place: str) -> Cursor:
        """Read what `to_state` wrote.

        Args:
            state: Of the last extraction.
            column: The key column as configured now.
            place: `source.table`, for messages.

        Raises:
            DataError: It belongs to another key column, or to another version of this connector.
        """
        if state.get("version") != FORMAT_VERSION:
            raise DataError(f"{place}: the state of the last extraction has an unknown version {state.get('version')!r}", hint=anew(place))
        if state["column"] != column:
            message = f"{place}: the key column is now {column!r}, so far it was {state['column']!r}"
            raise DataError(message, hint=f"write key_column: {state['column']} again, or begin anew: {anew(place)}", code="key_changed")
        history = tuple(Probe(top, dt.datetime.fromisoformat(clock)) for top, clock in state["history"])
        return cls(column, state["kind"], state["watermark"], history, tuple(state["as_text"]))

    def to_state(self) -> dict[str, Any]:
        """A JSON document of texts."""
        return {
            "version": FORMAT_VERSION,
            "column": self.column,
            "kind": self.kind,
            "watermark": self.watermark,
            "history": [[probe.top, probe.clock.isoformat()] for probe in self.history],
            "as_text": list(self.as_text),
        }

    def check_kind(self, kind: KeyKind, place: str) -> None:
        """See that the key still is what it was, once something depends on it.

        Args:
            kind: Of the key now.
            place: `source.table`, for messages.

        Raises:
            DataError: It holds something else now.
        """
        if kind != self.kind and (self.watermark is not None or any(probe.top is not None for probe in self.history)):
            message = f"{place}.{self.column}: the key column held {WORDS[self.kind]}, now it holds {WORDS[kind]}"
            raise DataError(message, hint=f"mend it at the source, or begin anew: {anew(place)}", code="key_changed")

    def advanced(self, probe: Probe, horizon: Horizon) -> Cursor:
        """With another look at the table, and the highest watermark that is safe after the snapshot that follows it.

        Args:
            probe: The look before the snapshot.
            horizon: What was open after that look.
        """
        history = (*self.history, probe)[-_HISTORY:]
        safe = [
            past.top
            for past in history
            if past.top is not None and (past.clock < horizon.since or (horizon.quiet and past.clock == horizon.since))
        ]
        watermark = self.watermark
        if safe and (watermark is None or not self._below(safe[-1], watermark)):
            watermark = safe[-1]
        return dataclasses.replace(self, watermark=watermark, history=history)

    def low(self, lookback: Lookback | None, place: str) -> str | None:
        """The lowest key that the next increment reads; None for everything.

        Args:
            lookback: As configured.
            place: `source.table`, for messages.

        Raises:
            ConfigurationError: The lookback is none for this kind of key.
        """
        distance = lookback_of(self.kind, lookback, f"{place}.{self.column}")
        return None if self.watermark is None else back(self.kind, self.watermark, distance)

    def _below(self, one: str, other: str) -> bool:
        """Whether one key is lower than another; for text only the source knows."""
        values = parse(self.kind, one), parse(self.kind, other)
        return not isinstance(values[0], str) and values[0] < values[1]  # type: ignore[operator]
