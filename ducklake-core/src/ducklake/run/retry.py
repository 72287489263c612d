"""Beginning again after causes that pass: a dropped connection, a server that restarts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from ducklake.errors import DuckLakeError

T = TypeVar("T")

FIRST = 0.5
"""Seconds before the second attempt; each further wait is twice as long."""
LONGEST = 30.0
"""Seconds that a wait lasts at most, chance aside."""


def retrying(work: Callable[[], T], retries: int, warn: Callable[[DuckLakeError, float], None]) -> T:
    """Do some work, again and again while its failure is one that passes.

    Args:
        work: Leaves nothing behind when it fails.
        retries: Attempts after the first.
        warn: Told of each failure and of the seconds until the next attempt.

    Raises:
        DuckLakeError: The last failure, or the first that does not pass.
    """
    for attempt in range(retries):
        try:
            return work()
        except DuckLakeError as error:
            if not error.retryable:
                raise
            # Chance keeps many tables from coming back in the same instant.
            wait = min(LONGEST, FIRST * 2**attempt) * random.uniform(0.75, 1.25)
            warn(error, wait)
        time.sleep(wait)
    return work()
