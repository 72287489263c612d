"""Registers the connector `sqlserver`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import ConnectorRegistrar

api = 1


@hookimpl
def register_connectors(register: ConnectorRegistrar) -> None:
    """Offer `sqlserver`."""
    from ducklake_connector_sqlserver.connector import SqlServerConnector

    register(SqlServerConnector)
