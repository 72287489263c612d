"""A clock that stands still until a test moves it."""

from __future__ import annotations

import dataclasses
import datetime as dt


@dataclasses.dataclass
class FakeClock:
    """What `Lake` takes for the time, in this process.

    Attributes:
        now: The time, UTC.
    """

    now: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        """The time."""
        return self.now

    def advance(self, **by: float) -> None:
        """Move on.

        Args:
            **by: As for `datetime.timedelta`: `days=1`, `minutes=5`, ...
        """
        self.now += dt.timedelta(**by)
