"""Connections: made of fields, verified, read only, in fixed formats."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.errors import ConfigurationError
from ducklake_connector_postgresql.errors import explain

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake.api.connector import ConnectorContext
    from ducklake_connector_sql.server import ServerConnection
    from ducklake_connector_sql.tunnel import Endpoint

SETTINGS = """
SET default_transaction_read_only = on;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 3;
SET standard_conforming_strings = on;
SET row_security = off;
SET idle_in_transaction_session_timeout = 0
"""
"""What decides how values look, and that rows which a policy would hide are an error."""

PORT = 5432
"""The usual one."""
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def connect(options: ServerConnection, context: ConnectorContext, place: str, endpoint: Endpoint) -> Connection:
    """A new connection in autocommit.

    Args:
        options: `connection` of the source.
        context: Of the connector.
        endpoint: Of `options`.
        place: `source` or `source.table`, for messages.

    Raises:
        SourceError: The server cannot be reached or refuses.
        ConfigurationError: A file of the options is not there.
    """
    import psycopg2

    password = options.password.get_secret_value() if options.password else None
    address, port = endpoint.address(place)
    fields: dict[str, Any] = {
        "host": options.host,  # whose name the certificate has, also behind a tunnel
        "hostaddr": address if endpoint.tunnelled else None,
        "port": port,
        "dbname": options.database,
        "user": options.user,
        "password": password,
        "application_name": f"ducklake/{context.source}",
        "connect_timeout": options.connect_timeout,
        "client_encoding": "UTF8",
        "gssencmode": "disable",
        "keepalives_idle": 60,
        "keepalives_interval": 10,
        "keepalives_count": 6,
        **_encryption(options, context),
    }
    try:
        connection = psycopg2.connect(**{name: value for name, value in fields.items() if value is not None})
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
    except psycopg2.Error as error:
        raise endpoint.failure(place) or explain(place, error, password, connecting=True) from None
    return connection  # type: ignore[no-any-return]


def _encryption(options: ServerConnection, context: ConnectorContext) -> dict[str, Any]:
    """Libpq's words for `tls` and its files."""
    mode = options.mode
    files = {
        "sslrootcert": _file(options.ca, "ca", context) or (_authorities() if mode.startswith("verify") else None),
        "sslcert": _file(options.certificate, "certificate", context),
        "sslkey": _file(options.key, "key", context),
    }
    return {"sslmode": mode, **files}


def _file(name: str | None, key: str, context: ConnectorContext) -> str | None:
    if name is None:
        return None
    path = context.resolve(name)
    if not path.is_file():
        raise ConfigurationError(
            f"{context.source}: connection.{key}: no such file {path}", hint=f"mend connection.{key} in config/sources.yaml"
        )
    return str(path)


def _authorities() -> str | None:
    """The system's file of authorities; the driver's own library looks for it where it was built."""
    found = [ssl.get_default_verify_paths().cafile, *_AUTHORITIES]
    return next((path for path in found if path and Path(path).is_file()), None)
