"""The connections of one session: used again from table to table, and known, so that they can be cancelled and left out of account."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from ducklake_connector_postgresql.connect import PORT, SNAPSHOT, connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake.api.connector import ConnectorContext
    from ducklake_connector_sql.server import ServerConnection

_KEPT = 8
"""Idle connections that are kept at most."""


class Pool:
    """Connections to one database.

    Args:
        options: How to reach it.
        context: Of the connector.
    """

    def __init__(self, options: ServerConnection, context: ConnectorContext) -> None:
        self._options, self._context = options, context
        self._endpoint = options.endpoint(context, PORT)
        self._idle: list[Connection] = []
        self._lent: dict[int, tuple[Connection, str]] = {}
        self._lock = threading.Lock()

    def lend(self, place: str) -> Connection:
        """A connection in autocommit.

        Args:
            place: `source` or `source.table`: for messages, and to take back all that belongs to it.

        Raises:
            SourceError: The server cannot be reached or refuses.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect(self._options, self._context, place, self._endpoint)
        with self._lock:
            self._lent[id(connection)] = (connection, place)
        return connection

    def snapshot(self, connection: Connection, exported: str | None = None) -> None:
        """Open a snapshot, read only.

        Args:
            connection: In autocommit until now.
            exported: The snapshot of another transaction to take part in; None takes a new one.
        """
        with connection.cursor() as cursor:
            cursor.execute(f"{SNAPSHOT}; SET TRANSACTION SNAPSHOT %s" if exported else SNAPSHOT, (exported,) if exported else None)

    def give_back(self, connection: Connection) -> None:
        """Take back a connection whose work is done.

        Args:
            connection: Out of `lend`, with no statement running.
        """
        import psycopg2

        with self._lock:
            if self._lent.pop(id(connection), None) is None:
                return
        try:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except psycopg2.Error:
            connection.close()
        with self._lock:
            if not connection.closed and len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def drop(self, connection: Connection) -> None:
        """Close a connection whatever it is doing.

        Args:
            connection: Out of `lend`.
        """
        with self._lock:
            if self._lent.pop(id(connection), None) is None:
                return
        _stop(connection)
        connection.close()

    def drop_all(self, place: str | None = None) -> None:
        """Close what is lent.

        Args:
            place: Only what was lent for this place; None takes everything, idle connections and a tunnel too.
        """
        with self._lock:
            lent = [connection for connection, owner in self._lent.values() if place in (None, owner)]
            idle, self._idle = (self._idle, []) if place is None else ([], self._idle)
        for connection in lent:
            self.drop(connection)
        for connection in idle:
            connection.close()
        if place is None:
            self._endpoint.close()

    def cancel(self) -> None:
        """Ask the server to stop what runs; from any thread."""
        with self._lock:
            lent = [connection for connection, _ in self._lent.values()]
        for connection in lent:
            _stop(connection)

    def backends(self) -> list[int]:
        """The server's numbers of all of them."""
        with self._lock:
            every = [*self._idle, *(connection for connection, _ in self._lent.values())]
        return [connection.info.backend_pid for connection in every if not connection.closed]


def _stop(connection: Connection) -> None:
    with contextlib.suppress(Exception):  # it may be gone already
        connection.cancel()
