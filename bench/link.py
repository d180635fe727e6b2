"""The network between an input and a server: a relay that can be cut, and that notes when the first byte arrives."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

_PIECE = 1 << 18
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """Carries connections from a port of its own, on loopback, to `target`; a context manager.

    `first_byte` is the time at which the first byte of a client arrived, in monotonic seconds, None before. While it is
    `down`, it closes new connections.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.first_byte: float | None = None
        self.down = False
        self._lock = threading.Lock()
        self._open: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Link:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def cut(self) -> None:
        """End all connections: bytes in between are lost, and both ends see the end of the connection."""
        for pair in self._taken():
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End all connections by a reset of both ends."""
        for pair in self._taken():
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    # The threads that read from the socket must stop first: the reset goes out when none uses it.
                    end.shutdown(socket.SHUT_RD)
                end.close()

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        with self._lock:
            taken, self._open = self._open, []
        return taken

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        client.recv(1, socket.MSG_PEEK)
        self.first_byte = self.first_byte or time.monotonic()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self._lock:
            self._open.append(pair)
        there = threading.Thread(target=_pump, args=pair, daemon=True)
        there.start()
        _pump(server, client)
        there.join()
        with self._lock:
            if pair in self._open:
                self._open.remove(pair)
        for end in pair:
            end.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes one way, and their end."""
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
