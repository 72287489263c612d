"""Connections to the server: made from fields, prepared, asked, killed, and their errors told in one line."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.errors import DataError, DuckLakeError, SourceError
from ducklake_connector_mysql.wire import Interrupted
from ducklake_connector_sql.server import Tls, readable

if TYPE_CHECKING:
    import ssl

    from ducklake.api.connector import ConnectorContext
    from ducklake_connector_mysql.options import MySqlConnection

_PREPARE = (
    # Zones, formats and modes decide what values look like; ours are fixed. The lake's disk may be slower than net_write_timeout allows.
    "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)
_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

_KILL_TIMEOUT = 3
"""Seconds to wait for a connection only to end another one: an interrupt is to be answered soon."""

_ACCESS = frozenset({1044, 1045, 1049, 1102, 1129, 1130, 1251, 1275, 1698, 1820, 1862, 2026, 2049, 2054, 2059, 2061, 3118, 3159, 4151})
_LOST = frozenset({1053, 1077, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2006, 2013, 2055, 4031})
_PASSING = _LOST | {1040, 1203, 1205, 1213, 1226, 1412, 2002, 2003}


class Server:
    """The server of one source.

    Args:
        options: How to reach it.
        context: What core lends.
    """

    def __init__(self, options: MySqlConnection, context: ConnectorContext) -> None:
        self._options = options
        self._context = context
        self._endpoint = options.endpoint(context, 3306)

    def close(self) -> None:
        """Close the tunnel, if there is one."""
        self._endpoint.close()

    @contextlib.contextmanager
    def connection(self, place: str) -> Iterator[Any]:
        """A connection in autocommit; closed afterwards.

        Args:
            place: `source` or `source.table`, for messages.

        Raises:
            SourceError: The server cannot be reached or refuses.
        """
        with self.explained(place):
            connection = self._connect(place)
        try:
            with self.explained(place):
                for statement in _PREPARE:
                    ask(connection, statement)
            yield connection
        finally:
            with contextlib.suppress(Exception):
                connection.close()

    def begin(self, connection: Any) -> None:
        """Open a snapshot, read only.

        Args:
            connection: In autocommit until now.
        """
        ask(connection, _SNAPSHOT)

    @contextlib.contextmanager
    def explained(self, place: str) -> Iterator[None]:
        """Turn PyMySQL's errors into ours.

        Args:
            place: `source`, `source.table` or `source.table.column`.
        """
        import pymysql

        try:
            yield
        except DuckLakeError:
            raise
        except (pymysql.MySQLError, Interrupted) as error:
            raise self._told(place, error) from None
        except OSError as error:
            raise SourceError(f"{place}: the connection was lost: {error}", retryable=True) from error

    def kill(self, connection: Any, tag: str) -> None:
        """End what a connection of ours is running, from another one.

        Args:
            connection: PyMySQL's; another thread may be reading from it.
            tag: A comment in the statement, by which the server is sure to end that one and no other.
        """
        number = connection.thread_id()
        with contextlib.suppress(Exception):
            control = self._connect(self._context.source, connect_timeout=_KILL_TIMEOUT)
            try:
                statement = "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s AND INFO LIKE %s"
                if ask(control, statement, [number, f"%{tag}%"]):
                    ask(control, f"KILL {int(number)}")
            finally:
                control.close()
        with contextlib.suppress(OSError, AttributeError):
            connection._sock.shutdown(socket.SHUT_RDWR)

    def encrypted(self, connection: Any) -> str | None:
        """The cipher of a connection, or None.

        Args:
            connection: PyMySQL's.
        """
        cipher = getattr(connection._sock, "cipher", None)
        found = cipher() if cipher else None
        return f"{found[1]} {found[0]}" if found else None

    def _connect(self, place: str, connect_timeout: int | None = None) -> Any:
        import pymysql

        options = self._options
        address, port = self._endpoint.address(place)
        password = options.password.get_secret_value() if options.password else ""
        where: dict[str, Any] = {"unix_socket": options.host} if options.host.startswith("/") else {"host": options.host}
        timeout = min(connect_timeout or options.connect_timeout, options.connect_timeout)
        connection: Any = pymysql.connect(
            **where,
            port=port,
            user=options.user,
            password=password.encode(),  # PyMySQL would make it latin-1
            database=options.database,
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            connect_timeout=timeout,
            program_name="ducklake",
            defer_connect=True,
            **({"ssl_disabled": True} if options.mode == "disable" else {"ssl": self._tls(options.mode)}),
        )
        if not self._endpoint.tunnelled:
            connection.connect()
            return connection
        try:
            line = socket.create_connection((address, port), timeout)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(line)  # the certificate is that of `host`
            connection._sock.settimeout(None)
        except (pymysql.MySQLError, OSError):
            connection._force_close()
            if failure := self._endpoint.failure(place):
                raise failure from None
            raise
        return connection

    def _tls(self, mode: Tls) -> ssl.SSLContext:
        import ssl

        options = self._options
        files = {name: self._file(name, value) for name in ("ca", "certificate", "key") if (value := getattr(options, name))}
        try:
            context = ssl.create_default_context(cafile=files.get("ca"))
            if "certificate" in files:
                context.load_cert_chain(files["certificate"], files.get("key"))
        except (OSError, ssl.SSLError) as error:
            raise SourceError(f"{self._context.source}: connection.ca, certificate or key cannot be read: {error}") from error
        # Certificates that servers make for themselves lack what Python 3.13 asks for in strict mode.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "verify-full"
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        return context

    def _file(self, name: str, value: str) -> str:
        try:
            return readable(self._context.resolve(value))
        except FileNotFoundError as error:
            raise SourceError(f"{self._context.source}: connection.{name}: no such file {error}") from error

    def _told(self, place: str, error: Exception) -> DuckLakeError:
        known = len(error.args) > 1 and isinstance(error.args[0], int)
        number, message = error.args[:2] if known else (0, str(error))
        text = self._clean(f"{message} ({number})" if number else str(message))
        if number in _ACCESS:
            hint = None if number == 1227 else "check `connection` of the source in config/sources.yaml"
            return SourceError(f"{place}: {text}", hint=_TLS_HINT if "SSL" in text or "certificate" in text else hint)
        if number in _PASSING:
            original = getattr(error, "original_exception", None)
            if "CERTIFICATE_VERIFY_FAILED" in text or type(original).__module__ == "ssl":
                return SourceError(f"{place}: {text}", hint=_TLS_HINT)
            nowhere = isinstance(original, socket.gaierror) and original.errno == socket.EAI_NONAME
            hint = "check connection.host and connection.port" if number in (2002, 2003) else None
            if number in _LOST:
                text = f"the connection was cut while it was read: {text}"
            return SourceError(f"{place}: {text}", retryable=not nowhere, hint=hint)
        return DataError(f"{place}: {text}", hint=_HINTS.get(number))

    def _clean(self, message: str) -> str:
        line = " ".join(message.split())
        password = self._options.password.get_secret_value() if self._options.password else ""
        return (line.replace(password, "***") if password else line)[:500]


_TLS_HINT = "give the server's certificate authority as connection.ca, or write tls: disable to go unencrypted"
_HINTS = {
    1142: "GRANT SELECT on it to the user of `connection`",
    1143: "GRANT SELECT on its columns to the user of `connection`, or exclude them",
    1146: "look at the names that `ducklake test-connection` lists",
    1356: "mend the view at the source, or leave it out of `tables`",
}


def ask(connection: Any, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement and fetch all its rows; bytes are decoded.

    Args:
        connection: PyMySQL's.
        statement: With `%s` for its parameters; any other percent sign is doubled (`plans.escaped`).
        parameters: Bound by PyMySQL.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(parameters))
        return [tuple(_text(value) for value in row) for row in cursor.fetchall()]


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
