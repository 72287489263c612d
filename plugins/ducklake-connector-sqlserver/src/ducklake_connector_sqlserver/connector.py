"""The connector `sqlserver`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ducklake.api.connector import Connector, Diagnosis, Session
from ducklake.api.options import Options
from ducklake_connector_sqlserver.options import SqlServerOptions

if TYPE_CHECKING:
    from ducklake_connector_sqlserver.server import Server


class SqlServerConnector(Connector[SqlServerOptions]):
    """Tables, views and queries of one database, each read in one snapshot where the database allows it."""

    name: ClassVar[str] = "sqlserver"
    Options: ClassVar[type[Options]] = SqlServerOptions
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"tables", "incremental", "columns", "where", "query", "window", "on_invalid", "verify"}
    )

    def server(self) -> Server:
        """The server of the source."""
        from ducklake_connector_sqlserver.server import Server

        return Server(self.options.connection, self.context)

    def validate_connection(self) -> None:
        """Connect and log in, read nothing."""
        with contextlib.closing(self.server()) as server, server.line(self.context.source):
            pass

    def diagnose(self) -> Diagnosis:
        """Version, encryption, clock, rights and tables; see `Connector.diagnose`."""
        from ducklake_connector_sqlserver.diagnosis import diagnose

        with contextlib.closing(self.server()) as server:
            return diagnose(server, self.context.source)

    def open(self, requests: Sequence[str]) -> Session:
        """List the tables once for the whole run.

        Args:
            requests: Not needed: the names are matched against the whole list.
        """
        from ducklake_connector_sqlserver.session import SqlServerSession

        if unsafe := self.options.connection.unsafe:
            self.context.log.warning("%s: %s", self.context.source, unsafe)
        return SqlServerSession(self.context, self.options, self.server())
