"""Saying in one line what a database refuses, without its URL and password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ducklake.errors import ConfigurationError, DataError, DuckLakeError, PluginError, SourceError

_PERMANENT = ("authentication", "password", "access denied", "does not exist", "unknown database", "no pg_hba", "certificate", "ssl")
_DRIVERS = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pymysql": "pymysql",
    "MySQLdb": "mysqlclient",
    "mariadb": "mariadb",
    "pyodbc": "pyodbc",
    "oracledb": "oracledb",
}


@contextlib.contextmanager
def explained(place: str, secrets: Sequence[str], *, connecting: bool = False) -> Iterator[None]:
    """Turn SQLAlchemy's and the driver's errors into ours.

    Args:
        place: `source` or `source.table`.
        secrets: What must not appear in a message.
        connecting: Whether the server is being reached, so that whatever fails is about reaching it.
    """
    from sqlalchemy import exc

    try:
        yield
    except exc.NoSuchModuleError as error:
        hint = "for example postgresql+psycopg, mysql+pymysql or sqlite; other databases need their SQLAlchemy dialect installed"
        raise ConfigurationError(f"{place}: unknown connection.drivername: {error}", hint=hint, code="unknown_driver") from error
    except ModuleNotFoundError as error:
        name = error.name or ""
        raise PluginError(f"{place}: the driver {name!r} is not installed", hint=f"pip install '{_DRIVERS.get(name, name)}'") from error
    except exc.DBAPIError as error:
        raise _of_driver(place, error, secrets, connecting) from error
    except (exc.NoSuchTableError, exc.UnreflectableTableError) as error:
        raise DataError(f"{place}: no such table: {_clean(str(error), secrets)}") from error
    except exc.SQLAlchemyError as error:
        raise DataError(f"{place}: {_clean(str(error), secrets)}") from error


def _of_driver(place: str, error: object, secrets: Sequence[str], connecting: bool) -> DuckLakeError:
    from sqlalchemy import exc

    assert isinstance(error, exc.DBAPIError)
    message = _clean(str(_told(error.orig)), secrets)
    if connecting or error.connection_invalidated:
        passing = not any(word in message.lower() for word in _PERMANENT)
        return SourceError(f"{place}: {message}", retryable=passing, hint="check `connection` of the source in config/sources.yaml")
    return DataError(f"{place}: {message}")


def _told(error: BaseException | None) -> object:
    """The driver's message: of `(number, text)` the text."""
    if error is None:
        return "the database refused"
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return f"{error.args[1]} ({error.args[0]})"
    return error


def _clean(message: str, secrets: Sequence[str]) -> str:
    line = " ".join(message.split("\n(Background on this error")[0].split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, "***")
    return line[:500]
