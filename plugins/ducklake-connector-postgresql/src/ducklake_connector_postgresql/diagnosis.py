"""What `test-connection` shows of a PostgreSQL server."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from ducklake.api.connector import Diagnosis
from ducklake_connector_postgresql.catalog import list_tables
from ducklake_connector_postgresql.connect import PORT, connect
from ducklake_connector_postgresql.errors import explained
from ducklake_connector_postgresql.probe import moment

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake_connector_postgresql.connector import PostgresqlConnector

READABLE = """
SELECT c.oid::bigint,
       has_schema_privilege(c.relnamespace, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'),
       c.relrowsecurity AND row_security_active(c.oid)
FROM pg_class c WHERE c.oid = ANY (%s)
"""
ROLE = "SELECT current_user, pg_has_role('pg_read_all_stats', 'USAGE') FROM pg_roles WHERE rolname = current_user"


def diagnose(connector: PostgresqlConnector) -> Diagnosis:
    """Connect and look; nothing is read from any table.

    Args:
        connector: Of the source.

    Raises:
        SourceError: The server cannot be reached or refuses.
    """
    source = connector.context.source
    options = connector.options.connection
    with (
        contextlib.closing(options.endpoint(connector.context, PORT)) as endpoint,
        contextlib.closing(connect(options, connector.context, source, endpoint)) as connection,
    ):
        with explained(source), connection.cursor() as cursor:
            before = dt.datetime.now(dt.UTC)
            cursor.execute("SELECT clock_timestamp()::text, current_setting('server_version')")
            clock, version = cursor.fetchone() or ("", "")
            middle = before + (dt.datetime.now(dt.UTC) - before) / 2
            tables = list_tables(connection)
            missing = _missing(connection, {table.oid: name for name, table in tables.items()})
        offered = tuple(name for name, table in tables.items() if not table.part)
        tls = connection.info.ssl_attribute("protocol") if connection.info.ssl_in_use else "none"
        return Diagnosis(f"PostgreSQL {version}", tls, (moment(clock) - middle).total_seconds(), missing, offered)


def _missing(connection: Connection, names: dict[int, str]) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(ROLE)
        user, sees_transactions = cursor.fetchone() or ("", False)
        cursor.execute("SET row_security = on")  # the question is whether policies would apply
        cursor.execute(READABLE, (list(names),))
        rows = cursor.fetchall()
    missing = [f"SELECT on {names[oid]}" for oid, readable, _ in rows if not readable]
    missing += [
        f"BYPASSRLS, since row-level security would hide rows of {names[oid]}" for oid, readable, hidden in rows if readable and hidden
    ]
    if not sees_transactions:
        missing.append(f"pg_read_all_stats, by which increments see open transactions: GRANT pg_read_all_stats TO {user}")
    return tuple(missing)
