"""The server goes away and comes back, perhaps with another certificate; or ours expires."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from estreamer.settings import Account

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator
from standins.fmc.pki import SHORT_LIFE, Pki
from tests.faults.servers import EXACT, STYLES, archive_of, come, deliver, payloads_of, serving, tally
from tests.input.harness import Input


@pytest.mark.parametrize("style", STYLES)
def test_server_stopped_for_a_while_archives_on_and_is_started_again(tmp_path: Path, style: str):
    generator = EventGenerator(duplicates_every=25)
    archive = Archive(generator.events(0, 500))
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=30)) as under_test:

        def stops(running: Input) -> None:
            server = running.servers["fmc"]
            for number in range(1, 4):
                running.reader.wait_for(number * 500 - 300)
                server.stop()
                archive.extend(generator.events(number * 500, 500))
                running.wait_for_log("connection_failed", 4 * number)
                server.start()
            come(running, 2000)

        assert under_test.run(stops) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert {failure["code"] for failure in under_test.log.fields_of("connection_failed")} == {"tls_refused"}


@pytest.mark.parametrize("end", ["fin", "rst", "close"])
@pytest.mark.parametrize("style", STYLES)
def test_server_gives_up_while_splunkd_does_not_read(tmp_path: Path, style: str, end: str):
    archive = archive_of(1500, duplicates_every=20)
    fault = Fault(end, "payload", after_events=400, connections=(1, 2))
    with serving(tmp_path, archive, Behaviour(style=style, window=100, faults=(fault,))) as under_test:

        def stall(running: Input) -> None:
            running.reader.may_read.clear()
            running.servers["fmc"].wait_for(lambda served: any(connection.ended for connection in served.connections))
            assert running.reader.count() < 400
            running.reader.may_read.set()
            come(running, 1500)

        assert under_test.run(stall) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert len(under_test.servers["fmc"].connections) == 3


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("where", ["between", "header", "payload"])
@pytest.mark.parametrize("style", STYLES)
def test_fatal_alert_in_mid_stream(tmp_path: Path, style: str, where: str, tls: str):
    archive = archive_of(400, duplicates_every=20)
    alerts = Fault("alert", where=where, after_events=90, connections=(1, 2, 3))
    behaviour = Behaviour(style=style, bundle_size=40, tls=(tls,), faults=(alerts,))
    with serving(tmp_path, archive, behaviour) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 400)) == EXACT
        ends = under_test.log.fields_of("disconnected")
        assert [end["code"] for end in ends] == ["tls_broken"] * 3
        assert all("alert bad record mac" in str(end["problem"]) for end in ends)


def keep_account(under_test: Input, account: Account) -> Callable[[Account], None]:
    """Let the input have this account whatever its server is; return what renews it."""
    current = [account]
    under_test.account = lambda name: current[0]  # type: ignore[method-assign]

    def renew(renewed: Account) -> None:
        current[0] = renewed

    return renew


@pytest.mark.parametrize("style", STYLES)
def test_server_certificate_renewed_by_the_same_authority(tmp_path: Path, style: str):
    archive = archive_of(600, duplicates_every=20)
    with serving(tmp_path, archive, Behaviour(style=style)) as under_test:
        keep_account(under_test, under_test.account("fmc"))

        def renewal(running: Input) -> None:
            server = running.servers["fmc"]
            running.reader.wait_for(100)
            server.behaviour = replace(server.behaviour, server_certificate="renewed")
            server.restart()
            archive.extend(EventGenerator(start=archive.newest()).events(600, 50))
            come(running, 650)

        assert under_test.run(renewal) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        shown = [line["server_fingerprint"] for line in under_test.log.fields_of("connected")]
        pki = under_test.servers["fmc"].pki
        assert shown == [pki.server("good").fingerprint, pki.server("renewed").fingerprint]
        assert not under_test.log.fields_of("connection_failed")


@pytest.mark.parametrize("style", STYLES)
def test_renewed_server_certificate_is_refused_where_it_is_pinned_until_the_account_is_renewed(
    tmp_path: Path, style: str
):
    archive = archive_of(600)
    with serving(tmp_path, archive, Behaviour(style=style)) as under_test:
        server = under_test.servers["fmc"]
        pinned = replace(under_test.account("fmc"), fingerprint=server.fingerprint)
        renew = keep_account(under_test, pinned)

        def renewal(running: Input) -> None:
            running.reader.wait_for(100)
            server.behaviour = replace(server.behaviour, server_certificate="renewed")
            server.restart()
            archive.extend(EventGenerator(start=archive.newest()).events(600, 50))
            running.wait_for_log("connection_failed", 3)
            renew(replace(pinned, fingerprint=server.fingerprint))
            come(running, 650)

        assert under_test.run(renewal) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        failures = under_test.log.fields_of("connection_failed")
        assert {failure["code"] for failure in failures} == {"tls_pin_mismatch"}
        assert all(server.fingerprint in str(failure["problem"]) for failure in failures)


@pytest.mark.parametrize("style", STYLES)
def test_server_of_another_authority_is_refused_until_the_account_is_renewed(tmp_path: Path, style: str):
    """The Management Center was set up anew, and its archive restored: nothing is sent to it with the old account."""
    archive = archive_of(600)
    with serving(tmp_path, archive, Behaviour(style=style)) as under_test:
        server = under_test.servers["fmc"]
        old = under_test.account("fmc")
        renew = keep_account(under_test, old)

        def renewal(running: Input) -> None:
            running.reader.wait_for(100)
            server.pki = Pki(tmp_path / "anew", key="ec")
            server.restart()
            archive.extend(EventGenerator(start=archive.newest()).events(600, 50))
            running.wait_for_log("connection_failed", 3)
            assert all(connection.timestamp is None for connection in server.connections[1:])
            renew(replace(old, pkcs12=server.pkcs12(password="pass")))
            come(running, 650)

        assert under_test.run(renewal) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        failures = under_test.log.fields_of("connection_failed")
        assert {failure["code"] for failure in failures} == {"tls_untrusted"}
        assert all("download the file again" in str(failure["problem"]) for failure in failures)
        assert len(under_test.log.fields_of("started")) == 1


@pytest.mark.parametrize("style", STYLES)
def test_client_certificate_expires_while_connected_and_is_renewed_without_a_restart(tmp_path: Path, style: str):
    generator = EventGenerator(duplicates_every=20)
    archive = Archive(generator.events(0, 200))
    with serving(tmp_path, archive, Behaviour(style=style)) as under_test:
        server = under_test.servers["fmc"]
        server.pki = Pki(tmp_path / "pki", key="ec")
        good = under_test.account("fmc")
        renew = keep_account(
            under_test, replace(good, pkcs12=server.pki.pkcs12(password="pass", variant="short-lived"))
        )

        def expiry(running: Input) -> None:
            running.reader.wait_for(200)
            threading.Event().wait(SHORT_LIFE + 0.5)
            archive.extend(generator.events(200, 200))
            running.reader.wait_for(400)
            assert len(server.connections) == 1
            server.restart()
            archive.extend(generator.events(400, 200))
            running.wait_for_log("connection_failed", 3)
            renew(good)
            come(running, 600)

        assert under_test.run(expiry) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        failures = under_test.log.fields_of("connection_failed")
        assert {failure["code"] for failure in failures} == {"certificate_expired"}
        assert all("Renew it on the Management Center" in str(failure["problem"]) for failure in failures)
        # A certificate that is known to have expired is not shown to anybody.
        assert len(server.connections) == 2
