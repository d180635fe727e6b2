"""Searches with the constructs of published detections for these events, over events of each kind.

The constructs are those of the analytic story "Cisco Secure Firewall Threat Defense Analytics" in Splunk's security
content: the source macro, lists of values, wildcards, arithmetic on counters, time bins, null filling, statistics
of many fields with functions in either case, lists of fields with and without commas, counted conditions, lookups
before and after statistics, a subsearch over a lookup table, a join, and calendar times by a macro. The searches
themselves are written for this test.
"""

from __future__ import annotations

from typing import Any

from .cim import MODELS
from .data import WILDCARD, Knowledge, Lookup
from .macros import Macro
from .samples import NOW, rows

BASE: dict[str, Any] = {
    "sourcetype": "cisco:sfw:estreamer",
    "index": "main",
    "host": "fmc.example",
    "source": "estreamer",
    "_raw": "{}",
    "src": "192.0.2.1",
    "dest": "198.51.100.2",
    "transport": "tcp",
    "rule": "Inside out",
}
CONNECTION = {
    **BASE,
    "EventType": "ConnectionEvent",
    "action": "allowed",
    "dest_port": "4444",
    "src_port": "50000",
    "InitiatorBytes": "100000000",
    "ResponderBytes": "60000000",
    "IngressZone": "inside",
    "EgressZone": "outside",
    "url": "https://files.example/a",
    "ClientApplication": "cURL",
    "EVE_Process": "curl",
    "ConnectionID": "7",
    "EVE_ThreatConfidencePct": "85",
    "tag": ("communicate", "network"),
}
INTRUSION = {
    **BASE,
    "EventType": "IntrusionEvent",
    "signature_id": "1001",
    "signature": "Something bad",
    "class_desc": "Trojan",
    "dest_port": "80",
    "GeneratorID": "1",
    "Impact": "2",
    "connection_id": "7",
    "tag": ("attack", "ids"),
}
FILE = {
    **BASE,
    "EventType": "FileEvent",
    "FileDirection": "Download",
    "FileType": "ELF",
    "SHA_Disposition": "Malware",
    "file_name": "x.bin",
    "dest_port": "8080",
    "uri": "/x.bin",
}
EVENTS: list[dict[str, Any]] = [
    {**CONNECTION, "_time": NOW - 100},
    {**CONNECTION, "_time": NOW - 90, "action": "blocked", "InitiatorBytes": "10", "dest_port": "443"},
    {**CONNECTION, "_time": NOW - 80, "ClientApplication": "AnyDesk", "url": "https://other.example/"},
    {**INTRUSION, "_time": NOW - 70},
    {**INTRUSION, "_time": NOW - 60, "signature_id": "1002", "InlineResult": "Block"},
    {**INTRUSION, "_time": NOW - 50, "GeneratorID": "411", "signature_id": "2003", "Impact": "4", "connection_id": "8"},
    {**FILE, "_time": NOW - 40},
    {**FILE, "_time": NOW - 30, "dest_port": "443", "SHA_Disposition": "Clean"},
    {**CONNECTION, "_time": NOW - 20, "sourcetype": "another"},
]
DATA = Knowledge(
    EVENTS,
    {
        ("firewall", 0): Macro('sourcetype="cisco:sfw:estreamer"'),
        ("outbound", 0): Macro('(IngressZone="inside" EgressZone="outside")'),
        ("calendar", 1): Macro('convert timeformat="%Y-%m-%dT%H:%M:%S" ctime($field$)', ("field",)),
        ("known_good", 0): Macro("search *"),
    },
    {
        "file_types": Lookup(("Name", "Description"), [{"Name": "ELF", "Description": "Linux program"}]),
        "sharing": Lookup(
            ("domain", "pattern"), [{"domain": "*files.example*", "pattern": "files\\.example"}], {"domain": WILDCARD}
        ),
        "threats": Lookup(("sid", "threat"), [{"sid": "1001", "threat": "Bot"}, {"sid": "1002", "threat": "Bot"}]),
        "needed": Lookup(("threat", "least"), [{"threat": "Bot", "least": "2"}]),
        "applications": Lookup(("name", "category"), [{"name": "AnyDesk", "category": "remote desktop"}]),
    },
    models=MODELS,
)


def found(search: str) -> list[dict[str, Any]]:
    return rows(search, DATA)


def test_large_transfer_out_of_the_network() -> None:
    search = """`firewall` EventType=ConnectionEvent `outbound`
        | eval all_bytes = InitiatorBytes + ResponderBytes
        | eval mb = round(all_bytes / 1024 / 1024, 1) | where mb >= 100
        | eval Sent = mb + " MB"
        | stats count min(_time) as first Values(url) as url by src, dest, Sent, transport, action
        | `calendar(first)` | `known_good`"""
    assert found(search) == [
        {
            "src": "192.0.2.1",
            "dest": "198.51.100.2",
            "Sent": "152.6 MB",
            "transport": "tcp",
            "count": 2,
            "action": "allowed",
            "first": "2023-11-14T22:11:40",
            "url": ("https://files.example/a", "https://other.example/"),
        }
    ]


