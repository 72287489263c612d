"""The connector `sqlite`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from ducklake.api.connector import Connector, Session
from ducklake.api.options import Options


class SqliteConnection(Options):
    """Where the database is."""

    database: str = Field(min_length=1, description="The database's file; relative to the project, or absolute.", examples=["shop.db"])


class SqliteOptions(Options):
    """A source of type `sqlite`."""

    connection: SqliteConnection = Field(description="Where the database is.")


class SqliteConnector(Connector[SqliteOptions]):
    """Tables and views of a SQLite database, opened read only."""

    name: ClassVar[str] = "sqlite"
    Options: ClassVar[type[Options]] = SqliteOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"tables", "incremental"})

    def validate_connection(self) -> None:
        """Open the file and read its list of tables."""
        with self.open(()) as session:
            session.tables()

    def open(self, requests: Sequence[str]) -> Session:
        """Open the file read only; a missing one is never created.

        Args:
            requests: Not needed: listing costs the same for all.
        """
        from ducklake_connector_sqlite.session import SqliteSession

        return SqliteSession(self.context, self.context.resolve(self.options.connection.database))
