"""tstats, datamodel and from over the CIM's data models.

Pages: "tstats", "datamodel" and "from" of the Search Reference; "Network Traffic", "Intrusion Detection", "Malware",
"Network Resolution (DNS)" and "Web" of the Common Information Model Add-on Manual.
"""

from __future__ import annotations

from typing import Any

import pytest

from .cim import MODELS
from .data import Knowledge
from .errors import SplError
from .samples import NOW, result, rows

TRAFFIC = {"tag": ("communicate", "network"), "index": "main", "sourcetype": "st", "host": "h", "source": "s"}
EVENTS: list[dict[str, Any]] = [
    {**TRAFFIC, "_time": NOW - 400, "action": "allowed", "src": "10.0.0.1", "bytes_in": "10", "bytes_out": "5"},
    {**TRAFFIC, "_time": NOW - 300, "action": "blocked", "src": "10.0.0.2", "dest_port": "443", "transport": "TCP"},
    {**TRAFFIC, "_time": NOW - 10, "src": "10.0.0.1", "rule": "r", "dest_port": "x", "_raw": "raw", "other": "o"},
    {"_time": NOW - 5, "tag": ("attack", "ids"), "ids_type": "network", "signature": "sig", "vendor": "v"},
    {"_time": NOW - 4, "tag": ("attack", "malware"), "action": "blocked", "file_name": "f", "sourcetype": "st"},
    {"_time": NOW - 3, "tag": "network", "action": "allowed", "src": "10.0.0.9"},
]
DATA = Knowledge(EVENTS, models=MODELS)
ACCELERATED = Knowledge(EVENTS, models=MODELS, summaries={"Network_Traffic": (NOW - 3600, NOW - 60)})


def test_tstats_counts_the_events_of_a_model() -> None:
    assert rows("| tstats count from datamodel=Network_Traffic", DATA) == [{"count": 3}]
    assert rows("| tstats count from datamodel=Network_Traffic.All_Traffic", DATA) == [{"count": 3}]
    assert rows("| tstats count from datamodel=Intrusion_Detection.IDS_Attacks", DATA) == [{"count": 1}]
    assert rows("| tstats count from datamodel=Malware.Malware_Attacks", DATA) == [{"count": 1}]


def test_tstats_groups_and_filters_by_the_fields_of_the_dataset() -> None:
    search = (
        "| tstats summariesonly=true allow_old_summaries=true count min(_time) as first"
        ' values(All_Traffic.action) as action from datamodel="Network_Traffic"'
        " where All_Traffic.src=10.0.0.* NOT All_Traffic.action=blocked by All_Traffic.src"
    )
    assert rows(search.replace("summariesonly=true", ""), DATA) == [
        {"All_Traffic.src": "10.0.0.1", "count": 2, "first": NOW - 400, "action": ("allowed", "unknown")}
    ]
    assert rows(search, ACCELERATED) == [
        {"All_Traffic.src": "10.0.0.1", "count": 1, "first": NOW - 400, "action": "allowed"}
    ]
    assert rows(search, DATA) == []


def test_summaries_of_a_model_that_is_not_accelerated_hold_nothing() -> None:
    search = "| tstats summariesonly=true count from datamodel=Network_Traffic"
    assert (rows(search, DATA), rows(search, ACCELERATED)) == ([{"count": 0}], [{"count": 2}])
    search = "| datamodel Network_Traffic All_Traffic search summariesonly=true"
    assert (len(rows(search, DATA)), len(rows(search, ACCELERATED))) == (0, 2)


def test_tstats_by_time_takes_a_span() -> None:
    found = result("| tstats count from datamodel=Network_Traffic by _time span=5m", DATA)
    assert found.column("_time") == [NOW - 500, NOW - 200]
    assert found.column("count") == [2, 1]
    found = result("| tstats count from datamodel=Network_Traffic BY _time, All_Traffic.action span=1h", DATA)
    assert len(found.rows) == 3


def test_tstats_where_may_bound_the_time() -> None:
    search = "| tstats count from datamodel=Network_Traffic where earliest=-1m latest=now"
    assert rows(search, DATA) == [{"count": 1}]


def test_tstats_of_child_datasets() -> None:
    where = "where nodename=All_Traffic.Traffic_By_Action"
    assert rows(f"| tstats count from datamodel=Network_Traffic {where}", DATA) == [{"count": 3}]
    assert rows(f"| tstats count from datamodel=Network_Traffic {where}.Allowed_Traffic", DATA) == [{"count": 1}]
    search = f"| tstats count from datamodel=Network_Traffic {where}.Blocked_Traffic by All_Traffic.dest_port"
    assert rows(search, DATA) == [{"All_Traffic.dest_port": "443", "count": 1}]
    with pytest.raises(SplError, match="Network_IDS_Attacks is no root dataset"):
        rows("| tstats count from datamodel=Intrusion_Detection.Network_IDS_Attacks", DATA)


def test_tstats_without_a_model_sees_indexed_fields_only() -> None:
    assert rows("| tstats count where index=main by sourcetype", DATA) == [{"sourcetype": "st", "count": 3}]
    with pytest.raises(SplError, match="unknown field src"):
        rows("| tstats count by src", DATA)


