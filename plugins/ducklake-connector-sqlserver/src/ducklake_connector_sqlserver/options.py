"""The options of a `sqlserver` source."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from ducklake.api.options import Options
from ducklake_connector_sql.server import ServerConnection, Tls, is_local

Authentication = Literal[
    "sql",
    "windows",
    "ActiveDirectoryIntegrated",
    "ActiveDirectoryInteractive",
    "ActiveDirectoryMsi",
    "ActiveDirectoryPassword",
    "ActiveDirectoryServicePrincipal",
]


class SqlServerConnection(ServerConnection):
    """How to reach the server."""

    host: str = Field(
        default="localhost", min_length=1, description="The server's name or address, or server\\instance.", examples=["db.local"]
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="The server's port; by default 1433, or that of the instance.")
    ca: str | None = Field(default=None, description="Not known to the driver, which trusts the authorities of the system.")
    certificate: str | None = Field(default=None, description="Not known to the driver: the client proves itself by `authentication`.")
    key: str | None = Field(default=None, description="Not known to the driver.")
    strict: bool = Field(default=False, description="Encrypt before anything else is said (TDS 8: SQL Server 2022, driver 18).")
    name_in_certificate: str | None = Field(
        default=None, min_length=1, description="The name in the server's certificate, where it is not `host`."
    )
    authentication: Authentication = Field(
        default="sql",
        description=(
            "sql logs in with user and password, windows with the account that runs the command (Kerberos elsewhere); the others are "
            "the driver's words for Microsoft Entra: for a service principal or a managed identity, user is its id."
        ),
    )
    driver: str | None = Field(
        default=None,
        min_length=1,
        description="The ODBC driver's name; by default the newest that is installed.",
        examples=["ODBC Driver 18 for SQL Server"],
    )
    read_only: bool = Field(default=False, description="Says ApplicationIntent=ReadOnly, by which a listener sends it to a replica.")
    multi_subnet: bool = Field(default=False, description="Says MultiSubnetFailover=Yes, for the listener of an availability group.")

    @property
    def local(self) -> bool:
        """Whether the server is this machine."""
        return is_local(self.host.partition("\\")[0]) or self.host.partition("\\")[0] in (".", "(local)")

    @property
    def mode(self) -> Tls:
        """`tls`, or what holds where it is left out."""
        return self.tls or ("disable" if self.local and not self.strict else "verify-full")

    @property
    def unsafe(self) -> str | None:
        """A warning for each run, where what is sent can be read or redirected on its way."""
        return None if self.local else super().unsafe

    @model_validator(mode="after")
    def _known_to_the_driver(self) -> Self:
        for name in ("ca", "certificate", "key"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: the ODBC driver takes no such file; add the authority to those that the system trusts")
        if self.tls == "verify-ca":
            raise ValueError(
                "tls: the ODBC driver checks certificate and name; write verify-full, and name_in_certificate if it is another"
            )
        if self.strict and self.mode != "verify-full":
            raise ValueError("strict: goes with tls: verify-full only")
        if self.port is not None and "\\" in self.host:
            raise ValueError("port: goes with host or with its instance, not with both")
        if self.ssh is not None and "\\" in self.host:
            raise ValueError("ssh: goes with host and port, not with the name of an instance")
        if self.authentication in ("sql", "ActiveDirectoryPassword", "ActiveDirectoryServicePrincipal") and self.user is None:
            raise ValueError(f"user: authentication: {self.authentication} needs one")
        if self.authentication in ("windows", "ActiveDirectoryIntegrated") and (self.user or self.password):
            raise ValueError(f"user: authentication: {self.authentication} is that of the account which runs the command; leave it out")
        return self


class SqlServerOptions(Options):
    """A source of type `sqlserver`."""

    connection: SqlServerConnection = Field(description="How to reach the server.")
    datetime2: Literal["text", "timestamp"] = Field(
        default="text",
        description=(
            "What datetime2(7) lands as, which counts tenths of a microsecond: timestamp refuses what is finer than a microsecond "
            "(`on_invalid`)."
        ),
    )
    datetimeoffset: Literal["text", "timestamp"] = Field(
        default="text",
        description="What datetimeoffset lands as: timestamp is the moment in UTC, without the offset that it was written with.",
    )
