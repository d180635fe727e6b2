"""What real events have instead of values, by kind of event: fillers, absent members, members that stand twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from estreamer.events import facts

from standins.fmc.events import RECORD_TYPES
from tests.search.case import ABSENT, text

Filler = Callable[[Mapping[str, Any]], str]
"""Makes an event's text that has the filler, from its members; a member that is ABSENT is left out."""


def _with(**changes: Any) -> Filler:
    return lambda event: text(event, changes)


def _twice(event: Mapping[str, Any]) -> str:
    once = text(event, {})
    again = {name: value for name, value in json.loads(once).items() if name != "EventType"}
    return f"{once[:-1]}, {text(again, {})[1:]}"


def _untyped(event: Mapping[str, Any]) -> str:
    """Return an event that the FMC sent without its type, as the input delivers it."""
    kind = event["EventType"]
    payload = text(event, {"EventType": ABSENT}).encode()
    assert facts.describe(payload, RECORD_TYPES[kind])[2] == facts.UNNAMED
    return facts.with_event_type(payload, kind).decode()


_ALL = {
    "as the samples are": _with(),
    "names not resolved": _with(FirewallPolicy="Invalid ID", Device="Invalid ID", UserName="Unknown"),
    "applications Unknown": _with(Application="Unknown", WebApplication="Unknown"),
    "no application": _with(Application="Unknown", WebApplication=ABSENT, ClientApplication=ABSENT),
    "members twice": _twice,
    "no type": _untyped,
}
_FLOWS = {
    **_ALL,
    "rule not resolved": _with(FirewallRule="Invalid ID"),
    "no rule": _with(FirewallRule=ABSENT),
    "zones not resolved": _with(IngressZone="Invalid ID", EgressZone="Invalid ID"),
    "ICMP": _with(Protocol="icmp", InitiatorPort=ABSENT, ResponderPort=ABSENT, ICMP_Type=8, ICMP_Code=0),
    "GRE": _with(Protocol="gre", InitiatorPort=ABSENT, ResponderPort=ABSENT),
    "SCTP": _with(Protocol="sctp"),
}
CONNECTION: Mapping[str, Filler] = {
    **_FLOWS,
    "no URL": _with(URL=ABSENT),
    "URL Unknown": _with(URL="Unknown"),
    "no process": _with(EVE_Process=ABSENT, EVE_ThreatConfidencePct=ABSENT),
    "no client version": _with(ClientApplicationVersion=ABSENT),
    "no answer": _with(DNS_ResponseType=ABSENT, HTTP_Response=ABSENT),
    "no record": _with(DNS_RecordDescription=ABSENT),
    "no user agent": _with(UserAgent="Unknown"),
    "no category": _with(URL_Category="Unknown"),
}
INTRUSION: Mapping[str, Filler] = {
    **_FLOWS,
    "class Unknown": _with(Classification="Unknown"),
    "no result": _with(InlineResult=ABSENT, InlineResultReason=ABSENT),
    "no groups": _with(MitreAttackGroups=ABSENT),
}
FILE: Mapping[str, Filler] = {
    **_ALL,
    "no threat": _with(ThreatName=ABSENT),
    "no path": _with(URI=ABSENT),
    "no file name": _with(FileName=ABSENT),
}
FILLERS: Mapping[str, Mapping[str, Filler]] = {
    "ConnectionEvent": CONNECTION,
    "IntrusionEvent": INTRUSION,
    "FileEvent": FILE,
}
"""Fillers by kind of event and name."""
