"""Names of runs: sortable by time, unique by chance."""

from __future__ import annotations

import datetime as dt
import secrets


def new_id(started: dt.datetime) -> str:
    """The id of an extraction or a pipeline run.

    Args:
        started: Its start, UTC.
    """
    return f"{started:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"
