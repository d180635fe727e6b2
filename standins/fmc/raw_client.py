"""A plain client for tests of the server. It shares no code with the add-on, which the server is meant to test."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from typing import TYPE_CHECKING, NamedTuple

from standins.fmc.channel import IGNORE_UNEXPECTED_EOF
from standins.fmc.events import SAMPLES

if TYPE_CHECKING:
    from types import TracebackType

    from standins.fmc.server import FmcServer

DOCUMENT = (SAMPLES / "json_request.json").read_bytes().rstrip()
NULL = struct.pack(">HHI", 1, 0, 0)


class Message(NamedTuple):
    version: int
    message_type: int
    body: bytes


class Event(NamedTuple):
    version: int
    message_type: int
    netmap_id: int
    record_type: int
    archival: int | None
    payload: bytes


def request(timestamp: int = 0, flags: int = 1 << 23, document: bytes = DOCUMENT) -> bytes:
    return struct.pack(">HHIII", 1, 2, 8 + len(document), timestamp, flags) + document


def error(text: str, code: int = -1) -> bytes:
    encoded = text.encode()
    return struct.pack(">HHIiH", 1, 1, 6 + len(encoded), code, len(encoded)) + encoded


def document(*event_types: str, fields: tuple[str, ...] = ("HeaderFieldSet",)) -> bytes:
    events = {
        event_type: {"FieldSetDef": {"OutputFieldSet": fields}, "Fields": ["OutputFieldSet"]}
        for event_type in event_types
    }
    return json.dumps({"Events": events, "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"}}).encode()


def context(server: FmcServer, *, address: str | None = None, variant: str = "good") -> ssl.SSLContext:
    """Return a context that verifies the server against its CA, and shows a client certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.options &= ~IGNORE_UNEXPECTED_EOF
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.load_verify_locations(server.pki.ca_path)
    made.load_cert_chain(*server.pki.client_files(address or server.address, variant))
    return made


class Vanished(OSError):
    """The server ended the connection without a TLS farewell."""


class RawClient:
    """A connection to the server, blocking with a timeout."""

    def __init__(self, server: FmcServer, *, tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        plain = socket.socket(family, socket.SOCK_STREAM)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(10)
        self.socket = (tls or context(server)).wrap_socket(plain, suppress_ragged_eofs=False)
        try:
            self.socket.connect((server.address, server.port))
        except BaseException:
            self.socket.close()
            raise
        self._buffer = b""
        self._taken = 0

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *messages: bytes) -> None:
        self.socket.sendall(b"".join(messages))

    def take(self, count: int) -> bytes:
        """Return exactly `count` bytes. Raises EOFError after a TLS farewell, otherwise Vanished or
        ConnectionResetError."""
        while len(self._buffer) - self._taken < count:
            data = self._receive()
            if not data:
                raise EOFError(f"{len(self._buffer) - self._taken} bytes left of {count}")
            self._buffer, self._taken = self._buffer[self._taken :] + data, 0
        self._taken += count
        return self._buffer[self._taken - count : self._taken]

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(262144)
        except ssl.SSLError as error:
            if "EOF" in str(error):
                raise Vanished("the server ended the connection without a farewell") from error
            raise

    def message(self) -> Message:
        version, message_type, length = struct.unpack(">HHI", self.take(8))
        return Message(version, message_type, self.take(length))

    def everything(self) -> tuple[bytes, BaseException]:
        """Return all bytes that arrive until the connection ends, and how it ended."""
        received = self._buffer[self._taken :]
        try:
            while True:
                data = self._receive()
                if not data:
                    return received, EOFError()
                received += data
        except OSError as error:
            return received, error

    def events(self, count: int, *, acknowledge: bool = True) -> list[Event]:
        """Return `count` events, out of bundles or bare, and acknowledge them as the guide says."""
        found: list[Event] = []
        while len(found) < count:
            message = self.message()
            if message.message_type == 4002:
                found += bundled(message.body)
            elif message.message_type in {3, 4}:
                found.append(event(message))
            else:
                continue
            if acknowledge:
                self.send(NULL)
        return found

    def close(self) -> None:
        """Close with a TLS farewell."""
        try:
            self.socket.settimeout(5)
            self.socket.unwrap()
        except OSError:
            pass
        self.socket.close()


def bundled(body: bytes) -> list[Event]:
    found, offset = [], 8
    while offset < len(body):
        version, message_type, length = struct.unpack_from(">HHI", body, offset)
        if message_type in {3, 4}:
            found.append(event(Message(version, message_type, body[offset + 8 : offset + 8 + length])))
        offset += 8 + length
    return found


def event(message: Message) -> Event:
    netmap_id, record_type, length = struct.unpack_from(">HHI", message.body)
    headers = len(message.body) - length
    archival = struct.unpack_from(">I", message.body, 8)[0] if headers == 16 else None
    return Event(message.version, message.message_type, netmap_id, record_type, archival, message.body[headers:])
