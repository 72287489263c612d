"""Saying in one line what SQL Server or its driver refuses, by SQLSTATE and the server's own number; without passwords."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping

from ducklake.errors import DataError, DuckLakeError, SourceError
from ducklake_connector_sqlserver.odbc import Diagnostic, Interrupted, TooLong, diagnostic_of

CHECK = "check `connection` of the source in config/sources.yaml"
TLS = (
    "let the system trust the authority of the server's certificate, write name_in_certificate if it has another name, "
    "or tls: require to encrypt without checking"
)
GRANT = "let an administrator GRANT SELECT on it to the user: docs/how-to/sqlserver.md"


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What the numbers of one kind of server mean.

    Attributes:
        access: Of a server that refuses to let in: nothing helps but another configuration. With a hint.
        passing: After which the same may succeed later. With a hint.
        data: Of a table that cannot be read. With a hint.
        missing: Of a table that is not there.
        rights: Of a right that lacks.
    """

    access: Mapping[int, str | None]
    passing: Mapping[int, str | None]
    data: Mapping[int, str | None]
    missing: frozenset[int] = frozenset()
    rights: frozenset[int] = frozenset()


_LOOK = "look at the server's log"
SQL_SERVER = Rules(
    access={
        916: "let an administrator CREATE USER for the login in this database",
        4060: "check connection.database, and that the login may enter it",
        4064: "check connection.database",
        18452: "check connection.authentication: the server takes no such login",
        18456: "check connection.user and connection.password",
        18463: CHECK,
        18470: "let an administrator ALTER LOGIN ... ENABLE",
        18486: "let an administrator ALTER LOGIN ... WITH PASSWORD = ... UNLOCK",
        18487: "the password has expired: let an administrator set another one",
        18488: "the password must be changed: let an administrator set another one",
        40532: "write connection.user as user@server",
        40615: "let an administrator open the firewall of the server for this machine",
        47072: TLS,
    },
    passing={
        -2: None,
        233: _LOOK,
        596: _LOOK,
        601: "the table changed while it was read; ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON prevents it",
        605: _LOOK,
        802: _LOOK,
        1105: _LOOK,
        1203: None,
        1204: None,
        1205: "it was chosen as the victim of a deadlock",
        1222: "another transaction holds a lock on the table",
        3951: _LOOK,
        3957: "an ALTER DATABASE is under way",
        3958: "the server's tempdb or version store is full",
        3959: "the server's version store is full",
        3960: "another transaction changed the row; the snapshot cannot follow",
        3961: "the table was altered while it was read",
        3966: "the server's version store is full",
        3967: "the server's version store is full",
        3989: _LOOK,
        5011: "the database is not open",
        6005: "the server is shutting down",
        6006: "the server is shutting down",
        8645: _LOOK,
        8651: _LOOK,
        10053: None,
        10054: None,
        10060: None,
        10928: "the database is at its limit of requests",
        10929: "the database is at its limit of requests",
        17142: "the server is paused",
        40143: None,
        40197: None,
        40501: "the database is busy",
        40549: None,
        40550: None,
        40613: "the database is not available now",
        49918: None,
        49919: None,
        49920: None,
    },
    data={
        156: "a query is read as a table: no WITH, and no ORDER BY without TOP; make a view of it where that does not do",
        1033: "a query is read as a table: no ORDER BY without TOP",
        4413: "mend the view at the source, or leave it out of `tables`",
        3952: "ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, or leave that database's tables out",
        8155: "name each column of the query: SELECT COUNT(*) AS n",
        8156: "give each column of the query a name of its own",
        11526: "make a view of the query: the server cannot tell its columns",
        41332: "it lies in memory: read it by a view in a database that sets MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT ON",
    },
    missing=frozenset({208}),
    rights=frozenset({229, 230, 262, 297, 300}),
)
"""https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors"""

_UNREACHABLE = ("08001", "HYT00", "HYT01")
_LOST = ("08S01", "08003", "08007", "57P01", "57P02")


@contextlib.contextmanager
def explained(place: str, password: str | None, *, connecting: bool = False, rules: Rules = SQL_SERVER) -> Iterator[None]:
    """Turn the errors of both ODBC libraries into ours.

    Args:
        place: `source` or `source.table`.
        password: What must not appear in a message.
        connecting: Whether the server is being reached.
        rules: What the server's numbers mean.
    """
    try:
        yield
    except DuckLakeError:
        raise
    except Interrupted as error:
        raise SourceError(f"{place}: the reading was stopped", retryable=True) from error
    except TooLong as error:
        message = f"{place}: a value is longer than what was measured before: the table changed while it was read"
        raise SourceError(message, retryable=True, hint="run the command again") from error
    except Exception as error:
        found = diagnostic_of(error)
        if found is None:
            raise
        raise told(place, found, password, connecting=connecting, rules=rules) from None


def told(place: str, found: Diagnostic, password: str | None, *, connecting: bool = False, rules: Rules = SQL_SERVER) -> DuckLakeError:
    """A driver's diagnostic as one of our errors.

    Args:
        place: `source` or `source.table`.
        found: What the driver said.
        password: What must not appear in the message.
        connecting: Whether the server was being reached.
        rules: What the server's numbers mean.
    """
    number, state = found.native, found.state
    line = f"{place}: {_clean(found.message, password)}" + (f" ({number})" if number else f" ({state})" if state else "")
    if number in rules.access:
        return SourceError(line, hint=rules.access[number])
    if number in rules.passing:
        return SourceError(line, retryable=True, hint=rules.passing[number])
    if number in rules.rights:
        return DataError(line, hint=GRANT, code="no_right")
    if number in rules.missing or state == "42S02":
        return DataError(line, hint="look at the names that `ducklake test-connection` lists", code="no_such_table")
    if number in rules.data:
        return DataError(line, hint=rules.data[number])
    if "certificate" in found.message.lower() or "ssl provider" in found.message.lower():
        return SourceError(line, hint=TLS)
    if state in _LOST or (state.startswith("08") and not connecting):
        return SourceError(f"{place}: the connection was lost: {_clean(found.message, password)}", retryable=True)
    if state in _UNREACHABLE:
        return SourceError(line, retryable=True, hint="check connection.host and connection.port, and that a firewall lets it through")
    if connecting or state == "28000":
        return SourceError(line, hint=CHECK)
    if state in ("40001", "40P01"):
        return SourceError(line, retryable=True)
    return DataError(line)


def _clean(message: str, password: str | None) -> str:
    line = re.sub(r"^(\[[^\]]*\]\s*)+", "", " ".join(message.split()))
    if password:
        line = line.replace(password, "***")
    return line[:400]
