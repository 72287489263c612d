"""What `test-connection` shows of a server: version, encryption, clock, missing rights, tables."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING

from ducklake.api.connector import Diagnosis
from ducklake_connector_mysql.declared import list_tables
from ducklake_connector_mysql.server import ask

if TYPE_CHECKING:
    from ducklake_connector_mysql.server import Server

_OPEN = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"


def diagnose(server: Server, source: str, database: str) -> Diagnosis:
    """Ask a server about itself.

    Args:
        server: Which.
        source: The source's name, for messages.
        database: Whose tables to list.

    Raises:
        SourceError: It cannot be reached or refuses.
    """
    import pymysql

    with server.connection(source) as connection, server.explained(source):
        query = functools.partial(ask, connection)
        version = str(query("SELECT VERSION()")[0][0])
        before = dt.datetime.now(dt.UTC)
        clock = dt.datetime.fromisoformat(query("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")[0][0]).replace(tzinfo=dt.UTC)
        between = before + (dt.datetime.now(dt.UTC) - before) / 2
        missing = []
        try:
            query(_OPEN)
        except pymysql.MySQLError as error:
            if error.args[0] not in (1044, 1142, 1227):
                raise
            missing.append("PROCESS, to see open transactions: GRANT PROCESS ON *.* to the user of `connection`")
        return Diagnosis(
            server=f"MariaDB {version.partition('-MariaDB')[0]}" if "MariaDB" in version else f"MySQL {version}",
            tls=server.encrypted(connection) or "none",
            clock_difference=(clock - between).total_seconds(),
            missing_rights=tuple(missing),
            tables=tuple(list_tables(query, database)),
        )
