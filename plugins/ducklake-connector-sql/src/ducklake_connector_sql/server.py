"""Options that the connectors of single database servers share: a connection made of fields, encrypted and verified unless written out."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ducklake.api.options import Options
from ducklake_connector_sql.tunnel import Endpoint, SshTunnel

if TYPE_CHECKING:
    from ducklake.api.connector import ConnectorContext

Tls = Literal["verify-full", "verify-ca", "require", "disable"]


class ServerConnection(Options):
    """How to reach a database server."""

    host: str = Field(default="localhost", min_length=1, description="The server's name or address, or the folder of its socket.")
    port: int | None = Field(default=None, ge=1, le=65535, description="The server's port; by default the database's usual one.")
    database: str = Field(min_length=1, description="The database's name.", examples=["ventas"])
    user: str | None = Field(default=None, min_length=1, description="Who logs in.")
    password: SecretStr | None = Field(default=None, description="The password; write it as ${NAME} and put it into .env.")
    tls: Tls | None = Field(
        default=None,
        description=(
            "verify-full checks the server's certificate and name, verify-ca its certificate, require encrypts without checking, "
            "disable sends everything in the clear. By default verify-full, and disable to this machine itself."
        ),
    )
    ca: str | None = Field(default=None, description="File of the authorities that may vouch for the server; by default the system's.")
    certificate: str | None = Field(default=None, description="File of the client's certificate, where the server wants one.")
    key: str | None = Field(default=None, description="File of the key of `certificate`; nobody else may read it.")
    connect_timeout: int = Field(default=10, ge=1, le=3600, description="Seconds to wait for a server that does not answer.")
    ssh: SshTunnel | None = Field(
        default=None, description="An SSH server on the way to the database; `host` is then named as that server knows it."
    )

    @field_validator("host")
    @classmethod
    def _no_url(cls, value: str) -> str:
        if "://" in value or "@" in value:
            raise ValueError("is a URL; write its parts into host, port, database, user and password")
        return value

    @model_validator(mode="after")
    def _host_for_a_tunnel(self) -> Self:
        if self.ssh is not None and self.host.startswith("/"):
            raise ValueError("ssh: needs host as the SSH server knows it, not the folder of a socket")
        return self

    def endpoint(self, context: ConnectorContext, port: int) -> Endpoint:
        """Where the server is reached.

        Args:
            context: Of the connector.
            port: The database's usual one.
        """
        return Endpoint(self.host, self.port or port, self.ssh, context, self.connect_timeout)

    @property
    def mode(self) -> Tls:
        """`tls`, or what holds where it is left out."""
        return self.tls or ("disable" if is_local(self.host) else "verify-full")

    @property
    def unsafe(self) -> str | None:
        """A warning for each run, where what is sent can be read or redirected on its way."""
        if is_local(self.host) or self.mode in ("verify-full", "verify-ca"):
            return None
        if self.mode == "disable":
            return f"tls: disable: password and rows travel to {self.host} in the clear"
        return f"tls: require: whoever sits between here and {self.host} can pretend to be the server; verify-full checks it"


@contextlib.contextmanager
def closed_if_it_fails(close: Callable[[], None]) -> Iterator[None]:
    """Close what a block that raises has opened, since nobody gets it then.

    Args:
        close: Called after an error, an interrupt too.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(close)
        yield
        stack.pop_all()


def is_local(host: str) -> bool:
    """Whether a host is this machine: a socket, a loopback address, or `localhost`.

    Args:
        host: Name, address or folder.
    """
    if host.startswith("/") or host.lower() in ("localhost", "localhost.localdomain"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def readable(path: Path) -> str:
    """A file of the options, as text for a driver.

    Args:
        path: Absolute.

    Raises:
        FileNotFoundError: There is none.
    """
    if not path.is_file():
        raise FileNotFoundError(str(path))
    return str(path)
