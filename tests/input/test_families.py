"""A second family of events through a complete input: the loop, its bookmark and its output know none by name."""

from __future__ import annotations

import ssl
import struct
from pathlib import Path

import pytest
from estreamer.errors import Problem
from estreamer.input import subscriptions
from estreamer.protocol import wire
from estreamer.protocol.family import Family, Subscription
from estreamer.settings import InputSettings

from standins.fmc.pki import Pki
from standins.fmc.raw_messages import bundle, event, message
from tests.connection.servers import over_tls, server_context, serving
from tests.input.harness import Input, input_settings
from tests.protocol.weather import CHOICE, OFFER, WANTED, Readings, Weather, reading

STATION = 7


class WeatherServer:
    """Offers stations to whoever asks, and sends the readings of the one that is chosen, in a bundle."""

    address = "127.0.0.1"

    def __init__(self, pki: Pki) -> None:
        self.pki = pki
        self.port = 0
        self.readings: list[bytes] = []
        self.heard: list[list[tuple[int, bytes]]] = []
        """The messages of each connection, each as its type and body."""

    def pkcs12(self, password: str) -> bytes:
        return self.pki.pkcs12(self.address, password=password)

    def __call__(self, secure: ssl.SSLSocket) -> None:
        self.heard.append([])
        self._hear(secure)
        secure.sendall(message(wire.NULL) + message(OFFER, struct.pack(">3H", 5, 6, STATION)))
        self._hear(secure)
        events = (event(one, 1000 + number, record_type=500) for number, one in enumerate(self.readings))
        secure.sendall(bundle(1, *events))
        while self._hear(secure) != wire.ERROR:
            continue

    def _hear(self, secure: ssl.SSLSocket) -> int:
        _, message_type, length = struct.unpack(">HHI", read(secure, 8))
        self.heard[-1].append((message_type, read(secure, length)))
        return message_type


def read(secure: ssl.SSLSocket, size: int) -> bytes:
    """Return so many bytes. Raises OSError when the client ends before."""
    found = b""
    while len(found) < size:
        part = secure.recv(size - len(found))
        if not part:
            raise ConnectionError(f"{len(found)} of {size} bytes")
        found += part
    return found


class Subscribing:
    """What subscribes an input to the weather, and notes what each request asks for."""

    def __init__(self, station: int = STATION) -> None:
        self.station = station
        self.asked: list[tuple[int, str]] = []

    def __call__(self, stanza: str, settings: InputSettings) -> Subscription:
        return Subscription(self._ask, Readings(), ("in two steps",))

    def _ask(self, timestamp: int, style: str) -> Family:
        self.asked.append((timestamp, style))
        return Weather(self.station)


def test_a_family_that_is_asked_for_in_steps_is_delivered_acknowledged_and_resumed(tmp_path: Path, pki: Pki):
    server, subscribing = WeatherServer(pki), Subscribing()
    server.readings = [reading(1000, -3), reading(1001, 4)]
    with serving(over_tls(server_context(pki), server), connections=2) as port:
        server.port = port
        under_test = Input(tmp_path, {"fmc": server}, subscribe=subscribing, settle=5)  # type: ignore[dict-item]
        assert under_test.run_for(2) == [
            b'{"EventType":"Temperature", "Second":1000, "Degrees":-3}',
            b'{"EventType":"Temperature", "Second":1001, "Degrees":4}',
        ]
        server.readings.append(reading(1002, 5))
        assert under_test.run_for(1) == [b'{"EventType":"Temperature", "Second":1002, "Degrees":5}']
    dialogue = [(WANTED, b""), (CHOICE, struct.pack(">H", STATION)), (wire.NULL, b"")]
    assert [messages[:-1] for messages in server.heard] == [dialogue, dialogue]
    assert subscribing.asked == [(0, "in two steps"), (1001 - 5, "in two steps")]
    assert under_test.log.total("duplicates") == 2


def test_what_a_family_cannot_use_is_the_reason_of_the_next_attempt(tmp_path: Path, pki: Pki):
    server = WeatherServer(pki)
    with serving(over_tls(server_context(pki), server)) as port:
        server.port = port
        under_test = Input(tmp_path, {"fmc": server}, subscribe=Subscribing(station=9))  # type: ignore[dict-item]
        under_test.run(lambda running: running.wait_for_log("connection_failed"))
    assert under_test.log.codes()[0] == "station_missing"


def test_the_scheme_of_an_input_says_which_family_it_subscribes_to():
    subscription = subscriptions.of_input("estreamer_fqe://main", input_settings())
    document = subscription.ask(0, subscription.styles[0]).request()[16:]
    assert document.startswith(b'{"Events": {"ConnectionEvent"')
    with pytest.raises(Problem) as caught:
        subscriptions.of_input("estreamer_fqe://main", input_settings(fields={}))
    assert caught.value.code == "event_types_empty"
    with pytest.raises(KeyError):
        subscriptions.of_input("estreamer_weather://main", input_settings())
