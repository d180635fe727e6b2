"""Workflow actions: what they need is in the events, and a hostile value becomes no search."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from standins.dashboards import read_views
from standins.search import Event, Knowledge
from tests.alerts.internal import Index
from tests.alerts.test_alerts import NOW, late
from tests.dashboards.answers import SearchHead, asked
from tests.package.confs import read_conf
from tests.search.case import connection, file, found, intrusion

EVENTS = {"sfw_connection": connection(), "sfw_intrusion": intrusion(), "sfw_file": file()}
TIMES = {"time.earliest", "time.latest"}
WANTED = {
    "sfw_host_profile": ("host_profile", {"address", *TIMES}),
    "sfw_file_trajectory": ("files_and_malware", {"hash", *TIMES}),
    "sfw_signature": ("intrusions", {"signature", *TIMES}),
    "sfw_url": ("connections", {"url", *TIMES}),
    "sfw_investigate": ("investigate", {"connection", *TIMES}),
}
HOSTILE = 'http://a.example/" | delete | search "\\'


@pytest.fixture(scope="module")
def actions(addon: Path) -> Mapping[str, Mapping[str, str]]:
    return read_conf(addon / "default/workflow_actions.conf")


def test_links_lead_to_dashboards_with_their_tokens(actions: Mapping[str, Mapping[str, str]], addon: Path) -> None:
    links = {
        name: urlsplit(one["link.uri"]) for name, one in actions.items() if one.get("link.uri", "").startswith("/")
    }
    leads = {name: (link.path, {key[len("form.") :] for key in parse_qs(link.query)}) for name, link in links.items()}
    assert leads == {name: (f"/app/{addon.name}/{view}", tokens) for name, (view, tokens) in WANTED.items()}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_field_that_an_action_uses_is_in_the_events_it_is_for(
    actions: Mapping[str, Mapping[str, str]], knowledge: Knowledge, kind: str
) -> None:
    event: Event = found(knowledge, EVENTS[kind])
    applied = {name for name, one in actions.items() if one["eventtypes"] in ("sfw_*", kind)}
    assert {"sfw_host_profile", "sfw_investigate", "sfw_management_center"} <= applied
    for name in applied:
        used = set(re.findall(r"\$(\w+)\$", " ".join(actions[name].values())))
        menus = {field.strip() for field in actions[name]["fields"].split(",")}
        assert used | menus <= set(event.fields), name


def test_every_action_is_there_and_opens_a_page_of_its_own(actions: Mapping[str, Mapping[str, str]]) -> None:
    assert set(actions) == {*WANTED, "sfw_management_center"}
    for one in actions.values():
        assert one["label"].startswith("Secure Firewall: ")
        assert one["link.target"] == "blank"
    assert actions["sfw_management_center"]["link.uri"] == "https://$host$/"


@pytest.mark.parametrize("name", WANTED)
def test_a_link_of_an_old_event_opens_the_time_of_that_event(
    actions: Mapping[str, Mapping[str, str]], knowledge: Knowledge, name: str
) -> None:
    kind = next(kind for kind in EVENTS if actions[name]["eventtypes"] in ("sfw_*", kind))
    event = found(knowledge, EVENTS[kind]).fields
    given = dict(parse_qsl(urlsplit(actions[name]["link.uri"]).query))
    names = [given[name].strip("$") for name in ("form.time.earliest", "form.time.latest")]
    earliest, latest = (float(str(event[name])) for name in names)
    happened = float(str(event.get("EventSecond", event["FirstPacketSecond"])))
    assert earliest <= happened < latest == happened + 86400


def test_who_else_asked_for_a_url_is_found_even_if_the_url_holds_a_search(knowledge: Knowledge) -> None:
    events = [
        late(connection(URL=HOSTILE, ConnectionID=1)),
        late(connection(URL=HOSTILE, ConnectionID=2, InitiatorIP="192.0.2.2")),
        late(connection(URL="http://b.example/", ConnectionID=3, InitiatorIP="192.0.2.3")),
    ]
    own = str(found(knowledge, connection()).fields["src"])
    tokens = {"url": HOSTILE, "time.earliest": str(NOW - 86400), "time.latest": str(NOW)}
    head = SearchHead(Index(knowledge, events), NOW)
    rows = asked_of(head, "sources", tokens)
    assert {row["address"] for row in rows} == {own, "192.0.2.2"}


def asked_of(head: SearchHead, source: str, tokens: Mapping[str, str]) -> Sequence[Mapping[str, object]]:
    view = read_views()["connections"]
    return list(asked(head, view, source, {**view.defaults(), **tokens}).rows)
