"""Private servers for tests, started from the binaries of the machine and gone with the test run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PATIENCE = 60.0
"""Seconds that a server may take to answer."""


class ServerMissing(Exception):
    """A server can neither be reached nor started here; the message says what to install or set."""


@contextlib.contextmanager
def postgresql(variable: str = "DUCKLAKE_TEST_POSTGRESQL_URL") -> Iterator[str]:
    """A PostgreSQL server: the one of an environment variable, else a private one.

    Args:
        variable: Holds `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.

    Yields:
        Such a URL; the user may create databases.

    Raises:
        ServerMissing: There is neither.
    """
    given = os.environ.get(variable)
    if given:
        yield given
        return
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    initdb = shutil.which("initdb", path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    if initdb is None:
        raise ServerMissing(f"needs a server: apt-get install postgresql, or set {variable}=postgresql://user:password@host:5432/database")
    with _home("postgres") as (home, user):
        data = home / "data"
        _run([initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], home, user)
        port = _free_port()
        server = Path(initdb).with_name("postgres")
        options = ["-h", "127.0.0.1", "-p", port, "-k", home, "-c", "fsync=off"]
        # It listens before it lets anybody in; this file's last line says when it does.
        with _serving([server, "-D", data, *options], home, user, port, lambda: "ready" in (data / "postmaster.pid").read_text()):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def mariadb(variable: str = "DUCKLAKE_TEST_MYSQL_URL") -> Iterator[str]:
    """A MariaDB or MySQL server: the one of an environment variable, else a private MariaDB.

    Args:
        variable: Holds `mysql://USER:PASSWORD@HOST:PORT/DATABASE`.

    Yields:
        Such a URL; the user may create databases.

    Raises:
        ServerMissing: There is neither.
    """
    given = os.environ.get(variable)
    if given:
        yield given
        return
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    install, server = shutil.which("mariadb-install-db", path=path), shutil.which("mariadbd", path=path)
    if install is None or server is None:
        raise ServerMissing(f"needs a server: apt-get install mariadb-server, or set {variable}=mysql://user:password@host:3306/database")
    with _home("mysql") as (home, user):
        data = home / "data"
        plain = ["--no-defaults", f"--datadir={data}"]
        _run([install, *plain, "--auth-root-authentication-method=normal", "--skip-test-db"], home, user)
        port = _free_port()
        network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={home / 'socket'}", f"--pid-file={home / 'pid'}"]
        with _serving([server, *plain, *network, "--innodb-flush-log-at-trx-commit=0"], home, user, port):
            yield f"mysql://root@127.0.0.1:{port}/mysql"


@dataclasses.dataclass(frozen=True, slots=True)
class SshServer:
    """A running SSH server with SFTP.

    Attributes:
        host: Its address.
        port: Its port.
        user: Who may log in, with `key`.
        key: File of the private key.
        host_key: Its fingerprint, `SHA256:...`.
        folder: An empty folder that the user may read and write.
    """

    host: str
    port: int
    user: str
    key: Path
    host_key: str
    folder: Path


@contextlib.contextmanager
def sshd() -> Iterator[SshServer]:
    """A private OpenSSH server that lets this process's user in with a key of its own.

    Raises:
        ServerMissing: OpenSSH's server or ssh-keygen is not installed.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    server, keygen = shutil.which("sshd", path=path), shutil.which("ssh-keygen", path=path)
    if server is None or keygen is None:
        raise ServerMissing("needs a server: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where a server that root runs parts with its privileges
    home = Path(tempfile.mkdtemp(prefix="ducklake-server-"))
    try:
        for name in ("host", "user"):
            _run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", home / name], home, None)
        shutil.copy(home / "user.pub", home / "authorized_keys")
        (home / "files").mkdir()
        fingerprint = subprocess.run(
            [keygen, "-l", "-E", "sha256", "-f", home / "host.pub"], capture_output=True, text=True, check=True
        ).stdout.split()[1]
        port = _free_port()
        settings = {
            "ListenAddress": f"127.0.0.1:{port}",
            "HostKey": home / "host",
            "AuthorizedKeysFile": home / "authorized_keys",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": "sftp internal-sftp",
        }
        (home / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        with _serving([server, "-D", "-e", "-f", home / "config"], home, None, port):
            user = pwd.getpwuid(os.geteuid()).pw_name
            yield SshServer("127.0.0.1", port, user, home / "user", fingerprint, home / "files")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _home(account: str) -> Iterator[tuple[Path, str | None]]:
    """A folder for a server, and the account to run it as: servers refuse to run as root."""
    home = Path(tempfile.mkdtemp(prefix="ducklake-server-"))
    user = None
    try:
        if os.geteuid() == 0:
            names = [entry.pw_name for entry in pwd.getpwall()]
            user = account if account in names else "nobody"
            shutil.chown(home, user)
        yield home, user
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    """Temporary files go to the server's own folder: its account may not write into ours."""
    return {**os.environ, "TMPDIR": str(home)}


def _run(command: Sequence[object], home: Path, user: str | None) -> None:
    words, env = [str(word) for word in command], _environment(home)
    done = subprocess.run(words, cwd=home, user=user, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"$ {' '.join(words)}\n{done.stdout}")


@contextlib.contextmanager
def _serving(
    command: Sequence[object], home: Path, user: str | None, port: int, ready: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """Run a server until the block ends; it counts as ready when it takes connections, and says so."""
    log = home / "server.log"
    with log.open("w", encoding="utf-8") as output:
        words, env = [str(word) for word in command], _environment(home)
        process = subprocess.Popen(words, cwd=home, user=user, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (_answers(port) and ready()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(encoding='utf-8')[-4000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
