"""The state that an input reports while it runs; what is made of the report is tested in `tests/rest`."""

from __future__ import annotations

import pytest
from estreamer.input import status
from estreamer.input.status import Report

from tests.input.harness import Input, Make, archive_of

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """Return every report that is written, in order."""
    written: list[Report] = []
    really = status.StatusFile._write

    def write(self: status.StatusFile) -> None:
        really(self)
        written.append(self._report)

    monkeypatch.setattr(status.StatusFile, "_write", write)
    return written


def states(reports: list[Report]) -> list[str]:
    """Return the states in their order, each as often as it was changed to."""
    found = [report.state for report in reports]
    return [state for number, state in enumerate(found) if number == 0 or found[number - 1] != state]


def test_the_state_follows_the_connection_and_a_stop(make: Make, reports: list[Report]):
    under_test = make(archive_of(20))
    server = under_test.servers["fmc"]

    def lose_it(running: Input) -> None:
        running.reader.wait_for(20)
        server.stop()
        running.wait_for_log("connection_failed")

    assert under_test.run(lose_it) == 0
    assert states(reports)[:3] == ["connecting", "connected", "waiting to retry"]
    assert states(reports)[-1] == "stopped"
    connected = next(report for report in reports if report.state == "connected")
    assert (connected.account, connected.host, connected.code) == ("fmc", server.address, None)
    refused = [report for report in reports if report.code == "tls_refused"]
    assert "refused" in str(refused[0].reason)
    assert refused[0].retry_at is not None
    assert (reports[-1].code, reports[-1].reason, reports[-1].retry_at) == (None, None, None)


def test_a_reader_that_is_gone_is_the_reason_of_the_stop(make: Make, reports: list[Report]):
    under_test = make(archive_of(20), settle=600)

    def close(running: Input) -> None:
        running.reader.wait_for(20)
        running.reader.hung_up.set()
        running.wait_for_log("reader_gone")

    assert under_test.run(close) == 0
    assert reports[-1].state == "stopped"
    assert reports[-1].reason == under_test.log.fields_of("reader_gone")[0]["problem"]


def test_lines_of_the_log_change_no_state(make: Make, reports: list[Report], monkeypatch: pytest.MonkeyPatch):
    """Whatever a line is called, and whether or not it is written, the state is what was reported by a call."""
    under_test = make(archive_of(5))
    under_test.run(lambda running: running.wait_for_log("connected"))
    with_log = states(reports)
    reports.clear()
    monkeypatch.setattr("estreamer.input.reports.Reports.connecting", lambda *_: None)
    monkeypatch.setattr("estreamer.input.reports.Reports.stopped", lambda *_: None)
    under_test.run(lambda running: running.wait_for_log("connected", 2))
    assert states(reports) == with_log == ["connecting", "connected", "stopped"]
