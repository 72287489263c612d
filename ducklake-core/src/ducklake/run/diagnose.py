"""Reaching a source without extracting anything."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import ConnectorContext
from ducklake.api.engine import EngineError
from ducklake.run.guard import engine_failure, guarded

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from ducklake.api.connector import Connector
    from ducklake.api.engine import EngineSession
    from ducklake.plan.model import SourcePlan


@contextlib.contextmanager
def reached(plan: SourcePlan, root: Path, engine: EngineSession, log: logging.Logger) -> Iterator[Connector[Any]]:
    """The connector of a source, whatever it raises turned into an error of ours.

    Args:
        plan: The source.
        root: The project's folder.
        engine: Lent to the connector.
        log: Likewise.

    Raises:
        DuckLakeError: The source cannot be reached or refuses.
    """
    try:
        with guarded(plan.connector.plugin, plan.source):
            yield plan.connector.cls(plan.options, ConnectorContext(plan.source, root, engine, log.getChild(plan.source)))
    except EngineError as error:
        raise engine_failure(plan.source, error) from error


def diagnose(plan: SourcePlan, root: Path, engine: EngineSession, log: logging.Logger) -> dict[str, Any]:
    """Connect, and say what answers.

    Args:
        plan: The source.
        root: The project's folder.
        engine: Lent to the connector.
        log: Likewise.

    Returns:
        `source`, `type`, `latency_ms` (to connect and log in), and the fields of `Diagnosis`.

    Raises:
        DuckLakeError: The source cannot be reached or refuses.
    """
    with reached(plan, root, engine, log) as connector:
        begun = time.perf_counter()
        connector.validate_connection()
        latency = time.perf_counter() - begun
        found = connector.diagnose()
    return {
        "source": plan.source,
        "type": plan.connector.name,
        "status": "success",
        "latency_ms": round(latency * 1000, 1),
        "server": found.server,
        "tls": found.tls,
        "clock_difference_s": None if found.clock_difference is None else round(found.clock_difference, 3),
        "missing_rights": list(found.missing_rights),
        "tables": list(found.tables),
    }
