"""The network loses packets for a while, or hosts change their addresses, and nobody is told.

In real life a vanished peer is noticed after 120 seconds at the latest: 60 of silence and four probes 15 seconds apart,
or 120 in which nothing that was sent was taken. Here that is 3 seconds.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from estreamer.connection import tcp
from estreamer.input import loop
from estreamer.settings import Account

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from tests.faults.networks import FAR, NEAR, Network, Unavailable
from tests.faults.servers import EXACT, STYLES, archive_of, payloads_of, quick_retries, tally
from tests.input.harness import Input

SHORTER = 60
NOTICED_AFTER = 120 / SHORTER
"""Seconds until a vanished peer is noticed, as shortened here."""


def shortened() -> tuple[tuple[str, int], ...]:
    """Return the product's times for this, shortened; the number of probes stays."""
    return tuple(
        (name, value if name == "TCP_KEEPCNT" else max(1, value // SHORTER)) for name, value in tcp._KEEP_ALIVE
    )


@pytest.fixture
def network() -> Iterator[Network]:
    try:
        made = Network()
    except Unavailable as why:
        print(f"skipped: {why}")
        pytest.skip(str(why))
    try:
        yield made
    finally:
        made.close()


class Site:
    """A Management Center on the far host, and an input on the near one."""

    def __init__(self, folder: Path, network: Network, archive: Archive, behaviour: Behaviour) -> None:
        self.network = network
        self.archive = archive
        self.server = FmcServer(archive, behaviour=behaviour, address=FAR)
        self.input = Input(folder, {"fmc": self.server})
        self.client_name = NEAR
        self.input.account = self.account  # type: ignore[method-assign]

    def account(self, name: str) -> Account:
        return Account(
            name=name,
            host=self.server.address,
            port=self.server.port,
            pkcs12=self.server.pki.pkcs12(self.client_name, password="pass"),
            pkcs12_password="pass",
            fingerprint=None,
            legacy_certificates=False,
        )

    def start(self) -> None:
        self.network.run_on("far", self.server.start)

    def run(self, until: Callable[[Input], None], times: tuple[tuple[str, int], ...] | None = None) -> list[bytes]:
        """Run the input until `until` returns, and return what came; `times` are those of TCP unless short."""
        self.start()
        with (
            quick_retries(),
            patch.object(tcp, "_KEEP_ALIVE", times or shortened()),
            patch.object(loop, "CONNECT_TIMEOUT", 1.0),
            self.network.on("near"),
        ):
            try:
                assert self.input.run(until) == 0
            finally:
                self.server.stop()
        self.server.assert_clean()
        return self.input.reader.payloads()

    def wait_until_idle(self) -> None:
        """Wait until everything has been acknowledged, and that too."""
        self.server.wait_for(lambda served: served.connections[-1].acknowledgements == served.connections[-1].expected)
        # The answers of TCP, which nobody is told of.
        time.sleep(0.2)


def end_when_noticed(running: Input, network: Network, begun: float) -> float:
    """Restore the network once its outage shows in the log and a new attempt has failed; return when it showed, in
    seconds after it had begun."""
    running.wait_for_log("disconnected")
    noticed = time.monotonic() - begun
    running.wait_for_log("connection_failed")
    network.restore()
    return noticed


@pytest.mark.parametrize("style", STYLES)
def test_packets_vanish_on_a_quiet_link_and_return_when_that_has_been_noticed(
    tmp_path: Path, network: Network, style: str
):
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))
    noticed: list[float] = []

    def outage(running: Input) -> None:
        running.reader.wait_for(300)
        site.wait_until_idle()
        network.lose("near", "far")
        begun = time.monotonic()
        site.archive.extend(generator.events(300, 200))
        noticed.append(end_when_noticed(running, network, begun))
        running.reader.wait_for(500)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(outage)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert noticed[0] < NOTICED_AFTER + 3.0
    assert site.input.log.fields_of("disconnected")[0]["code"] == "tls_lost"
    assert {failure["code"] for failure in site.input.log.fields_of("connection_failed")} <= {"tls_timeout"}


def test_packets_vanish_before_the_server_has_said_anything(tmp_path: Path, network: Network):
    """It is not mistaken for a server that does not know this client."""
    site = Site(tmp_path, network, Archive(), Behaviour())

    def outage(running: Input) -> None:
        site.server.wait_for(lambda served: any(connection.timestamp is not None for connection in served.connections))
        network.lose("near", "far")
        running.wait_for_log("connection_failed")
        network.restore()
        site.archive.extend(EventGenerator().events(0, 100))
        running.reader.wait_for(100)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(outage)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert site.input.log.fields_of("connection_failed")[0]["code"] == "tls_lost"
    assert {line["request_style"] for line in site.input.log.fields_of("connected")} == {"single"}


