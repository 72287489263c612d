"""The options of a `mysql` source."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from ducklake.api.options import Options

Tls = Literal["verify-full", "verify-ca", "disable"]


class MySqlConnection(Options):
    """How to reach the server."""

    host: str = Field(default="localhost", min_length=1, description="The server's name or address.")
    port: int = Field(default=3306, ge=1, le=65535, description="The server's port.")
    database: str = Field(min_length=1, description="The database.", examples=["ventas"])
    user: str | None = Field(default=None, description="Who logs in; a user who may SELECT is enough.")
    password: SecretStr | None = Field(default=None, description="The password; write it as ${NAME} and put it into .env.")
    tls: Tls | None = Field(
        default=None,
        description=(
            "verify-full: encrypted, and the certificate is checked and is the host's. verify-ca: it is checked, whatever name it has. "
            "disable: not encrypted. By default disable for this machine, verify-full for all others."
        ),
    )
    ca: str | None = Field(
        default=None, description="A file of certificates to trust instead of the system's; relative to the project, or absolute."
    )
    certificate: str | None = Field(default=None, description="The client's certificate, if the server asks for one.")
    key: str | None = Field(default=None, description="The file of that certificate's key.")
    timeout: int = Field(default=10, ge=1, le=3600, description="Seconds to wait for a connection.")

    @model_validator(mode="after")
    def _certificates_go_with_tls(self) -> Self:
        if self.encryption == "disable" and (self.ca or self.certificate or self.key):
            raise ValueError("ca, certificate and key have no use without tls: verify-full or verify-ca")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self

    @property
    def local(self) -> bool:
        """Whether the server is this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def encryption(self) -> Tls:
        """What holds, given or by default."""
        return self.tls or ("disable" if self.local else "verify-full")


class MySqlOptions(Options):
    """A source of type `mysql`."""

    connection: MySqlConnection = Field(description="How to reach the server.")
    tinyint1: Literal["integer", "boolean"] = Field(
        default="integer", description="What tinyint(1) lands as; boolean refuses tables in which it holds anything but 0 and 1."
    )
