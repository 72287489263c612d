"""Commands in processes of their own that start at once: each is forked from one that has loaded everything already.

Starting Python and loading DuckLake takes longer than most commands that tests run. What a command does, prints and returns is
the same. A command whose environment decides how Python starts runs cold, as does every one where fork() is not safe.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_DECIDES_HOW_PYTHON_STARTS = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "MALLOC_", "PATH", "HOME", "VIRTUAL_ENV")


class WarmCommands:
    """One loaded process, and the commands that are forked from it.

    Args:
        script: The installed `ducklake`, whose Python is this one.
        env: The environment to load everything in.
    """

    def __init__(self, script: str, env: Mapping[str, str]) -> None:
        self._started_in = _decisive(env)
        self._sending = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        program = "from ducklake.testing.warm import main; main()"
        words = [sys.executable, "-c", program, str(theirs.fileno()), script]
        self._process = subprocess.Popen(words, env=dict(env), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """End the loaded process; commands that run go on."""
        self._channel.close()
        self._process.wait()

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether a command in this environment would have loaded the same.

        Args:
            env: The command's.
        """
        return _decisive(env) == self._started_in

    def run(self, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str, time_limit: float) -> tuple[int, str, str]:
        """Run one command.

        Args:
            args: What to type behind `ducklake`.
            cwd: Where to stand.
            env: All of its environment.
            stdin: What is piped in.
            time_limit: Seconds after which it is killed.

        Returns:
            Exit code (negative for a signal), standard output and standard error.

        Raises:
            subprocess.TimeoutExpired: It took longer.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            mine, theirs = socket.socketpair()
            with mine, theirs, tempfile.TemporaryFile() as request:
                request.write(json.dumps({"args": list(args), "cwd": str(cwd), "env": dict(env)}).encode())
                request.seek(0)
                files = [request.fileno(), given.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
                with self._sending:
                    socket.send_fds(self._channel, [b"run"], files)
                theirs.close()
                pid = int(mine.recv(20))
                mine.settimeout(time_limit)
                try:
                    code = int(mine.recv(20))
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(["ducklake", *args], time_limit) from None
            out.seek(0)
            err.seek(0)
            return code, _text(out.read()), _text(err.read())


def _text(output: bytes) -> str:
    """As text mode of `subprocess` reads it."""
    return output.decode().replace("\r\n", "\n").replace("\r", "\n")


def _decisive(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_DECIDES_HOW_PYTHON_STARTS)}


def _load() -> None:
    """Everything that commands import, without starting a thread."""
    import importlib
    from importlib import metadata

    import ducklake

    for path in ducklake.__path__:
        for file in sorted(Path(path).rglob("*.py")):
            parts = file.relative_to(path).with_suffix("").parts
            if parts[0] != "testing" and parts[-1] not in {"__init__", "__main__"}:
                importlib.import_module(".".join(["ducklake", *parts]))
    for point in metadata.entry_points(group="ducklake"):
        point.load()
    importlib.import_module("duckdb")


def _serve(channel: socket.socket, script: str) -> None:
    """Fork a command for each request; returns in the command's own process, ready to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the commands
    while True:
        message, files, _, _ = socket.recv_fds(channel, 16, 8)
        if not message:
            sys.exit()
        if os.fork():
            for number in files:
                os.close(number)
            continue
        channel.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asked, *streams, answer = files
        with os.fdopen(asked, "rb") as request:
            task = json.loads(request.read())
        if pid := os.fork():
            _answer(answer, pid)
        os.close(answer)
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        os.environ.clear()
        os.environ.update(task["env"])
        os.chdir(task["cwd"])
        sys.argv = [script, *task["args"]]
        return


def _answer(answer: int, pid: int) -> NoReturn:
    """Tell who asked which process it is, and how it ended."""
    reply = socket.socket(fileno=answer)
    reply.send(b"%20d" % pid)
    _, status = os.waitpid(pid, 0)
    reply.send(b"%20d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def main() -> NoReturn:
    """Be the loaded process: load everything, then fork a command for each request."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    script = sys.argv[2]
    _load()
    _serve(channel, script)
    from ducklake.cli import main as cli

    code: object = 1
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    # DuckDB would look for the thread that loading it had started in another process.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))
