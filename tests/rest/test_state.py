"""What an input tells about itself, and what the endpoint makes of it: in the parts, and with the built add-on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from estreamer.errors import Problem
from estreamer.files import FILES
from estreamer.input import status

from standins import addon
from standins.fmc.archive import Archive, GeneratedArchive
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.bookmark.disks import Disk
from tests.clocks import Hand
from tests.rest.forms import ACCOUNT, INPUT, PASSWORD, STATE, account, create, shown
from tests.rest.secrecy import Secrecy

STANZA = "estreamer_fqe://main"


@pytest.fixture
def reported(tmp_path: Path) -> status.StatusFile:
    status.path_of(str(tmp_path), STANZA).parent.mkdir()
    return status.StatusFile(str(tmp_path), STANZA)


def described(folder: Path, *, disabled: bool = False, later: float = 0.0) -> dict[str, Any]:
    return status.describe(status.read(status.path_of(str(folder), STANZA)), disabled, time.time() + later)


def test_each_change_of_state_is_told_with_its_reason(reported: status.StatusFile, tmp_path: Path) -> None:
    reported.connecting("fmc", "192.0.2.1")
    assert described(tmp_path)["state"] == "connecting"
    reported.connected("fmc", "192.0.2.1")
    found = described(tmp_path)
    assert (found["state"], found["account"], found["host"]) == ("connected", "fmc", "192.0.2.1")
    assert found["connected_since"].startswith("20")
    reported.waiting(Problem("tls_refused", "Nothing listens."), 30.0)
    found = described(tmp_path)
    assert (found["state"], found["code"], found["reason"]) == ("waiting to retry", "tls_refused", "Nothing listens.")
    assert found["connected_since"] is None
    assert found["retry_at"] > found["reported"]
    reported.stopped()
    assert (described(tmp_path)["state"], described(tmp_path)["reason"]) == ("stopped", None)
    reported.failed(Problem("index_invalid", "No."))
    assert (described(tmp_path)["state"], described(tmp_path)["code"]) == ("failed", "index_invalid")


def test_input_that_falls_silent_is_not_running_and_a_disabled_one_is_disabled(
    reported: status.StatusFile, tmp_path: Path
) -> None:
    reported.connected("fmc", "192.0.2.1")
    assert described(tmp_path, later=status.SILENT_AFTER - 5)["state"] == "connected"
    assert described(tmp_path, later=status.SILENT_AFTER + 5)["state"] == "not running"
    assert described(tmp_path, disabled=True)["state"] == "disabled"


def test_events_of_the_last_hour_are_counted_over_a_restart(reported: status.StatusFile, tmp_path: Path) -> None:
    archived = int(time.time()) - 7
    reported.delivered(100, archived)
    reported.delivered(250, archived)
    reported.stopped()
    again = status.StatusFile(str(tmp_path), STANZA)
    again.delivered(50, 0)
    again.stopped()
    found = described(tmp_path)
    assert (found["events_last_hour"], 7 <= found["lag"] <= 9) == (300, True)
    assert described(tmp_path, later=3700)["events_last_hour"] == 0
    assert described(tmp_path, later=3700)["last_event"] == found["last_event"]


def test_file_is_written_every_few_seconds_at_most(tmp_path: Path) -> None:
    hand, disk = Hand(), Disk()
    writes: list[float] = []
    status.path_of(str(tmp_path), STANZA).parent.mkdir()
    reported = status.StatusFile(str(tmp_path), STANZA, hand.clock, disk)

    def rename(one: str, two: str) -> None:
        writes.append(hand.now)
        FILES.rename(one, two)

    with disk.instead(rename=rename):
        for second in range(100):
            hand.now = 1000.0 + second
            reported.delivered(10 * min(second, 20), 1)
    assert min(later - earlier for earlier, later in zip(writes, writes[1:])) >= status.WRITE_INTERVAL
    assert max(later - earlier for earlier, later in zip(writes, writes[1:])) <= status.REPORT_INTERVAL + 1


def written(**changes: object) -> bytes:
    """A file as an input writes it, but for the changes."""
    whole = {**vars(status.Report(since=1e9, reported_at=1e9)), "minutes": [[29_000_000, 5]]}
    return json.dumps({**whole, **changes}).encode()


WRONG: dict[str, list[object]] = {
    "state": ["other", 1, None, ["connected"]],
    "since": [None, "x", -1, 1e300, float("nan"), True],
    "reported_at": [None, "2026", float("inf")],
    "account": [1, ["x"], {}],
    "host": [0, False],
    "code": [1.5],
    "reason": [{"a": 1}],
    "retry_at": ["soon", 1e20],
    "last_event": [[], -5],
    "last_archival": ["0", 10**400],
    "minutes": [5, "ab", [[1]], [[1, 2, 3]], [["1", 2]], [[1, None]], [[1.5, 2]], [[1, -2]], {"1": 2}],
}


def test_file_as_an_input_writes_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(written())
    found = status.read(path)
    assert found is not None
    assert found.minutes == [(29_000_000, 5)]


@pytest.mark.parametrize("value", WRONG)
def test_file_with_a_value_of_another_kind_counts_as_none(tmp_path: Path, value: str) -> None:
    path = tmp_path / "state.json"
    for wrong in WRONG[value]:
        path.write_bytes(written(**{value: wrong}))
        assert status.read(path) is None, wrong


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{}", b'{"minutes": 1}', b'{"minutes": [], "other": 1}', b"\xff" * 99),
        *(b"[" * 50_000, b'{"minutes": ' + b"[" * 60_000),
    ],
)
def test_file_that_cannot_be_used_counts_as_none(tmp_path: Path, content: bytes) -> None:
    path = status.path_of(str(tmp_path), STANZA)
    path.parent.mkdir()
    path.write_bytes(content)
    assert status.read(path) is None
    status.StatusFile(str(tmp_path), STANZA).connecting("fmc", "192.0.2.1")
    assert described(tmp_path)["state"] == "connecting"


def test_disk_that_refuses_the_file_disturbs_nothing(tmp_path: Path) -> None:
    reported = status.StatusFile(str(tmp_path / "missing"), STANZA)
    reported.connecting("fmc", "192.0.2.1")
    reported.delivered(1, 1)
    assert not (tmp_path / "missing").exists()


def wait_for_state(splunkd: Splunkd, wanted: str, timeout: float = 60.0) -> dict[str, Any]:
    """Ask the endpoint until the input `main` is in that state, and has events if it is connected."""
    deadline = time.monotonic() + timeout
    while True:
        found = shown(splunkd, STATE, "main")
        if found["state"] == wanted and (wanted != "connected" or found["events_last_hour"] != "0"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


@pytest.mark.package
def test_broken_file_of_one_input_hides_no_other(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("fmc"))
    for name in ("broken", "sound"):
        create(splunkd, INPUT, {"name": name, "account": "fmc"})
    folder = str(splunkd.home.checkpoint_dir("estreamer_fqe"))
    for name, content in (("broken", written(since="x")), ("sound", written(state="stopped"))):
        path = status.path_of(folder, f"estreamer_fqe://{name}")
        path.parent.mkdir()
        path.write_bytes(content)
    found = splunkd.request("GET", STATE).entries
    assert {name: found[name]["state"] for name in ("broken", "sound")} == {"broken": "not started", "sound": "stopped"}


@pytest.mark.package
def test_state_of_a_real_input_from_its_start_to_its_removal(built_package: Path, tmp_path: Path) -> None:
    with FmcServer(GeneratedArchive(500)) as server, Splunkd(tmp_path / "home", keep="digests") as splunkd:
        addon.install(splunkd, built_package, server)
        assert shown(splunkd, STATE, "main")["state"] == "not started"
        splunkd.start()
        splunkd.wait_for(500)
        found = wait_for_state(splunkd, "connected")
        assert (found["account"], found["host"], found["reason"]) == ("fmc", server.address, "")
        assert int(found["events_last_hour"]) >= 1
        assert found["last_event"] >= found["connected_since"] > "2026"
        assert found["lag"] != ""
        server.stop()
        found = wait_for_state(splunkd, "waiting to retry")
        assert (found["code"] != "", found["reason"] != "", found["connected_since"]) == (True, True, "")
        addon.switch(splunkd, on=False)
        assert shown(splunkd, STATE, "main")["state"] == "disabled"
        folder = splunkd.home.checkpoint_dir("estreamer_fqe")
        text = status.path_of(str(folder), STANZA).read_text()
        assert PASSWORD not in text
        assert set(json.loads(text)) == set(vars(status.Report()))
        assert splunkd.request("DELETE", f"{addon.INPUT}/main").status == 200
        assert splunkd.request("GET", STATE).entries == {}
        assert list(folder.iterdir()) == []
        assert Secrecy(splunkd).findings() == []


@pytest.mark.package
def test_state_of_an_input_whose_server_cannot_be_reached(built_package: Path, tmp_path: Path) -> None:
    with FmcServer(Archive()) as gone:
        port = str(gone.port)
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.install(built_package)
        create(splunkd, ACCOUNT, account("fmc", port=port))
        addon.create_input(splunkd)
        splunkd.start()
        found = wait_for_state(splunkd, "waiting to retry")
        assert found["code"] == "tls_refused"
        assert found["last_event"] == ""
        assert Secrecy(splunkd).findings() == []
