"""The connector `postgresql`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import ClassVar

from ducklake.api.connector import Connector, Diagnosis, Session
from ducklake_connector_postgresql.options import PostgresqlOptions


class PostgresqlConnector(Connector[PostgresqlOptions]):
    """Tables, views and queries of a PostgreSQL database, through COPY."""

    name: ClassVar[str] = "postgresql"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"tables", "incremental", "query", "columns", "where", "parallel", "window", "one_snapshot", "on_invalid", "verify"}
    )

    def validate_connection(self) -> None:
        """Connect and log in."""
        from ducklake_connector_postgresql.connect import PORT, connect

        with contextlib.closing(self.options.connection.endpoint(self.context, PORT)) as endpoint:
            connect(self.options.connection, self.context, self.context.source, endpoint).close()

    def diagnose(self) -> Diagnosis:
        """Version, encryption, clock, rights and tables; see `Connector.diagnose`."""
        from ducklake_connector_postgresql.diagnosis import diagnose

        return diagnose(self)

    def open(self, requests: Sequence[str]) -> Session:
        """Connect, and list the tables once for the whole run.

        Args:
            requests: Parts of partitioned tables are offered where they are named here.
        """
        from ducklake_connector_postgresql.session import PostgresqlSession

        return PostgresqlSession(self, requests)
