"""The options of a `sql` source."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ducklake.api.options import Options
from ducklake_connector_sql.tunnel import SshTunnel

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}


class SqlConnection(Options):
    """How to reach the database. The URL is built from these fields and never printed."""

    drivername: str = Field(
        min_length=1,
        description="SQLAlchemy's word for database and driver; the driver is a package of its own to install.",
        examples=["postgresql+psycopg", "mysql+pymysql", "sqlite"],
    )
    host: str | None = Field(default=None, description="The server's name or address.")
    port: int | None = Field(default=None, ge=1, le=65535, description="The server's port; by default the database's usual one.")
    database: str | None = Field(
        default=None, description="The database's name; for sqlite its file, relative to the project.", examples=["ventas"]
    )
    user: str | None = Field(default=None, description="Who logs in.")
    password: SecretStr | None = Field(default=None, description="The password; write it as ${NAME} and put it into .env.")
    query: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict, description="Further parameters of the driver, as in a URL's query.", examples=[{"sslmode": "verify-full"}]
    )

    ssh: SshTunnel | None = Field(
        default=None, description="An SSH server on the way to the database; `host` is then named as that server knows it."
    )

    @model_validator(mode="after")
    def _host_for_a_tunnel(self) -> Self:
        if self.ssh is not None and not self.host:
            raise ValueError("ssh: needs host, as the SSH server knows it")
        if self.ssh is not None and self.usual_port is None:
            raise ValueError("ssh: needs port")
        return self

    @property
    def usual_port(self) -> int | None:
        """`port`, or the database's usual one, if it is known."""
        return self.port or _PORTS.get(self.drivername.partition("+")[0])

    @field_validator("drivername")
    @classmethod
    def _no_url(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("is a URL; write its parts into drivername, host, port, database, user and password")
        return value


class SqlOptions(Options):
    """A source of type `sql`."""

    connection: SqlConnection = Field(description="How to reach the database.")
