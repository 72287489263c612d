"""Saying in one line what PostgreSQL refuses: by its SQLSTATE, without passwords."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ducklake.errors import DataError, DuckLakeError, SourceError

if TYPE_CHECKING:
    import psycopg2

CONNECTION_HINT = "check `connection` of the source in config/sources.yaml"
_PERMANENT = (
    "authentication",
    "password",
    "does not exist",
    "no pg_hba",
    "certificate",
    "could not translate host name",
    "does not support ssl",
    "root.crt",
    "ssl error",
    "permission denied for database",
    "is not permitted to log in",
    "not currently accepting connections",
)
_PASSING = ("57P01", "57P02", "57P03", "57P05", "40001", "40P01", "53300", "55P03", "25P03")
"""Shutdowns, conflicts with recovery, deadlocks, too many connections, locks: the same statement may succeed later."""


@contextlib.contextmanager
def explained(place: str, password: str | None = None) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Args:
        place: `source` or `source.table`.
        password: What must not appear in a message.
    """
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        raise explain(place, error, password) from error


def explain(place: str, error: psycopg2.Error, password: str | None = None, *, connecting: bool = False) -> DuckLakeError:
    """An error of the driver as one of ours.

    Args:
        place: `source` or `source.table`.
        error: The driver's.
        password: What must not appear in a message.
        connecting: Whether the server was being reached.
    """
    import psycopg2

    state = error.pgcode or ""
    message = one_line(error, password)
    if connecting or (not state and isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | psycopg2.DatabaseError)):
        passing = not connecting or not any(word in message.lower() for word in _PERMANENT)
        lost = "" if connecting else "the connection was lost: "
        return SourceError(f"{place}: {lost}{message}", retryable=passing, hint=CONNECTION_HINT)
    if state in _PASSING or state.startswith("08"):
        return SourceError(f"{place}: {message}", retryable=True, hint="look at the server's log")
    if state == "57014":
        return DataError(f"{place}: {message}", hint="look who cancelled it, or raise statement_timeout at the server", code="cancelled")
    if state == "42501" and "row-level security" in message:
        return DataError(
            f"{place}: row-level security would hide rows: {message}",
            hint="let an administrator write ALTER ROLE ... BYPASSRLS for the user, or read a view that is meant for it",
            code="row_security",
        )
    if state == "42501":
        hint = "let an administrator GRANT USAGE ON SCHEMA ... and GRANT SELECT ON ... to the user: docs/how-to/postgresql.md"
        return DataError(f"{place}: {message}", hint=hint, code="no_right")
    return DataError(f"{place}: {message}", code="no_such_table" if state == "42P01" else None)


def one_line(error: BaseException, password: str | None) -> str:
    """What the server said, without its position in a statement.

    Args:
        error: The driver's.
        password: What must not appear.
    """
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("LINE ", "^", "CONTEXT:"))]
    text = "; ".join(kept or ["the server gave no reason"])
    for prefix in ("ERROR: ", "FATAL: "):
        text = text.removeprefix(prefix)
    return text.replace(password, "***")[:500] if password else text[:500]