def test_ports_of_equal_digits() -> None:
    search = """`firewall` EventType=ConnectionEvent dest_port>1024 dest_port<49151
        | where ( ```equal digits```
            (isint(dest_port/1111) AND dest_port<10000) OR isint((dest_port-1234)/11111) )
        | fillnull value="unknown" user | stats count by dest_port user"""
    assert found(search) == [{"dest_port": "4444", "user": "unknown", "count": 2}]


def test_actions_and_tools_by_lists_with_wildcards() -> None:
    search = """`firewall` EventType=ConnectionEvent action IN ("Trust", "allowed") AND
        ( EVE_Process IN ("*curl*", "*wget*") OR ClientApplication IN ("Wget") ) AND NOT url IN ("*://other*")
        | stats count by src"""
    assert found(search) == [{"src": "192.0.2.1", "count": 1}]


def test_files_with_their_description_over_unusual_ports() -> None:
    search = """`firewall` EventType=FileEvent FileDirection="Download" NOT dest_port IN (80, 443)
        | lookup file_types Name as FileType OUTPUT Description | bin _time span=5m
        | stats count values(file_name) as file_name by src dest FileType Description SHA_Disposition
        | table src Description file_name nothing"""
    assert found(search) == [{"src": "192.0.2.1", "Description": "Linux program", "file_name": "x.bin"}]


def test_connections_to_domains_of_a_lookup_table() -> None:
    search = """`firewall` action=allowed EventType=ConnectionEvent
        [ | inputlookup sharing | table domain | rename domain as url ]
        | lookup local=t sharing domain as url OUTPUT pattern
        | where match(url, "(?i)\\b".pattern."\\b") | stats count by url"""
    assert found(search) == [{"url": "https://files.example/a", "count": 1}]


def test_several_signatures_of_one_host_counted_by_condition() -> None:
    search = """`firewall` EventType=IntrusionEvent signature_id IN (1001, 1002, 2003)
        | bin _time span=15m | fillnull
        | stats dc(signature_id) as signatures values(InlineResult) as InlineResult
            sum(eval(signature_id==1001)) as first sum(eval(signature_id IN (1002, 5))) as second
            sum(eval(signature_id==9)) as none by src dest
        | where (first >= 1 AND (second >= 1 OR none >= 1)) OR signatures > 5
        | fields - src dest"""
    assert found(search) == [{"signatures": 3, "InlineResult": ("0", "Block"), "first": 1, "second": 1}]


def test_threats_by_two_lookups_around_statistics() -> None:
    search = """`firewall` EventType=IntrusionEvent
        | stats count AS alerts, values(signature) AS signature BY _time dest signature_id
        | lookup threats sid AS signature_id OUTPUT threat | where isnotnull(threat) | bin _time span=1d
        | stats dc(signature_id) AS ids BY _time dest threat
        | lookup needed threat OUTPUT least | where ids >= least | table dest, threat, ids"""
    assert found(search) == [{"dest": "198.51.100.2", "threat": "Bot", "ids": 2}]


def test_applications_of_a_category_after_statistics() -> None:
    search = """`firewall` EventType=ConnectionEvent | stats count by src ClientApplication action
        | lookup applications name AS ClientApplication OUTPUT category
        | search category IN ("remote desktop", "remote control") | table ClientApplication"""
    assert found(search) == [{"ClientApplication": "AnyDesk"}]


def test_intrusions_joined_with_their_connections() -> None:
    search = """`firewall` EventType=IntrusionEvent GeneratorID!=411
        | eval cid=coalesce(connection_id, ConnectionID), from=coalesce(src, InitiatorIP)
        | join type=inner cid [ search `firewall` EventType=ConnectionEvent EVE_ThreatConfidencePct >= 80
            | eval cid=coalesce(connection_id, ConnectionID), pct=EVE_ThreatConfidencePct | fields cid, pct ]
        | fillnull | stats count values(pct) as pct by from, cid | rename from as src, cid as connection_id"""
    assert found(search) == [{"src": "192.0.2.1", "connection_id": "7", "count": 2, "pct": "85"}]


def test_rare_signatures_of_the_last_days() -> None:
    search = """`firewall` EventType=IntrusionEvent Impact>=2 earliest=-7d
        | stats dc(_time) as times min(_time) as first by signature_id, signature class_desc
        | where times = 1 | stats count"""
    assert found(search) == [{"count": 3}]


def test_grouping_loses_events_without_a_value() -> None:
    search = "`firewall` EventType=IntrusionEvent | stats count by src InlineResult"
    assert found(search) == [{"src": "192.0.2.1", "InlineResult": "Block", "count": 1}]


def test_drilldowns_to_the_results() -> None:
    search = '`firewall` EventType=ConnectionEvent | stats count by src dest | search src = "192.0.2.1" dest="198.*"'
    assert found(search) == [{"src": "192.0.2.1", "dest": "198.51.100.2", "count": 3}]


def test_the_same_events_in_the_data_models() -> None:
    search = """| tstats summariesonly=false count values(IDS_Attacks.signature_id) as sid
        from datamodel=Intrusion_Detection.IDS_Attacks where IDS_Attacks.dest_port=80 by IDS_Attacks.src
        | rename IDS_Attacks.* as *"""
    assert found(search) == [{"src": "192.0.2.1", "count": 3, "sid": ("1001", "1002", "2003")}]
