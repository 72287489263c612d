"""The ODBC driver: which one, and how it is told where to go."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ducklake.errors import PluginError

if TYPE_CHECKING:
    from ducklake_connector_sqlserver.options import SqlServerConnection

PORT = 1433
"""The usual one."""
_NAME = re.compile(r"ODBC Driver (\d+) for SQL Server\Z")
_SIMPLE = re.compile(r"[A-Za-z0-9_.:,\\/-]+\Z")


def manager_missing(error: Exception) -> PluginError:
    """The error for a machine without an ODBC driver manager.

    Args:
        error: What the import raised.
    """
    lines = {"linux": "apt-get install unixodbc", "darwin": "brew install unixodbc"}
    hint = lines.get(sys.platform, "pip install --force-reinstall pyodbc arrow-odbc")
    return PluginError(f"the ODBC driver manager cannot be loaded: {str(error).splitlines()[0]}", hint=hint)


def install_hint(platform: str = sys.platform) -> str:
    """How Microsoft's driver is installed.

    Args:
        platform: As `sys.platform` has it.
    """
    match platform:
        case "win32":
            return "winget install Microsoft.msodbcsql.18"
        case "darwin":
            return "brew tap microsoft/mssql-release https://github.com/Microsoft/homebrew-mssql-release && brew install msodbcsql18"
    return (
        "Debian: curl -sSLO https://packages.microsoft.com/config/debian/12/packages-microsoft-prod.deb "
        "&& dpkg -i packages-microsoft-prod.deb && apt-get update && ACCEPT_EULA=Y apt-get install -y msodbcsql18"
    )


def installed() -> Sequence[str]:
    """The names of all ODBC drivers of this machine.

    Raises:
        PluginError: There is no driver manager.
    """
    try:
        import pyodbc
    except ImportError as error:
        raise manager_missing(error) from error
    return list(pyodbc.drivers())


def choose(source: str, wanted: str | None, found: Sequence[str]) -> str:
    """The driver to use.

    Args:
        source: The source's name, for messages.
        wanted: As configured.
        found: What is installed.

    Raises:
        PluginError: It is not installed.
    """
    if wanted is not None:
        if wanted in found:
            return wanted
        known = ", ".join(found) or "none"
        raise PluginError(
            f"{source}: the ODBC driver {wanted!r} is not installed; there is: {known}", hint=install_hint(), code="no_driver"
        )
    ours = [(int(match[1]), name) for name in found if (match := _NAME.match(name))]
    if not ours:
        raise PluginError(f"{source}: Microsoft's ODBC driver for SQL Server is not installed", hint=install_hint(), code="no_driver")
    return max(ours)[1]


def joined(fields: Mapping[str, str]) -> str:
    """A connection string; each value that is not a plain word stands in braces.

    Args:
        fields: Keywords and their values.
    """
    return "".join(f"{name}={_value(value)};" for name, value in fields.items())


def _value(value: str) -> str:
    return value if _SIMPLE.match(value) else "{" + value.replace("}", "}}") + "}"


def fields_of(options: SqlServerConnection, driver: str, application: str, tunnel: tuple[str, int] | None = None) -> dict[str, str]:
    """What Microsoft's driver is told.

    Args:
        options: `connection` of the source.
        driver: Its name.
        application: By which the server lists the connection.
        tunnel: Address and port of this end of a tunnel, if there is one.
    """
    host, port = tunnel or (options.host, options.port or PORT)
    fields = {
        "Driver": driver,
        "Server": host if "\\" in host else f"{host},{port}",
        "Database": options.database,
        "APP": application,
        # A connection that was lost is an error, not another one without the snapshot.
        "ConnectRetryCount": "0",
        "MARS_Connection": "no",
        **_encryption(options),
    }
    if options.authentication == "windows":
        fields["Trusted_Connection"] = "yes"
    elif options.authentication != "sql":
        fields["Authentication"] = options.authentication
    if options.user is not None:
        fields["UID"] = options.user
    if options.password is not None:
        fields["PWD"] = options.password.get_secret_value()
    if options.read_only:
        fields["ApplicationIntent"] = "ReadOnly"
    if options.multi_subnet:
        fields["MultiSubnetFailover"] = "Yes"
    return fields


def _encryption(options: SqlServerConnection) -> dict[str, str]:
    match options.mode:
        case "disable":
            # A server that encrypts all the same is not checked: in the clear it would not be either.
            return {"Encrypt": "no", "TrustServerCertificate": "yes"}
        case "require":
            return {"Encrypt": "yes", "TrustServerCertificate": "yes"}
    fields = {"Encrypt": "strict" if options.strict else "yes", "TrustServerCertificate": "no"}
    # Behind a tunnel the driver connects to this machine, but the certificate is the server's.
    name = options.name_in_certificate or (options.host if options.ssh is not None else None)
    if name is not None:
        fields["HostNameInCertificate"] = name
    return fields
