"""HTTP on loopback, for the stand-ins that answer requests."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers requests. `timeout` is in seconds: the server ends a connection that stays silent for so long."""

    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Print nothing: the output of a test belongs to the test."""


class SplunkHandler(Handler):
    """Answers every HTTP method that Splunk knows by a call of `serve`, which subclasses define."""

    protocol_version = "HTTP/1.1"
    server_version = "Splunkd"
    timeout = 30

    def serve(self) -> None:
        """Answer a request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.serve()

    def do_POST(self) -> None:
        self.serve()

    def do_DELETE(self) -> None:
        self.serve()


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 until `close`; each connection has a thread of its own.

    With a `context` it speaks TLS; a slow handshake of one client delays no other client.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def uri(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection."""
        accepted, address = super().get_request()
        if self._context is not None:
            accepted = self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return accepted, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error of a client that is gone; report all other errors as usual."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End the server, and wait for that."""
        self.shutdown()
        self.server_close()
        self._thread.join(10)
