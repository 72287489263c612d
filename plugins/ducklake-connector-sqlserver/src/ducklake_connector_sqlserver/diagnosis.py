"""What `test-connection` shows of a server: version, encryption, clock, missing rights, tables."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ducklake.api.connector import Diagnosis
from ducklake_connector_sqlserver.probe import CLOCK

if TYPE_CHECKING:
    from ducklake_connector_sqlserver.declared import Ask
    from ducklake_connector_sqlserver.server import Server

VERSION = """
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY('Edition') AS nvarchar(128))
"""
ENCRYPTED = "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID"
RIGHTS = "SELECT COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), 0)"
UNREADABLE = """
SELECT QUOTENAME(s.name) + N'.' + QUOTENAME(o.name)
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
  AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT') = 0
ORDER BY 1
"""
_NAMES = {
    "8": "2000",
    "9": "2005",
    "10": "2008",
    "11": "2012",
    "12": "2014",
    "13": "2016",
    "14": "2017",
    "15": "2019",
    "16": "2022",
    "17": "2025",
}
_SHOWN = 20


def diagnose(server: Server, source: str) -> Diagnosis:
    """Ask a server about itself.

    Args:
        server: Which.
        source: The source's name, for messages.

    Raises:
        SourceError: It cannot be reached or refuses.
    """
    with server.line(source) as line, server.explained(source):
        ask = line.channel.ask
        ((version, edition),) = ask(VERSION)
        before = dt.datetime.now(dt.UTC)
        clock = dt.datetime.fromisoformat(ask(CLOCK)[0][0]).replace(tzinfo=dt.UTC)
        between = before + (dt.datetime.now(dt.UTC) - before) / 2
        return Diagnosis(
            server=f"SQL Server {_NAMES.get(version.partition('.')[0], '')} {version} ({edition})".replace("  ", " "),
            tls=_encryption(server, ask),
            clock_difference=(clock - between).total_seconds(),
            missing_rights=tuple(_missing(server, ask)),
            tables=tuple(server.dialect.tables(ask)),
        )


def _encryption(server: Server, ask: Ask) -> str | None:
    """Whether the server says that this connection is encrypted; it says so only to those who may see its state."""
    try:
        rows = ask(ENCRYPTED)
    except Exception as error:
        if not server.refused(error):
            raise
        return None
    return ("TLS" if rows[0][0] == "TRUE" else "none") if rows else None


def _missing(server: Server, ask: Ask) -> list[str]:
    """What the login lacks, a line each."""
    missing = [f"SELECT on {name}: GRANT SELECT ON {name} TO the user" for (name,) in ask(UNREADABLE)]
    if len(missing) > _SHOWN:
        missing = [*missing[:_SHOWN], f"SELECT on {len(missing) - _SHOWN} more tables"]
    if not ask(RIGHTS)[0][0]:
        missing.append("VIEW SERVER STATE, to see open transactions: GRANT VIEW SERVER STATE TO the login (a rowversion key needs none)")
    isolation = server.dialect.isolation(ask)
    if not isolation.snapshot:
        missing.append(f"SNAPSHOT isolation, which is no right but a setting: {isolation.note}")
    return missing
