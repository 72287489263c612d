"""The connector `mysql`, for MySQL and MariaDB."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import ClassVar

from ducklake.api.connector import Connector, Diagnosis, Session
from ducklake.api.options import Options
from ducklake_connector_mysql.options import MySqlOptions


class MySqlConnector(Connector[MySqlOptions]):
    """Tables, views and queries of one database, each read in one snapshot."""

    name: ClassVar[str] = "mysql"
    Options: ClassVar[type[Options]] = MySqlOptions
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"tables", "incremental", "columns", "where", "query", "window", "on_invalid", "verify"}
    )

    def validate_connection(self) -> None:
        """Connect and log in, read nothing."""
        from ducklake_connector_mysql.server import Server

        with (
            contextlib.closing(Server(self.options.connection, self.context)) as server,
            server.connection(self.context.source),
        ):
            pass

    def diagnose(self) -> Diagnosis:
        """Version, encryption, clock, rights and tables; see `Connector.diagnose`."""
        from ducklake_connector_mysql.diagnosis import diagnose
        from ducklake_connector_mysql.server import Server

        with contextlib.closing(Server(self.options.connection, self.context)) as server:
            return diagnose(server, self.context.source, self.options.connection.database)

    def open(self, requests: Sequence[str]) -> Session:
        """List the tables once for the whole run.

        Args:
            requests: Not needed: the names are matched against the whole list.
        """
        from ducklake_connector_mysql.server import Server
        from ducklake_connector_mysql.session import MySqlSession

        if unsafe := self.options.connection.unsafe:
            self.context.log.warning("%s: %s", self.context.source, unsafe)
        return MySqlSession(self.context, self.options, Server(self.options.connection, self.context))
