"""Registers the connector `mysql`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import ConnectorRegistrar

api = 1


@hookimpl
def register_connectors(register: ConnectorRegistrar) -> None:
    """Offer `mysql`."""
    from ducklake_connector_mysql.connector import MySqlConnector

    register(MySqlConnector)
