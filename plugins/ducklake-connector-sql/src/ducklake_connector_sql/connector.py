"""The connector `sql`, and the base of connectors for single databases."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ducklake.api.connector import Connector, Session
from ducklake.api.options import Options
from ducklake.errors import DataError
from ducklake_connector_sql.cursor import Horizon, Probe
from ducklake_connector_sql.keys import TIME_LOOKBACK, Lookback
from ducklake_connector_sql.options import SqlOptions
from ducklake_connector_sql.tunnel import Endpoint

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from ducklake_connector_sql.types import ColumnPlan, ReflectedColumn

OptionsT = TypeVar("OptionsT", bound=Options)

_TIMEOUT = 10
"""Seconds to wait for a server that does not answer."""


class BaseSqlConnector(Connector[OptionsT]):
    """Tables of a database by SQLAlchemy. A connector for one database overrides what it knows better.

    `url`, `connect_arguments`, `prepare`, `begin`, `plan_column`, `clock` and `horizon` are meant to be overridden.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"tables", "incremental"})

    def url(self) -> URL:
        """The connection's URL, built from fields; it must never be printed."""
        raise TypeError(f"{type(self).__name__} has no url")

    def secrets(self) -> Sequence[str]:
        """What must not appear in messages."""
        password = self.url().password
        return [str(password)] if password else []

    def connect_arguments(self) -> dict[str, Any]:
        """Arguments for the driver, besides the URL."""
        match self.url().get_driver_name():
            case "psycopg" | "psycopg2" if "connect_timeout" not in self.url().query:
                return {"connect_timeout": _TIMEOUT}
            case "pymysql":
                return {"local_infile": False}
        return {}

    def prepare(self, connection: Connection) -> None:
        """Fix the formats of dates, the zone and whatever else decides how values look; called on a new connection.

        Args:
            connection: A new connection, in autocommit.
        """
        for statement in _PREPARE.get(connection.dialect.name, ()):
            connection.exec_driver_sql(statement)

    def begin(self, connection: Connection) -> None:
        """Open one snapshot, read only.

        Args:
            connection: In autocommit until now.
        """
        for statement in _BEGIN.get(connection.dialect.name, ()):
            connection.exec_driver_sql(statement)
        if connection.dialect.driver == "psycopg2":
            # Which opens cursors at the server only where it takes itself for being within a transaction.
            connection.connection.driver_connection.autocommit = False  # type: ignore[union-attr]

    def clock(self, connection: Connection) -> dt.datetime:
        """The server's clock, in UTC.

        Args:
            connection: In autocommit.
        """
        from ducklake_connector_sql.probes import clock

        return clock(connection)

    def horizon(self, connection: Connection, probe: Probe, lookback: Lookback) -> Horizon:
        """Since when transactions may be open that a snapshot taken now would not show.

        Where that cannot be seen, the lookback is taken for it, at least 15 minutes.

        Args:
            connection: In autocommit.
            probe: The look at the table just before.
            lookback: As it holds for the table.
        """
        if connection.dialect.name == "sqlite":  # there is one writer at a time
            return Horizon(self.clock(connection), quiet=True)
        span = max(lookback, TIME_LOOKBACK) if isinstance(lookback, dt.timedelta) else TIME_LOOKBACK
        note = f"open transactions of the database are not seen: rows count as late for {int(span.total_seconds() // 60)} minutes"
        return Horizon(probe.clock - span, note=note)

    def plan_column(self, column: ReflectedColumn, dialect: str) -> ColumnPlan:
        """How a column is read, and what it lands as.

        Args:
            column: As reflected.
            dialect: SQLAlchemy's name of the database.
        """
        from ducklake_connector_sql.types import plan_column

        return plan_column(column, dialect)

    @contextlib.contextmanager
    def connection(self, place: str, *, snapshot: bool = True) -> Iterator[Connection]:
        """A connection in its own snapshot, closed afterwards.

        Args:
            place: `source` or `source.table`, for messages.
            snapshot: Whether to open the snapshot at once; else `begin` does later.

        Raises:
            SourceError: The server cannot be reached or refuses.
        """
        from ducklake_connector_sql.errors import explained

        with contextlib.ExitStack() as stack:
            endpoint = self.endpoint()
            if endpoint is not None:
                stack.callback(endpoint.close)
            with explained(place, self.secrets(), connecting=True):
                engine = self._engine(endpoint.address(place) if endpoint else None)
                stack.callback(engine.dispose)
                connection = stack.enter_context(_connected(engine, endpoint, place))
                self.prepare(connection)
                if snapshot:
                    self.begin(connection)
            yield connection

    def endpoint(self) -> Endpoint | None:
        """The tunnel through which the database is reached; None where there is none."""
        return None

    def validate_connection(self) -> None:
        """Connect, log in, and open a transaction that reads nothing."""
        with self.connection(self.context.source):
            pass

    def open(self, requests: Sequence[str]) -> Session:
        """List the tables once for the whole run.

        Args:
            requests: Not needed: the names are matched against the whole list.
        """
        from ducklake_connector_sql.session import SqlSession

        return SqlSession(self)

    def _engine(self, address: tuple[str, int] | None) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        url = self.url() if address is None else self.url().set(host=address[0], port=address[1])
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=self.connect_arguments())


def _connected(engine: Engine, endpoint: Endpoint | None, place: str) -> Connection:
    from sqlalchemy import exc

    try:
        return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except exc.DBAPIError:
        if endpoint is not None and (failure := endpoint.failure(place)):
            raise failure from None
        raise


class SqlConnector(BaseSqlConnector[SqlOptions]):
    """Any database that SQLAlchemy speaks to."""

    name: ClassVar[str] = "sql"
    Options: ClassVar[type[Options]] = SqlOptions

    def url(self) -> URL:
        """The URL of `connection`; a SQLite file is opened read only and never created."""
        from sqlalchemy import URL

        options = self.options.connection
        database, query = options.database, dict(options.query)
        if options.drivername.partition("+")[0] == "sqlite":
            database, query = self._sqlite_file(database), {"mode": "ro", "uri": "true"}
        password = options.password.get_secret_value() if options.password else None
        return URL.create(options.drivername, options.user, password, options.host, options.port, database, query)

    def endpoint(self) -> Endpoint | None:
        """The tunnel of `connection.ssh`."""
        options = self.options.connection
        if options.ssh is None:
            return None
        return Endpoint(options.host or "", options.usual_port or 0, options.ssh, self.context, _TIMEOUT)

    def _sqlite_file(self, database: str | None) -> str:
        from urllib.parse import quote

        path = self.context.resolve(database or "")
        if not path.is_file():
            raise DataError(f"{self.context.source}: no such file {path}", hint="check `connection.database` in config/sources.yaml")
        return f"file:{quote(str(path).encode('utf-8', 'surrogateescape'))}"


_PREPARE: dict[str, Sequence[str]] = {
    "postgresql": (
        "SET TimeZone = 'UTC'",
        "SET DateStyle = 'ISO, YMD'",
        "SET IntervalStyle = 'postgres'",
        "SET bytea_output = 'hex'",
        "SET extra_float_digits = 3",
        "SET row_security = off",
    ),
    "mysql": (
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ),
}
_PREPARE["mariadb"] = _PREPARE["mysql"]
_BEGIN: dict[str, Sequence[str]] = {
    "sqlite": ("BEGIN",),
    "postgresql": ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",),
    "mysql": ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",),
}
_BEGIN["mariadb"] = _BEGIN["mysql"]
