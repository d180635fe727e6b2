"""The built package streams from a stand-in Management Center into a stand-in splunkd, whatever happens to either."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from standins.addon import (
    PASSWORD,
    STANZA,
    create_account,
    create_input,
    digests_of,
    doubled,
    install,
    log_text,
    lost,
    switch,
    wait_for_all,
)
from standins.fmc.archive import Archive, FailoverPair
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.endtoend.load import Tap

pytestmark = pytest.mark.package

STYLES = ("bundles", "bare", "mixed")


def archive_of(count: int, **options: int) -> Archive:
    return Archive.generated(count, EventGenerator(**options))


@pytest.mark.parametrize("style", STYLES)
def test_restarts_cuts_and_a_stop_lose_and_double_nothing(tmp_path: Path, built_package: Path, style: str):
    generator = EventGenerator(per_second=40, duplicates_every=100)
    archive = Archive(generator.events(0, 5000))
    places = ["payload", "header", "record header", "payload", "between"] * 2
    cuts = tuple(
        Fault("fin" if number % 2 else "rst", where=where, after_events=300, connections=(number,))
        for number, where in enumerate(places, start=1)
    )
    behaviour = Behaviour(style=style, bundle_size=50, faults=cuts)
    with FmcServer(archive, behaviour=behaviour) as server, Splunkd(tmp_path, keep="digests") as splunkd:
        install(splunkd, built_package, server, settle="2")
        splunkd.start()
        splunkd.wait_for(5000, timeout=90)
        for number in range(10):
            archive.extend(generator.events(5000 + number * 1500, 1500))
            splunkd.wait_for(5100 + number * 1500, timeout=60)
            server.restart()
            if number == 5:
                switch(splunkd, on=False)
                splunkd.wait_for_end()
                switch(splunkd, on=True)
        splunkd.wait_for(20_000, timeout=90)
        switch(splunkd, on=False)
        splunkd.wait_for_end(2)
        assert splunkd.digests() == digests_of(archive)
        assert server.restarts == 10
        assert sum("fault" in (connection.ended or "") for connection in server.connections) == 10
        server.assert_clean()


def test_killed_while_the_pipe_is_full_it_doubles_at_most_one_bundle(tmp_path: Path, built_package: Path):
    archive = archive_of(4000)
    with (
        FmcServer(archive, behaviour=Behaviour(style="bundles", bundle_size=100)) as server,
        Splunkd(tmp_path, keep="digests", restart_after=0.0) as splunkd,
    ):
        install(splunkd, built_package, server, settle="2")
        splunkd.start()
        for number in range(5):
            splunkd.wait_for(number * 500 + 100, timeout=60)
            splunkd.stall()
            server.wait_for_standstill()
            killed = splunkd.signal_input()
            splunkd.resume()
            splunkd.wait_for_input(not_pid=killed)
        wanted = digests_of(archive)
        wait_for_all(splunkd, wanted)
        switch(splunkd, on=False)
        splunkd.wait_for_end(6)
        assert lost(wanted, splunkd.digests()) == 0
        assert doubled(wanted, splunkd.digests()) <= 5 * 100


def test_when_splunkd_dies_nothing_is_lost_and_doubles_stay_within_settle(tmp_path: Path, built_package: Path):
    settle, rate, deaths = 2, 400, 3
    archive = archive_of(200, per_second=40)
    with (
        FmcServer(archive, behaviour=Behaviour(style="bundles")) as server,
        Splunkd(tmp_path, keep="digests") as splunkd,
    ):
        install(splunkd, built_package, server, settle=str(settle))
        before = 0
        with Tap(archive, rate):
            for _ in range(deaths):
                splunkd.start()
                splunkd.wait_for(before + 5 * rate, timeout=60)
                splunkd.kill(lose_last_seconds=settle - 0.5)
                splunkd.wait_for_orphans()
                before = splunkd.count()
        splunkd.start()
        wanted = digests_of(archive)
        wait_for_all(splunkd, wanted)
        splunkd.stop()
        arrived = splunkd.digests()
        assert lost(wanted, arrived) == 0
        # Settling is recorded once a second at most.
        assert doubled(wanted, arrived) <= deaths * (settle + 1) * rate * 1.5
        assert "action=delivered_again" in log_text(splunkd)


def test_an_orderly_restart_of_splunkd_loses_nothing(tmp_path: Path, built_package: Path):
    archive = archive_of(2000)
    with FmcServer(archive) as server, Splunkd(tmp_path, keep="digests") as splunkd:
        install(splunkd, built_package, server, settle="1")
        splunkd.start()
        splunkd.wait_for(500)
        took = splunkd.stop()
        assert took[STANZA] < 2.0
        splunkd.start()
        wanted = digests_of(archive)
        wait_for_all(splunkd, wanted)
        splunkd.stop()
        assert lost(wanted, splunkd.digests()) == 0


HOSTILE = {
    "every byte": b'{"EventType":"FileEvent", "n":"' + bytes(range(256)) + b'"}',
    "lone surrogates": b'{"EventType":"FileEvent", "n":"\xed\xa0\x80 \\ud800"}',
    "the end of a CDATA section": b'{"EventType":"FileEvent", "n":"]]>"}',
    "five megabytes": b'{"EventType":"FileEvent", "n":"' + b"&" * 5_000_000 + b'"}',
    "nested ten thousand deep": b'{"EventType":"FileEvent", "n":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "not JSON": b"plain words",
    "nothing": b"",
}


@pytest.mark.parametrize("style", ["bundles", "bare"])
def test_hostile_payloads_leave_the_stream_well_formed(tmp_path: Path, built_package: Path, style: str):
    archive = Archive()
    for number, payload in enumerate([*HOSTILE.values(), *(bytes([byte]) for byte in range(256))]):
        archive.append(Record.of(payload, 2000 + number, 502))
        archive.append(
            Record.of(b'{"EventType":"FileEvent", "EventSecond":1743500000, "next":%d}' % number, 2000 + number)
        )
    with FmcServer(archive, behaviour=Behaviour(style=style)) as server, Splunkd(tmp_path) as splunkd:
        install(splunkd, built_package, server)
        splunkd.start()
        splunkd.wait_for(len(archive), timeout=60)
        switch(splunkd, on=False)
        run = splunkd.wait_for_end()
        assert run.whole
        followers = [event.data for event in splunkd.events() if '"next"' in event.data]
        assert followers == [record.payload.decode() for record in archive.since(0) if b'"next"' in record.payload]
        assert len(splunkd.events()) == len(archive)


def test_a_full_pipe_does_not_keep_the_input_from_stopping_within_two_seconds(tmp_path: Path, built_package: Path):
    archive = archive_of(5000)
    with FmcServer(archive) as server, Splunkd(tmp_path, keep="digests") as splunkd:
        install(splunkd, built_package, server)
        splunkd.start()
        splunkd.wait_for(100)
        splunkd.stall()
        server.wait_for_standstill()
        switch(splunkd, on=False)
        assert (splunkd.wait_for_end(strict=False).stop_took or 9) < 2.0
        switch(splunkd, on=True)
        splunkd.wait_for(5000, timeout=60)
        switch(splunkd, on=False)
        splunkd.wait_for_end(2)
        assert splunkd.digests() == digests_of(archive)


def test_nothing_secret_shows_anywhere(tmp_path: Path, built_package: Path):
    with FmcServer(archive_of(50)) as server, Splunkd(tmp_path) as splunkd:
        install(splunkd, built_package, server)
        splunkd.start()
        splunkd.wait_for(50)
        assert splunkd.places_of(PASSWORD) == []
        assert splunkd.places_of(splunkd.session_key) == []
        written = [place for place in splunkd.places_of("PRIVATE KEY") if "/lib/" not in place]
        assert written == []


def test_events_have_the_time_and_place_that_searches_expect(tmp_path: Path, built_package: Path):
    archive = archive_of(300)
    with FmcServer(archive) as server, Splunkd(tmp_path) as splunkd:
        install(splunkd, built_package, server)
        splunkd.start()
        splunkd.wait_for(300)
        events = splunkd.events()
    assert Counter(type(event.time).__name__ for event in events) == {"Decimal": 300}
    assert {(event.source, event.sourcetype, event.host, event.index) for event in events} == {
        (STANZA, "cisco:sfw:estreamer", "127.0.0.1", "main")
    }
    assert [event.data.encode() for event in events] == [record.payload for record in archive.since(0)]


def test_the_log_tells_connection_figures_and_ingested_events(tmp_path: Path, built_package: Path):
    with FmcServer(archive_of(100)) as server, Splunkd(tmp_path) as splunkd:
        install(splunkd, built_package, server, drop_rules="FileEvent:")
        splunkd.start()
        kept = sum(record.event_type != "FileEvent" for record in server.archive.since(0))
        splunkd.wait_for(kept)
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        text = log_text(splunkd)
    assert f"action=connected input={STANZA} account=fmc host=127.0.0.1" in text
    assert "received=100 " in text
    assert f"written={kept} " in text
    assert f"dropped={100 - kept} " in text
    ingested = (
        f"action=events_ingested modular_input_name={STANZA} sourcetype_ingested=cisco:sfw:estreamer n_events={kept}"
    )
    assert ingested in text
    assert "action=stopped" in text


def test_a_failover_pair_is_read_from_one_at_a_time(tmp_path: Path, built_package: Path):
    pair = FailoverPair(EventGenerator().events(0, 500))
    with FmcServer(pair.first) as first, FmcServer(pair.second) as second, Splunkd(tmp_path) as splunkd:
        splunkd.install(built_package)
        create_account(splunkd, first)
        create_account(splunkd, second, "other")
        create_input(splunkd, failover_account="other")
        splunkd.start()
        splunkd.wait_for(500)
        first.stop()
        for record in EventGenerator().events(500, 100):
            pair.append(record)
        splunkd.wait_for(600)
        assert len(splunkd.events()) == 600
        assert [event.data.encode() for event in splunkd.events()[500:]] == [
            r.payload for r in pair.second.since(0)[500:]
        ]


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("drop_rules", "ConnectionEvent: AC_RuleAction", "line 1, column 31"),
        ("start_from", "yesterday", "2026-05-31T14:00:00Z"),
        ("event_types", "DnsEvent", "ConnectionEvent"),
        ("failover_account", "fmc", "another account"),
    ],
)
def test_a_wrong_input_is_refused_when_it_is_saved(
    tmp_path: Path, built_package: Path, parameter: str, value: str, told: str
):
    with FmcServer(Archive()) as server, Splunkd(tmp_path) as splunkd:
        splunkd.install(built_package)
        create_account(splunkd, server)
        form = {"name": "main", "account": "fmc", "index": "main", parameter: value}
        answer = splunkd.request("POST", "TA_secure_firewall_estreamer_estreamer_fqe", form)
        assert answer.status >= 400
        assert told in answer.message
