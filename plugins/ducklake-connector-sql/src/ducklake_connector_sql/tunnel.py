"""Reaching a database server through an SSH server: a port on this machine whose connections are carried on from there.

Paramiko speaks SSH; here are only the port, the copying, and what is said when something fails.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from ducklake.api.options import Options
from ducklake.errors import ConfigurationError, DuckLakeError, PluginError, SourceError

if TYPE_CHECKING:
    import paramiko

    from ducklake.api.connector import ConnectorContext

_LOG = "ducklake.ssh"
_PIECE = 128 * 1024
_KEEPALIVE = 30
"""Seconds between signs of life, so that nothing on the way forgets a connection on which a long query is awaited."""
_SILENCE = 120
"""Seconds after which a way that does not answer any more counts as lost."""
_HINT = "check connection.ssh of the source in config/sources.yaml"


class SshTunnel(Options):
    """An SSH server from which the database can be reached."""

    host: str = Field(min_length=1, description="The SSH server's name or address.", examples=["bastion.example.com"])
    port: int = Field(default=22, ge=1, le=65535, description="Its port.")
    user: str = Field(min_length=1, description="Who logs in there.")
    password: SecretStr | None = Field(default=None, description="The user's password there; write it as ${NAME}.")
    key: str | None = Field(
        default=None, description="File of the user's private key. Without key and password the SSH agent and the keys in ~/.ssh are tried."
    )
    key_password: SecretStr | None = Field(default=None, description="The password of `key`; write it as ${NAME}.")
    host_key: str | None = Field(
        default=None,
        pattern=r"^SHA256:[A-Za-z0-9+/]{43}=?$",
        description="Fingerprint of the SSH server's key, as `ssh-keygen -l` prints it. Without it the key has to stand in known_hosts.",
    )
    known_hosts: str | None = Field(default=None, description="File of known servers' keys; by default ~/.ssh/known_hosts.")


class Endpoint:
    """Where a database server is reached: directly, or through a tunnel that is dug when it is first needed.

    Args:
        host: The database server, as named in `connection`; behind a tunnel as the SSH server knows it.
        port: Its port.
        ssh: The tunnel, or None.
        context: Of the connector.
        timeout: Seconds to wait for the SSH server.
    """

    def __init__(self, host: str, port: int, ssh: SshTunnel | None, context: ConnectorContext, timeout: float) -> None:
        self._target, self._ssh, self._context, self._timeout = (host, port), ssh, context, timeout
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._listener: socket.socket | None = None
        self._failure: str | None = None

    @property
    def tunnelled(self) -> bool:
        """Whether there is a tunnel."""
        return self._ssh is not None

    def address(self, place: str) -> tuple[str, int]:
        """Host and port to connect to.

        Args:
            place: `source` or `source.table`, for messages.

        Raises:
            SourceError: The SSH server cannot be reached or refuses, or its key is not the one expected.
            ConfigurationError: A file of the options is not there.
            PluginError: Paramiko is not installed.
        """
        if self._ssh is None:
            return self._target
        with self._lock:
            self._failure = None
            transport = self._client.get_transport() if self._client else None
            if self._listener is None or transport is None or not transport.is_active():
                self._close()
                self._open(self._ssh, place)
            assert self._listener is not None
            return "127.0.0.1", int(self._listener.getsockname()[1])

    def failure(self, place: str) -> SourceError | None:
        """Why the tunnel's last connection came to nothing, once; the driver saw only that it was closed.

        Args:
            place: `source` or `source.table`, for the message.
        """
        found, self._failure = self._failure, None
        return SourceError(f"{place}: {found}", retryable=True, hint="check connection.host and connection.port") if found else None

    def close(self) -> None:
        """Close the tunnel and all that goes through it; it is dug anew when it is needed again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        listener, self._listener = self._listener, None
        client, self._client = self._client, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            listener.close()
        if client is not None:
            client.close()

    def _open(self, ssh: SshTunnel, place: str) -> None:
        client = self._client = self._connect(ssh, place)
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT") and isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1000)
        try:
            listener = self._listener = socket.create_server(("127.0.0.1", 0))
        except OSError as error:
            raise SourceError(f"{place}: no port for the tunnel: {_told(error)}", retryable=True) from error
        threading.Thread(target=self._serve, args=(listener, transport), daemon=True, name=f"ssh {self._context.source}").start()

    def _connect(self, ssh: SshTunnel, place: str) -> paramiko.SSHClient:
        try:
            import paramiko
        except ModuleNotFoundError as error:
            raise PluginError(
                f"{place}: connection.ssh needs paramiko, which is not installed", hint="pip install 'ducklake-connector-sql[ssh]'"
            ) from error
        client = paramiko.SSHClient()
        client.set_log_channel(_quiet())
        where = f"the SSH server {ssh.host}:{ssh.port}"
        known, key = self._file(ssh.known_hosts, "known_hosts"), self._file(ssh.key, "key")
        client.set_missing_host_key_policy(_expecting(ssh.host_key, f"{place}: {where}"))
        try:
            if ssh.host_key is None:
                client.load_system_host_keys(str(known) if known else None)
            client.connect(
                ssh.host,
                ssh.port,
                ssh.user,
                password=_plain(ssh.password),
                key_filename=str(key) if key else None,
                passphrase=_plain(ssh.key_password),
                timeout=self._timeout,
                banner_timeout=self._timeout,
                auth_timeout=self._timeout,
                allow_agent=key is None and ssh.password is None,
                look_for_keys=key is None and ssh.password is None,
            )
        except DuckLakeError:
            client.close()
            raise
        except paramiko.BadHostKeyException as error:
            client.close()
            raise SourceError(
                f"{place}: {where} shows another key ({fingerprint(error.key)}) than the one that is known",
                hint="ask its administrator; if it was changed, mend known_hosts or connection.ssh.host_key",
            ) from None
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException) as error:
            client.close()
            raise SourceError(f"{place}: {where} refuses the user {ssh.user!r}: {_told(error)}", hint=_HINT) from None
        except Exception as error:  # EOFError where it hangs up, what its libraries make of a broken key or file, ...
            client.close()
            passing = not isinstance(error, socket.gaierror | ValueError)
            raise SourceError(f"{place}: cannot reach {where}: {_told(error)}", retryable=passing, hint=_HINT) from None
        return client

    def _file(self, name: str | None, option: str) -> Path | None:
        if name is None:
            return None
        path = self._context.resolve(name)
        if not path.is_file():
            message = f"{self._context.source}: connection.ssh.{option}: no such file {path}"
            raise ConfigurationError(message, hint=f"mend connection.ssh.{option} in config/sources.yaml")
        return path

    def _serve(self, listener: socket.socket, transport: paramiko.Transport) -> None:
        """Carry on each connection of the port, until the listener is closed."""
        while True:
            try:
                inner, peer = listener.accept()
                threading.Thread(target=self._carry, args=(inner, peer, transport), daemon=True).start()
            except (OSError, RuntimeError):
                if listener is not self._listener:
                    return
                time.sleep(0.1)  # out of files or threads for the moment

    def _carry(self, inner: socket.socket, peer: tuple[str, int], transport: paramiko.Transport) -> None:
        with inner:
            try:
                outer = transport.open_channel("direct-tcpip", self._target, peer, timeout=self._timeout)
            except Exception as error:  # whatever it is, the driver is told of it by `failure`
                host, port = self._target
                self._failure = f"the SSH server cannot reach {host}:{port}: {_told(error)}"
                return
            self._failure = None
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.closing(outer):
                back = threading.Thread(target=_copy, args=(outer, inner), daemon=True)
                back.start()
                _copy(inner, outer)
                back.join()


