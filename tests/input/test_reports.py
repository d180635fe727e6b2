"""What an input says in its log: why a connection ended, what is missing, its figures, and nothing secret."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from estreamer.connection import pkcs12
from estreamer.input import delivery, reception

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from tests.input.harness import Input, Make, archive_of, stop_reading

pytestmark = pytest.mark.usefixtures("quick_retries")


def test_the_text_and_code_of_a_server_error_are_shown(make: Make):
    fields = frozenset({"HeaderFieldSet", "ConnectionKeySet"})
    under_test = make(archive_of(5), Behaviour(known_fields=fields))
    under_test.run(lambda running: running.wait_for_log("connection_failed", 1))
    shown = under_test.log.fields_of("connection_failed")[0]
    assert shown["code"] == "server_error"
    assert "DetailFieldSet" in str(shown["problem"])


def test_a_client_that_the_fmc_does_not_know_is_told_about_cn_nat_and_dns(make: Make):
    under_test = make(archive_of(5), Behaviour(faults=(Fault("fin", where="handshake"),)))
    under_test.run(lambda running: running.wait_for_log("connection_failed", 2))
    shown = under_test.log.fields_of("connection_failed")[0]
    assert shown["code"] == "tls_closed_after_handshake"
    for word in ("127.0.0.1", "NAT", "DNS"):
        assert word in str(shown["problem"])


def test_a_connection_without_any_event_is_hinted_at_once(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reception, "NO_EVENT_HINT_AFTER", 0.2)
    under_test = make(Archive())
    assert under_test.run(lambda running: running.wait_for_log("no_event_yet")) == 0
    assert "ticked" in str(under_test.log.fields_of("no_event_yet")[0]["problem"])


def test_figures_are_logged_at_their_interval_and_at_the_end(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delivery, "FIGURES_INTERVAL", 0.3)
    under_test = make(archive_of(50))

    def figures(running: Input) -> None:
        running.reader.wait_for(50)
        running.wait_for_log("figures", 6)

    under_test.run(figures)
    lines = under_test.log.fields_of("figures")
    assert sum(int(str(line["written"])) for line in lines) == 50
    assert lines[1]["state"] == "connected"
    assert lines[-1]["state"] == "not connected"
    assert int(str(lines[-1]["lag"])) > 0
    assert len({line["lag"] for line in lines if line["lag"] is not None}) == 1, "it is of the last event, not of today"
    assert sum(int(str(line["written_bytes"])) for line in lines) >= len(under_test.reader.data) - 20
    assert {line["blocked"] for line in lines} == {0}


def test_figures_tell_when_the_certificates_expire(make: Make):
    under_test = make(archive_of(5))
    under_test.run_for(5)
    account = under_test.account("fmc")
    client = pkcs12.read(account.pkcs12, account.pkcs12_password, datetime.now(timezone.utc), False).end.not_after
    (server,) = [line["server_expires"] for line in under_test.log.fields_of("connected")]
    line = under_test.log.fields_of("figures")[-1]
    assert isinstance(server, datetime)
    assert line["client_certificate_expires"] == client.timestamp()
    assert line["server_certificate_expires"] == server.timestamp()


def test_figures_tell_for_how_long_splunkd_took_nothing(make: Make):
    under_test = make(archive_of(3000), Behaviour(style="bundles"))

    def stall(running: Input) -> None:
        running.reader.wait_for(100)
        stop_reading(running.reader, running.servers["fmc"])
        stalled.append(time.monotonic())
        time.sleep(1.0)
        stalled.append(time.monotonic())
        running.reader.may_read.set()
        running.reader.wait_for(3000)

    stalled: list[float] = []
    begun = time.monotonic()
    assert under_test.run(stall) == 0
    blocked = sum(float(str(line["blocked"])) for line in under_test.log.fields_of("figures"))
    assert stalled[1] - stalled[0] - 0.1 <= blocked <= time.monotonic() - begun


def test_nothing_secret_is_logged(make: Make):
    under_test = make(archive_of(5))
    under_test.run_for(5)
    assert "pass" not in [value for _, _, fields in under_test.log.lines for value in fields.values()]
    assert "PRIVATE" not in str(under_test.log.lines)
