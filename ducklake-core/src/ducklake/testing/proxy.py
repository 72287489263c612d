"""Connections that break: a proxy between a connector and its server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def cutting(host: str, port: int, cuts: int, after: int) -> Iterator[int]:
    """A proxy that cuts the first connections on which a server answers much.

    Args:
        host: The server's address.
        port: Its port.
        cuts: How many connections are cut.
        after: Bytes of answer that come through before.

    Yields:
        The proxy's port on 127.0.0.1.
    """
    left = [cuts]
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(one: socket.socket, other: socket.socket, counted: bool) -> None:
        total = 0
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                total += len(data)
                if counted and total > after and left[0]:
                    left[0] -= 1
                    break
                other.sendall(data)
        # Closed, not only shut down: a server that still writes has to be told that nobody reads.
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, port))
                threading.Thread(target=pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=pump, args=(server, client, True), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
