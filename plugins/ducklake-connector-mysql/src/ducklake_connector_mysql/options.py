"""The options of a `mysql` source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ducklake.api.options import Options
from ducklake_connector_sql.server import ServerConnection


class MySqlConnection(ServerConnection):
    """How to reach the server."""

    port: int | None = Field(default=3306, ge=1, le=65535, description="The server's port.")


class MySqlOptions(Options):
    """A source of type `mysql`."""

    connection: MySqlConnection = Field(description="How to reach the server.")
    tinyint1: Literal["integer", "boolean"] = Field(
        default="integer", description="What tinyint(1) lands as; boolean refuses tables in which it holds anything but 0 and 1."
    )
