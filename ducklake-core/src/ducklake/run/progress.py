"""What long work tells whoever watches it, for example a progress bar."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A table's extraction or a pipeline's run has come so far.

    Attributes:
        name: The source or pipeline.
        table: The table, where there is one.
        status: `started`, any number of `progress`, then `finished`, however it ended.
        rows: Rows so far, if they are known.
    """

    name: str
    table: str | None
    status: Literal["started", "progress", "finished"]
    rows: int | None = None


ProgressCallback = Callable[[ProgressEvent], None]
"""Takes the events; called from the thread that does the work, so it must return at once."""
