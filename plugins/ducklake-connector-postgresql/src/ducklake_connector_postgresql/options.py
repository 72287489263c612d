"""The options of a `postgresql` source."""

from __future__ import annotations

from pydantic import Field

from ducklake.api.options import Options
from ducklake_connector_sql.server import ServerConnection


class PostgresqlOptions(Options):
    """A source of type `postgresql`."""

    connection: ServerConnection = Field(description="How to reach the database.")
