"""In which snapshot the rows of a table are read, and what holds where the database has none."""

from __future__ import annotations

import dataclasses

from ducklake_connector_sqlserver.declared import Ask

STATE = """
SELECT CAST(snapshot_isolation_state AS int), CAST(is_read_committed_snapshot_on AS int) FROM sys.databases WHERE name = DB_NAME()
"""
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
_ALLOW = "ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON gives all of it one snapshot"
_STATEMENT = (
    "the database allows no SNAPSHOT isolation: the rows are those of one moment (READ_COMMITTED_SNAPSHOT), the looks at the table "
    f"before and after are not; {_ALLOW}"
)
_COMMITTED = (
    "the database allows no SNAPSHOT isolation: a row that is moved while the table is read may be missing or come twice (READ COMMITTED), "
    f"and writers are waited for; {_ALLOW}"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Isolation:
    """How the statements of one table see the database.

    Attributes:
        each: What makes a single statement see committed rows without waiting for writers.
        begin: What opens a snapshot for several statements; empty where there is none.
        note: What it means that there is none.
    """

    each: tuple[str, ...]
    begin: tuple[str, ...]
    note: str | None = None

    @property
    def snapshot(self) -> bool:
        """Whether several statements see the same rows."""
        return bool(self.begin)


def isolation_of(ask: Ask) -> Isolation:
    """What the database allows; see `sys.databases`.

    Args:
        ask: Runs statements in the database.
    """
    snapshot, versions = next(iter(ask(STATE)), (0, 0))
    if snapshot == 1:  # 2 and 3: an ALTER DATABASE is under way
        return Isolation((_SNAPSHOT,), (_SNAPSHOT, "BEGIN TRANSACTION"))
    return Isolation((), (), _STATEMENT if versions else _COMMITTED)
