"""One connection: a loop over one socket that reads before it writes, and blocks only while it waits for the socket."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Callable

from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.channel import Channel, Ended, server_context
from standins.fmc.conversation import Conversation
from standins.fmc.delivery import Source
from standins.fmc.misbehaviour import Misbehaviour
from standins.fmc.outgoing import Leaving, Outgoing
from standins.fmc.pki import Pki
from standins.fmc.record import Connection, Record


class Session:
    """Brings the channel, the conversation and the faults of one connection together, in a thread of its own."""

    def __init__(
        self,
        channel: Channel,
        behaviour: Behaviour,
        pki: Pki,
        archive: Source,
        connection: Connection,
        record: Record,
        restart: Callable[[], None],
    ) -> None:
        faults: Sequence[Fault] = [fault for fault in behaviour.faults if fault.meant_for(connection.number)]
        self.number = connection.number
        self._channel = channel
        self._behaviour = behaviour
        self._pki = pki
        self._archive = archive
        self._connection = connection
        self._record = record
        self._outgoing = Outgoing(behaviour.write_size)
        self._misbehaviour = Misbehaviour(faults, channel, self._outgoing, restart)
        self._conversation = Conversation(
            behaviour, faults, archive, self._outgoing, connection, record, self._request_understood
        )

    def stop(self) -> None:
        """End the connection; may be called from any thread."""
        self._channel.stop()

    def run(self) -> None:
        """Serve the connection to its end."""
        self._archive.listen(self._channel.wake)
        ended = "server failed"
        try:
            with self._channel.opened():
                self._serve_until_left()
        except Ended as end:
            ended = str(end)
        finally:
            self._archive.forget(self._channel.wake)
            self._channel.close()
            self._conversation.end(orderly=ended == "client closed")
            with self._record.changing():
                self._connection.ended = ended

    def _serve_until_left(self) -> None:
        try:
            self._serve()
        except Leaving as leaving:
            self._channel.end(leaving.how, str(leaving), self._conversation.overhear)

    def _serve(self) -> None:
        self._misbehaviour.moment("accept")
        self._shake_hands()
        self._misbehaviour.moment("handshake")
        self._check_client()
        while True:
            if not self._channel.deaf:
                self._read()
            self._write()
            timeout = self._outgoing.timeout(self._conversation.quiet)
            self._channel.wait(timeout, write=self._outgoing.waiting, read=not self._channel.deaf)

    def _shake_hands(self) -> None:
        version, client = self._channel.shake_hands(server_context(self._pki, self._behaviour))
        with self._record.changing():
            self._connection.tls, self._connection.client = version, client

    def _check_client(self) -> None:
        if not self._behaviour.check_client_address:
            return
        name, peer = self._connection.client, self._connection.peer
        if name != peer and not (name == "localhost" and peer in {"127.0.0.1", "::1"}):
            raise Leaving("fin", f"refused: {name} does not connect from {peer}")

    def _request_understood(self) -> None:
        self._misbehaviour.moment("request")

    def _read(self) -> None:
        data, over = self._channel.received()
        if data:
            self._conversation.hear(data)
        if over:
            raise Ended(over)

    def _write(self) -> None:
        try:
            while self._outgoing.ready:
                fault = self._conversation.take_fault()
                if fault is not None:
                    self._misbehaviour.act(fault)
                elif self._outgoing.fill(self._conversation.following):
                    self._send()
                elif not self._conversation.at_stop:
                    return
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            # The last bytes of the client may still be there to read.
            self._read()
            raise Ended("client reset") from None

    def _send(self) -> None:
        # `fill` may have found a fault whose place is before the next byte.
        if not self._conversation.at_stop:
            piece = self._outgoing.piece(self._conversation.to_stop)
            self._conversation.sent(self._outgoing.count(self._channel.socket.send(piece)))