def _copy(source: Any, target: Any) -> None:
    """Copy bytes until their source ends, then say so to the target; after an error both ends are closed, so that nobody waits."""
    try:
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except Exception:  # of sockets, or whatever the SSH layer raises where keys are exchanged anew in vain
        for end in (source, target):
            with contextlib.suppress(Exception):
                if isinstance(end, socket.socket):
                    end.shutdown(socket.SHUT_RDWR)
                else:
                    end.close()


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH prints it.

    Args:
        key: A public key.
    """
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _expecting(expected: str | None, where: str) -> Any:
    """What decides about a server whose key is not in known_hosts, or is not looked for there."""

    class Policy:
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            found = fingerprint(key)
            if expected is None:
                raise SourceError(
                    f"{where} is not known: it shows the key {found} ({key.get_name()})",
                    hint=f"ask its administrator whether that is right, then write host_key: {found!r} under connection.ssh",
                    code="host_key",
                )
            if found != expected.rstrip("="):
                raise SourceError(
                    f"{where} shows the key {found} ({key.get_name()}), not the one of connection.ssh.host_key",
                    hint="ask its administrator; perhaps host_key is that of another kind of key",
                    code="host_key",
                )

    return Policy()


def _quiet() -> str:
    """The channel to which Paramiko tells what it raises as well."""
    logging.getLogger(_LOG).setLevel(logging.CRITICAL)
    return _LOG


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _told(error: BaseException) -> str:
    """An error in one line; some of Paramiko's have no words."""
    return " ".join(str(error).split())[:300] or type(error).__name__
