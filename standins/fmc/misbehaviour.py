"""The faults of one connection, and the code for each action (`standins.fmc.behaviour.Fault`)."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Callable, NoReturn

from standins.fmc.behaviour import ENDINGS, Fault
from standins.fmc.channel import LINGER_SECONDS, Channel, Ended
from standins.fmc.delivery import error_message
from standins.fmc.outgoing import Leaving, Outgoing

_GARBAGE = bytes(range(255, -1, -1))
_OVERLONG = struct.pack(">HHI", 1, 4, 1 << 30)
_FORGED_RECORD = bytes.fromhex("17 0303 0040") + bytes(64)
_FORGED_RECORDS = 1 + (16 * 1024 + 256) // len(_FORGED_RECORD)
"""More bytes than can be left of the longest TLS record."""

_ALERT = bytes.fromhex("15 0303 0002 02 28")
_HELLO_REQUESTS = bytes.fromhex("16 0303 0004 00000000") * 1000
"""Records that ask for a handshake. Before its ServerHello a server needs no key for them, and OpenSSL skips them."""


class Misbehaviour:
    """Applies faults to a connection. `restart` makes the server restart without waiting for it."""

    def __init__(
        self, faults: Sequence[Fault], channel: Channel, outgoing: Outgoing, restart: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._channel = channel
        self._outgoing = outgoing
        self._restart = restart

    def moment(self, where: str) -> None:
        """Apply the faults of a moment before the first event. Raises Ended or Leaving if one ends the connection."""
        for fault in [fault for fault in self._faults if fault.where == where and fault.after_bytes is None]:
            self.act(fault)
            if where == "accept":
                self._channel.drain()

    def act(self, fault: Fault) -> None:
        """Apply one fault. Raises Ended or Leaving when it ends the connection."""
        action = fault.action
        if action in ENDINGS:
            raise Leaving(action, f"fault: {action}")
        if action == "error":
            self._outgoing.say_and_end(error_message(fault.code, fault.text), "fault: error")
        elif action == "garbage":
            self._outgoing.say_and_mute(_GARBAGE)
        elif action == "overlong":
            self._outgoing.say_and_fill(_OVERLONG)
        elif action == "dribble":
            self._outgoing.dribble(fault.pause)
        elif action in {"deaf", "hear"}:
            self._channel.listen(action == "hear")
        elif action == "say":
            self._say(fault.data.encode("latin-1"))
        else:
            self._act_below(action)
            self._outgoing.mute()

    def _act_below(self, action: str) -> None:
        """Apply a fault after which the server sends nothing more: the faults below TLS, and silence."""
        if action == "tls-garbage":
            os.write(self._channel.socket.fileno(), _GARBAGE)
        elif action == "alert":
            self._alert()
        elif action == "restart":
            self._restart()
        elif action == "hello-requests":
            self._pour(_HELLO_REQUESTS)
        elif action == "half-open":
            while True:
                self._channel.wait(None, write=False, read=False)

    def _say(self, data: bytes) -> None:
        """Send bytes that are not part of the delivery."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._channel.socket.send(rest[: self._outgoing.write_size]) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._channel.wait(None, write=True, read=False)

    def _pour(self, data: bytes) -> NoReturn:
        """Send the same bytes, without TLS, until the client is gone. Raises Ended."""
        rest = memoryview(data)
        while True:
            try:
                rest = rest[self._channel.socket.send(rest) :] or memoryview(data)
            except BlockingIOError:
                self._channel.wait(None, write=True, read=False)
            except OSError as error:
                raise Ended("client reset") from error

    def _alert(self) -> None:
        """Send a fatal alert, then a FIN. Raises Ended if TLS was spoken."""
        if not isinstance(self._channel.socket, ssl.SSLSocket):
            os.write(self._channel.socket.fileno(), _ALERT)
            self._channel.shut_below_tls()
            return
        _send_alert(self._channel.socket)
        self._channel.shut_below_tls()
        with contextlib.suppress(Ended):
            self._channel.drain(LINGER_SECONDS)
        raise Ended("fault: alert")


def _send_alert(tls: ssl.SSLSocket) -> None:
    """Send the fatal alert that TLS sends when it receives a forged record.

    The record arrives through a pair of sockets in place of the connection, since no function of `ssl` sends an alert.
    """
    descriptor = tls.fileno()
    client = os.dup(descriptor)
    ours, theirs = socket.socketpair()
    try:
        with ours, theirs:
            ours.settimeout(LINGER_SECONDS)
            theirs.setblocking(False)
            os.dup2(theirs.fileno(), descriptor)
            # The client may have been in the middle of a record, which the forged records then complete.
            ours.sendall(_FORGED_RECORD * _FORGED_RECORDS)
            with contextlib.suppress(ssl.SSLError):
                while tls.recv(65536):
                    pass
            os.write(client, ours.recv(4096))
    finally:
        os.dup2(client, descriptor)
        os.close(client)
