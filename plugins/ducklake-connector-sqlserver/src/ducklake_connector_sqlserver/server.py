"""Connections to the server of one source, and how one is ended from another."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ducklake_connector_sqlserver import drivers
from ducklake_connector_sqlserver.dialect import Dialect
from ducklake_connector_sqlserver.errors import explained
from ducklake_connector_sqlserver.odbc import Channel, RowChannel, diagnostic_of

if TYPE_CHECKING:
    from ducklake.api.connector import ConnectorContext
    from ducklake_connector_sqlserver.options import SqlServerConnection

_KILL_TIMEOUT = 3
"""Seconds to wait for a connection only to end another one: an interrupt is to be answered soon."""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One open connection.

    Attributes:
        channel: What runs statements.
        number: The server's number of it.
        tag: By which the server knows that it is ours.
    """

    channel: Channel
    number: int
    tag: str


class Server:
    """The server of one source.

    Args:
        options: How to reach it.
        context: What core lends.
        dialect: What it is asked.
    """

    def __init__(self, options: SqlServerConnection, context: ConnectorContext, dialect: Dialect | None = None) -> None:
        self.dialect = dialect or Dialect()
        self._options = options
        self._context = context
        self._endpoint = options.endpoint(context, drivers.PORT)

    def close(self) -> None:
        """Close the tunnel, if there is one."""
        self._endpoint.close()

    @property
    def application(self) -> str:
        """By which the server lists our connections; at most 128 characters."""
        return f"ducklake/{self._context.source}"[:128]

    @property
    def password(self) -> str | None:
        """What must not appear in messages."""
        return self._options.password.get_secret_value() if self._options.password else None

    def connection_string(self, place: str) -> str:
        """What the driver is told; never to be shown.

        Args:
            place: `source` or `source.table`, for messages.

        Raises:
            PluginError: There is no driver.
            SourceError: The SSH server cannot be reached or refuses.
        """
        driver = drivers.choose(self._context.source, self._options.driver, drivers.installed())
        tunnel = self._endpoint.address(place) if self._endpoint.tunnelled else None
        return drivers.joined(drivers.fields_of(self._options, driver, self.application, tunnel))

    @contextlib.contextmanager
    def line(self, place: str, kind: type[Channel] = RowChannel, timeout: int | None = None) -> Iterator[Line]:
        """A connection in autocommit, closed afterwards.

        Args:
            place: `source` or `source.table`, for messages.
            kind: How its rows are fetched.
            timeout: Seconds to wait, if not as configured.

        Raises:
            SourceError: The server cannot be reached or refuses.
            PluginError: There is no driver.
        """
        tag = uuid.uuid4().hex
        with self.explained(place, connecting=True):
            channel = self._open(kind, place, timeout or self._options.connect_timeout)
        try:
            with self.explained(place, connecting=True):
                number = self.dialect.prepare(channel, tag)
            yield Line(channel, number, tag)
        finally:
            channel.close()

    def kill(self, line: Line) -> None:
        """End a connection at the server if the login may, and let go of who waits for it.

        Args:
            line: The connection.
        """
        # First at the server: once nobody waits, this process may be gone before the server has heard of it.
        if not isinstance(line.channel, RowChannel):  # which cancels its statement by itself
            with contextlib.suppress(Exception), self.line(self._context.source, timeout=_KILL_TIMEOUT) as other:
                self.dialect.kill(other.channel, line.number, line.tag)
        line.channel.stop()

    def explained(self, place: str, *, connecting: bool = False) -> AbstractContextManager[None]:
        """Turn the drivers' errors into ours.

        Args:
            place: `source` or `source.table`.
            connecting: Whether the server is being reached.
        """
        return explained(place, self.password, connecting=connecting, rules=self.dialect.rules)

    def refused(self, error: BaseException) -> bool:
        """Whether an error says that a right lacks.

        Args:
            error: A driver's.
        """
        found = diagnostic_of(error)
        return found is not None and found.native in self.dialect.rules.rights

    def _open(self, kind: type[Channel], place: str, timeout: int) -> Channel:
        words = self.connection_string(place)
        try:
            return kind(words, timeout, place)
        except (ImportError, OSError) as error:
            raise drivers.manager_missing(error) from error
        except Exception:
            if failure := self._endpoint.failure(place):
                raise failure from None
            raise
