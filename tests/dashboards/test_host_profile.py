"""The dashboard Host profile shows all events of one address, as initiator and as responder, and no others."""

from __future__ import annotations

import pytest

from standins.dashboards import read_views
from standins.search import Indexed, Knowledge
from standins.search.searched import Searched
from tests.search.case import arrived, connection, file, intrusion

from . import population
from .answers import SearchHead
from .counted import STEP, Event, is_blocked, is_malware, megabytes, raw_events, receiver, sender, total, verdict
from .opened import Opened

VIEW = read_views()["host_profile"]
HOST = "172.16.3.102"
HOUR = population.NOW - 3600


@pytest.fixture(scope="module")
def page(head: SearchHead) -> Opened:
    return Opened(VIEW, head.data, address=HOST)


@pytest.fixture(scope="module")
def events(page: Opened) -> list[Event]:
    """The events of the host alone."""
    every = raw_events(population.events(), None, page.earliest, population.NOW)
    return [event for event in every if HOST in (event["InitiatorIP"], event["ResponderIP"])]


def test_totals_of_both_directions(page: Opened, events: list[Event]) -> None:
    outgoing = [event for event in events if event["InitiatorIP"] == HOST]
    incoming = [event for event in events if event["ResponderIP"] == HOST]
    assert len(outgoing) > 10 < len(incoming)
    assert page.rows("totals") == [
        {
            "as_initiator": str(len(outgoing)),
            "as_responder": str(len(incoming)),
            "blocked": str(sum(map(is_blocked, events))),
            "intrusions": str(sum(event["EventType"] == "IntrusionEvent" for event in events)),
            "malware": str(sum(map(is_malware, events))),
            "MB_sent": megabytes(total(outgoing, "InitiatorBytes") + total(incoming, "ResponderBytes")),
            "MB_received": megabytes(total(outgoing, "ResponderBytes") + total(incoming, "InitiatorBytes")),
        }
    ]


def test_the_time_line_has_every_event_once_with_its_direction(page: Opened, events: list[Event]) -> None:
    rows = page.rows("lanes")
    shown = {name: sum(int(row[name]) for row in rows) for name in rows[0] if name != "_time"}
    wanted: dict[str, int] = {}
    for event in events:
        lane = f"{'initiator' if event['InitiatorIP'] == HOST else 'responder'}: {_what(event)}"
        wanted[lane] = wanted.get(lane, 0) + 1
    assert shown == wanted
    assert {lane.partition(":")[0] for lane in shown} == {"initiator", "responder"}
    times = [float(row["_time"]) for row in rows]
    assert times == list(range(int(min(times)), int(max(times)) + 1, STEP))


def test_what_was_sent_and_received_over_time_adds_up(page: Opened) -> None:
    rows = page.rows("volume")
    (totals,) = page.rows("totals")
    assert sum(float(row["MB sent"]) for row in rows) == pytest.approx(float(totals["MB_sent"]), abs=0.1)
    assert sum(float(row["MB received"]) for row in rows) == pytest.approx(float(totals["MB_received"]), abs=0.1)


def test_peers_of_both_sides(page: Opened, events: list[Event]) -> None:
    wanted: dict[tuple[str, str], int] = {}
    for event in events:
        outgoing = event["InitiatorIP"] == HOST
        key = (event["ResponderIP"], "initiator") if outgoing else (event["InitiatorIP"], "responder")
        wanted[key] = wanted.get(key, 0) + 1
    assert {(row["peer"], row["side"]): int(row["events"]) for row in page.rows("peers")} == wanted


def test_services_and_signatures_of_both_sides(page: Opened, events: list[Event]) -> None:
    services = page.rows("services")
    for side, field in (("initiator", "InitiatorIP"), ("responder", "ResponderIP")):
        number = sum(event[field] == HOST for event in events)
        assert sum(int(row["events"]) for row in services if row["side"] == side) == number
    roles = {("attacker", "InitiatorIP"), ("target", "ResponderIP")}
    for role, field in roles:
        own = [event for event in events if event["EventType"] == "IntrusionEvent" and event[field] == HOST]
        assert sum(int(row["events"]) for row in page.rows("signatures") if row["role"] == role) == len(own)


def test_files_received_and_sent(page: Opened, events: list[Event]) -> None:
    files = [event for event in events if event["EventType"] == "FileEvent"]
    wanted = {("received", event["FileSHA256"]) for event in files if receiver(event) == HOST}
    wanted |= {("sent", event["FileSHA256"]) for event in files if sender(event) == HOST}
    assert {(row["way"], row["hash"]) for row in page.rows("files")} == wanted
    assert {way for way, _ in wanted} == {"received", "sent"}


def test_a_pattern_stands_for_several_hosts(head: SearchHead) -> None:
    every = raw_events(population.events(), None, Opened(VIEW, head.data).earliest, population.NOW)
    page = Opened(VIEW, head.data, address="172.16.3.11*")
    own = [event["InitiatorIP"].startswith("172.16.3.11") for event in every]
    assert page.rows("totals")[0]["as_initiator"] == str(sum(own))
    assert sum(own) > 0


def test_a_translated_address_leads_to_the_events_behind_it(knowledge: Knowledge) -> None:
    page = Opened(VIEW, Searched(knowledge, _made()), address="203.0.113.1")
    assert (page.rows("totals")[0]["as_initiator"], page.rows("totals")[0]["as_responder"]) == ("1", "1")
    assert {(row["peer"], row["side"]) for row in page.rows("peers")} == {
        ("192.0.2.80", "initiator"),
        ("192.0.2.9", "responder"),
    }
    known = {(row["property"], row["value"]) for row in page.rows("identity")}
    assert {("translated to", "10.0.0.5"), ("translated to", "10.0.0.6")} <= known


def test_an_address_that_is_part_of_another_is_not_mixed_with_it(knowledge: Knowledge) -> None:
    page = Opened(VIEW, Searched(knowledge, _made()), address="10.0.0.5")
    assert {row["as_initiator"] for row in page.rows("totals")} == {"1"}
    assert {name for row in page.rows("lanes") for name in row} == {"_time", "initiator: connection blocked"}


@pytest.fixture(scope="session")
def knowledge(addon: object) -> Knowledge:
    return Knowledge.read(addon)  # type: ignore[arg-type]


def _made() -> list[Indexed]:
    """Connections from and to addresses behind 203.0.113.1, and events of an address that begins like one of them."""
    longer = {"InitiatorIP": "10.0.0.55", "ResponderIP": "192.0.2.80"}
    raws = [
        connection(InitiatorIP="10.0.0.5", ResponderIP="192.0.2.80", NAT_InitiatorIP="203.0.113.1"),
        connection(InitiatorIP="192.0.2.9", ResponderIP="10.0.0.6", NAT_ResponderIP="203.0.113.1"),
        intrusion(**longer),
        file(**longer),
    ]
    return [arrived(raw, HOUR + number, HOUR + number + 1) for number, raw in enumerate(raws)]


def _what(event: Event) -> str:
    kind: str = event["EventType"]
    if kind == "ConnectionEvent":
        return f"connection {verdict(event)}"
    if kind == "FileEvent" and is_malware(event):
        return "malware"
    return {"IntrusionEvent": "intrusion", "FileEvent": "file", "IntrusionPacket": "packet"}.get(kind, kind)