@pytest.mark.parametrize(("style", "lost"), [("bundles", "near"), ("bare", "near and far")])
def test_acknowledgements_vanish_on_a_busy_link_and_that_is_noticed_as_soon(
    tmp_path: Path, network: Network, style: str, lost: str
):
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))
    noticed: list[float] = []

    def outage(running: Input) -> None:
        running.reader.wait_for(300)
        site.wait_until_idle()
        # What arrives is acknowledged, and the acknowledgement is on its way for ever: no probe is sent meanwhile.
        network.lose("near")
        begun = time.monotonic()
        site.archive.extend(generator.events(300, 1))
        running.reader.wait_for(301)
        network.lose(*lost.split(" and "))
        site.archive.extend(generator.events(301, 200))
        noticed.append(end_when_noticed(running, network, begun))
        running.reader.wait_for(501)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(outage)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert noticed[0] < NOTICED_AFTER + 3.0
    assert site.input.log.fields_of("disconnected")[0]["code"] == "tls_lost"


@pytest.mark.parametrize("style", STYLES)
def test_packets_return_before_anybody_has_noticed(tmp_path: Path, network: Network, style: str):
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))

    def outages(running: Input) -> None:
        for count, senders in ((300, ("near",)), (500, ("far",)), (700, ("near", "far"))):
            running.reader.wait_for(count)
            network.lose(*senders)
            site.archive.extend(generator.events(count, 200))
            # Long enough for packets to be sent again, and too short for anybody to give up.
            time.sleep(0.8)
            network.restore()
        running.reader.wait_for(900)
        running.reader.wait_for_silence(0.5)

    arrived = site.run(outages, tcp._KEEP_ALIVE)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert len(site.server.connections) == 1


@pytest.mark.parametrize("style", STYLES)
def test_server_loses_its_power_and_starts_again_while_nothing_gets_through(
    tmp_path: Path, network: Network, style: str
):
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))

    def crash(running: Input) -> None:
        running.reader.wait_for(300)
        site.wait_until_idle()
        network.lose("near", "far")
        site.server.stop()
        site.archive.extend(generator.events(300, 200))
        site.start()
        network.restore()
        running.reader.wait_for(500)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(crash)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert len(site.server.connections) == 2


@pytest.mark.parametrize("style", STYLES)
def test_the_input_changes_its_address(tmp_path: Path, network: Network, style: str):
    """The Management Center knows the client by its address: the message names both until the account is renewed."""
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))

    def move(running: Input) -> None:
        running.reader.wait_for(300)
        site.wait_until_idle()
        network.move("near", "192.0.2.7")
        site.archive.extend(generator.events(300, 200))
        running.wait_for_log("connection_failed", 2)
        site.client_name = "192.0.2.7"
        running.reader.wait_for(500)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(move)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    refused = [
        str(failure["problem"])
        for failure in site.input.log.fields_of("connection_failed")
        if failure["code"] == "tls_closed_after_handshake"
    ]
    assert refused
    assert all(NEAR in text and "192.0.2.7" in text for text in refused)


@pytest.mark.parametrize("style", STYLES)
def test_the_server_changes_its_address(tmp_path: Path, network: Network, style: str):
    generator = EventGenerator(duplicates_every=20)
    site = Site(tmp_path, network, Archive(generator.events(0, 300)), Behaviour(style=style))

    def move(running: Input) -> None:
        running.reader.wait_for(300)
        site.wait_until_idle()
        network.lose("near", "far")
        site.server.stop()
        network.move("far", "192.0.2.8")
        site.archive.extend(generator.events(300, 200))
        site.server.address = "192.0.2.8"
        site.start()
        running.reader.wait_for(500)
        running.reader.wait_for_silence(0.3)

    arrived = site.run(move)
    assert tally(payloads_of(site.archive), arrived) == EXACT
    assert [line["address"] for line in site.input.log.fields_of("connected")] == [FAR, "192.0.2.8"]


@pytest.mark.parametrize("style", STYLES)
def test_the_name_of_the_server_gets_another_address(tmp_path: Path, style: str):
    archive = archive_of(600, duplicates_every=20)
    behaviour = Behaviour(style=style, check_client_address=False)
    really, address = socket.getaddrinfo, ["127.0.0.1"]

    def look_up(host: str, *arguments: object, **named: object):
        if host == "fmc.example" and named.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "a name is no address")
        return really(address[0] if host == "fmc.example" else host, *arguments, **named)  # type: ignore[arg-type]

    with quick_retries(), FmcServer(archive, behaviour=behaviour) as first, patch("socket.getaddrinfo", look_up):
        under_test = Input(tmp_path, {"fmc": first})
        account = replace(under_test.account("fmc"), host="fmc.example")
        under_test.account = lambda name: account  # type: ignore[method-assign]
        second = FmcServer(archive, behaviour=behaviour, address="127.0.0.2", port=first.port)

        def move(running: Input) -> None:
            running.reader.wait_for(100)
            first.stop()
            running.wait_for_log("connection_failed")
            second.start()
            address[0] = "127.0.0.2"
            archive.extend(EventGenerator(start=archive.newest()).events(600, 50))
            running.reader.wait_for(650)
            running.reader.wait_for_silence(0.3)

        assert under_test.run(move) == 0
        second.stop()
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert under_test.log.fields_of("connected")[-1]["address"] == "127.0.0.2"
        assert under_test.log.fields_of("connected")[-1]["host"] == "fmc.example"
        first.assert_clean()
        second.assert_clean()
