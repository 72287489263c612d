"""Registers the connector `postgresql`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import ConnectorRegistrar

api = 1


@hookimpl
def register_connectors(register: ConnectorRegistrar) -> None:
    """Offer `postgresql`."""
    from ducklake_connector_postgresql.connector import PostgresqlConnector

    register(PostgresqlConnector)
