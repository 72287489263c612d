"""A web server on this machine, for connectors that read over HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        method: `GET`, ...
        path: Without the query.
        query: Of several values of a name the last.
        headers: Names in lower case.
        body: As it came.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True)
class Response:
    """What is answered.

    Attributes:
        body: Text, bytes, or plain data, which is sent as JSON.
        status: The code.
        headers: Further ones.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


Answer = Any | Callable[[Request], Any]
"""A `Response`, what may stand in one, or a function of the request that gives either."""


@dataclasses.dataclass
class WebServer:
    """A running server; what has no route is 404.

    Attributes:
        url: Where it listens, without a slash at the end.
        routes: Answers by path; a test may change them while it runs.
        requests: Everything that was asked so far.
    """

    url: str
    routes: dict[str, Answer] = dataclasses.field(default_factory=dict)
    requests: list[Request] = dataclasses.field(default_factory=list)

    def answer(self, request: Request) -> Response:
        """What a request gets.

        Args:
            request: The request; it is kept.
        """
        self.requests.append(request)
        if request.path not in self.routes:
            return Response("not found", 404)
        found = self.routes[request.path]
        found = found(request) if callable(found) else found
        return found if isinstance(found, Response) else Response(found)


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    """Run a server on a free port of the loopback, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.web = WebServer(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.web  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        web: WebServer = self.server.web  # type: ignore[attr-defined]
        response = web.answer(Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
        content = response.body
        kind = "text/plain; charset=utf-8" if isinstance(content, str | bytes) else "application/json"
        if isinstance(content, str):
            content = content.encode()
        elif not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.send_response(response.status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's word
        """Say nothing: a test's output is its own."""