def test_tstats_fills_null_groups_on_demand() -> None:
    search = "| tstats {} count from datamodel=Network_Traffic by All_Traffic.direction"
    assert rows(search.format(""), DATA) == []
    assert rows(search.format("fillnull_value=none"), DATA) == [{"All_Traffic.direction": "none", "count": 3}]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("| tstats count from datamodel=Nothing", "unknown data model Nothing"),
        ("| tstats count from datamodel=Malware.Nothing", "no dataset Nothing"),
        ("| tstats count from datamodel=Malware by Malware_Attacks.nothing", "unknown field Malware_Attacks.nothing"),
        ("| tstats dc(src) from datamodel=Malware", "unknown field src"),
        ("| tstats prestats=t count from datamodel=Malware", "prestats=true is not supported"),
        ("| tstats from datamodel=Malware", "needs a function"),
        ("| tstats count(eval(1=1)) from datamodel=Malware", "of an expression"),
        ("| tstats values(Malware_Attacks.*) from datamodel=Malware", "of an expression or a wildcard"),
        ("| tstats list(Malware_Attacks.src) from datamodel=Malware", "not supported"),
        ("| tstats count from datamodel=Malware by _time", "without a span"),
        ("| tstats count from namespace", "'from' takes datamodel="),
        ("| tstats count from datamodel=Malware by Malware_Attacks.src span=5m", "span is for _time"),
        ("| datamodel Nothing x search", "unknown data model Nothing"),
        ("| datamodel Malware Malware_Attacks summary", "none of search, flat"),
        ("| from datamodel:Nothing.x", "unknown data model Nothing"),
        ("| from nothing:x", "unknown kind of dataset nothing"),
    ],
)
def test_wrong_model_dataset_or_field_is_named(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        rows(search, DATA)


def test_network_traffic_fills_in_what_the_event_lacks() -> None:
    first, second, third = result("| from datamodel:Network_Traffic.All_Traffic | sort _time", DATA).rows
    assert (first["bytes"], first["dest_port"], first["dest"], first["transport"]) == (15, 0, "unknown", "unknown")
    assert (second["dest_port"], second["transport"], second.get("bytes")) == ("443", "tcp", None)
    assert (third["action"], third["rule"], third["dest_port"], third["user"]) == ("unknown", "r", 0, "unknown")
    assert (third["vendor_product"], third["_raw"], third.get("other")) == ("st", "raw", None)


def test_intrusion_detection_and_malware_fill_in_what_the_event_lacks() -> None:
    (attack,) = result('| from datamodel:"Intrusion_Detection"."IDS_Attacks"', DATA).rows
    assert (attack["signature"], attack["severity"], attack["vendor_product"]) == ("sig", "unknown", "v unknown")
    assert "action" not in attack
    (malware,) = result("| from datamodel Malware.Malware_Attacks", DATA).rows
    assert (malware["action"], malware["category"], malware["date"]) == ("blocked", "unknown", "11-14-2023")


NAMES: list[dict[str, Any]] = [
    {"_time": NOW - 3, "tag": ("network", "resolution", "dns"), "query": "a.example", "reply_code_id": "3"},
    {
        "_time": NOW - 2,
        "tag": ("network", "resolution", "dns"),
        "answer": ("192.0.2.1", "192.0.2.2"),
        "reply_code": "x",
    },
    {"_time": NOW - 1, "tag": ("network", "resolution"), "query": "b.example"},
]


def test_network_resolution_fills_in_what_the_event_lacks() -> None:
    data = Knowledge(NAMES, models=MODELS)
    first, second = result("| from datamodel:Network_Resolution.DNS | sort _time", data).rows
    assert (first["query"], first["query_count"], first["answer"], first["answer_count"]) == (
        "a.example",
        1,
        "unknown",
        1,
    )
    assert (first["reply_code_id"], first["reply_code"]) == ("3", "Non-Existent Domain")
    assert (first["dest"], first["message_type"], first.get("record_type")) == ("unknown", "unknown", None)
    assert (second["query"], second["answer_count"]) == ("unknown", 2)
    assert (second["reply_code_id"], second["reply_code"]) == ("x", "x")


REQUESTS: list[dict[str, Any]] = [
    {"_time": NOW - 3, "tag": "web", "url": "https://www.example.com:8443/a?b", "http_method": "-", "bytes_out": "5"},
    {"_time": NOW - 2, "tag": ("web", "proxy"), "url": "/only/a/path", "url_domain": "told.example", "status": "200"},
    {"_time": NOW - 1, "tag": "network", "url": "https://www.example.com"},
]


def test_web_fills_in_what_the_event_lacks() -> None:
    data = Knowledge(REQUESTS, models=MODELS)
    first, second = result("| from datamodel:Web.Web | sort _time", data).rows
    assert (first["url_domain"], first["url_length"], first["http_method"]) == ("www.example.com", 32, "unknown")
    assert (first["http_user_agent"], first["http_user_agent_length"]) == ("unknown", 7)
    assert (first["status"], first["action"], first["user"], first.get("category")) == (*["unknown"] * 3, None)
    assert (first["bytes_out"], first.get("bytes")) == ("5", None)
    assert (second["url_domain"], second["status"]) == ("told.example", "200")
    assert rows("| tstats count from datamodel=Web where nodename=Web.Proxy", data) == [{"count": 1}]


def test_datamodel_puts_the_name_of_the_root_before_the_fields() -> None:
    found = rows("| datamodel Network_Traffic Blocked_Traffic search", DATA)
    assert found[0]["All_Traffic.src"] == "10.0.0.2"
    assert found[0]["sourcetype"] == "st"
    assert "src" not in found[0]
    flat = rows("| datamodel Network_Traffic Blocked_Traffic flat", DATA)
    assert flat[0]["src"] == "10.0.0.2"


def test_events_of_a_search_stay_as_they_were() -> None:
    before = [dict(event) for event in EVENTS]
    rows("| tstats count from datamodel=Network_Traffic by All_Traffic.bytes", DATA)
    assert before == EVENTS


def test_from_reads_a_lookup_too() -> None:
    with pytest.raises(SplError, match="unknown lookup nothing"):
        rows("| from inputlookup:nothing", DATA)
