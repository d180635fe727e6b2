"""Events beyond the limits of automatic extraction, 100 fields and 5,000 bytes, keep the fields that matter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standins.places import ROOT
from standins.search import Knowledge, Limits, pcre, spl
from standins.search.conf import Conf, read
from standins.search.searched import Searched
from tests.search.case import ABSENT, Case, arrived, case, connection, differences, file, found, intrusion, packet
from tests.search.test_detections import GROUPED, RAW_FIELDS

DEFAULT = ROOT / "default"
CUTOFF = 5000
"""Bytes of an event that automatic extraction looks at."""

WIDE = {"one byte": "x", "two bytes": "ä", "three bytes": "木", "four bytes": "𝄞"}
BULKS: dict[str, dict[str, Any]] = {
    "100 fields": {f"Extra{number}": number for number in range(100)},
    **{f"5,000 bytes, {width} each": {"Extra": one * (CUTOFF // len(one.encode()))} for width, one in WIDE.items()},
}
"""What stands before all fields of an event."""

END = {"LastPacketSecond": 1743500750, "ConnectionDuration": 16}


def conf(name: str) -> Conf:
    """Return a conf file of the add-on."""
    return read(DEFAULT / f"{name}.conf", "add-on", f"default/{name}.conf")


PROPS = conf("props").stanzas["cisco:sfw:estreamer"]
LONG = PROPS["EXTRACT-sfw_long"].value
RESTORED = {
    setting.value.split()[-1]: PROPS[key.replace("FIELDALIAS", "EXTRACT")].value
    for key, setting in PROPS.items()
    if key.startswith("FIELDALIAS-sfw_long_")
}
"""The raw fields that are extracted once more, with the setting that does so."""


def beyond(bulk: str, raw: str) -> str:
    """Return an event that has all its fields, even its type, behind a bulk of others."""
    return json.dumps({**BULKS[bulk], **json.loads(raw)}, separators=(", ", ":"), ensure_ascii=False)


def with_every_field() -> dict[str, str]:
    """Return a value for each raw field that is restored: a number where only numbers are."""
    return {
        name: str(4711 + number) if r"\d" in setting else f"ä {name}, b"
        for number, (name, setting) in enumerate(RESTORED.items())
    }


RAW = Case("every raw field", json.dumps(with_every_field(), ensure_ascii=False), with_every_field())

MAPPED = [
    case("a connection", connection(), src="172.16.3.110", dest_port="443", action="blocked", rule="NasBlock"),
    case("its amounts", connection(), bytes="906", packets="4", src_translated_ip="172.16.2.10"),
    case("its end", connection(**END), duration="16", transport="tcp"),
    case("an intrusion", intrusion(Impact=1), signature_id="11192", severity="critical", action="allowed"),
    case("a file", file(), file_name="csm-eicar.gif", severity="critical", category="malware", dvc="172.16.0.10"),
    case("escapes stay as they are written", connection(FirewallRule='say "no"'), rule='say \\"no\\"'),
    case("a number written as text", connection(ResponderPort="443"), dest_port="443", bytes="906"),
    case("fillers", connection(SSL_Policy="None"), ssl_policies=ABSENT),
    case("absent fields", connection(Protocol=ABSENT, URL=ABSENT), transport=ABSENT, url=ABSENT, dest_port="443"),
    Case("a connection's type", connection(), {}, ("sfw_connection",), ("communicate", "network")),
    Case("an intrusion's type", intrusion(), {}, ("sfw_intrusion",), ("attack", "ids")),
    Case("a malware file's type", file(), {}, ("sfw_file", "sfw_malware", "sfw_malware_download"), ()),
]

CASES = [
    Case(f"{one.name}, behind {bulk}", beyond(bulk, one.raw), one.fields, one.eventtypes, one.tags)
    for one in (RAW, *MAPPED)
    for bulk in BULKS
]


@pytest.fixture(scope="session", params=[False, True], ids=["nothing of a cut event", "what stands before the cut"])
def either(addon: Path, request: pytest.FixtureRequest) -> Knowledge:
    """What Splunk may find in an event that is cut: its specs do not say which."""
    return Knowledge.read(addon, limits=Limits(reads_cut_events=request.param))


@pytest.mark.parametrize("one", CASES, ids=str)
def test_long_events(either: Knowledge, one: Case) -> None:
    assert differences(either, one) == []


def sized(kind: str, size: int, field: str, filler: str = "x") -> str:
    """Return an event of a kind whose field is made so long that the event has so many bytes."""
    make = {"connection": connection, "intrusion": intrusion}[kind]
    room = size - len(make(**{field: ""}).encode())
    width = len(filler.encode())
    return make(**{field: filler * (room // width) + "x" * (room % width)})


CONNECTION = ("url", "src_translated_ip", "dest_translated_ip", "EVE_Process", "EVE_ThreatConfidencePct", "ssl_hash")
INTRUSION = ("MitreAttackGroups", "SnortRuleGroups", "uri", "dvc", "signature_id", "InitiatorCountry")


@pytest.mark.parametrize(
    ("kind", "size", "field", "wanted"),
    [("connection", 5_900, "ClientAppDetector", CONNECTION), ("intrusion", 6_700, "IntrusionPolicy", INTRUSION)],
)
def test_an_event_of_a_size_that_was_seen_has_what_the_short_one_has(
    either: Knowledge, kind: str, size: int, field: str, wanted: tuple[str, ...]
) -> None:
    raw = sized(kind, size, field)
    assert len(raw.encode()) == size
    usual = found(either, {"connection": connection, "intrusion": intrusion}[kind]()).fields
    fields = found(either, raw).fields
    assert {name: fields.get(name) for name in wanted} == {name: usual[name] for name in wanted}


@pytest.mark.parametrize("size", [1_900, 4_799, 4_800, 4_999, 5_000, 5_001, 5_002, 10_240, 10_241])
@pytest.mark.parametrize("filler", WIDE.values(), ids=WIDE)
def test_an_event_has_its_fields_whatever_its_bytes(either: Knowledge, filler: str, size: int) -> None:
    fields = found(either, sized("connection", size, "FirewallPolicy", filler)).fields
    usual = found(either, connection()).fields
    read = set(RESTORED) & set(usual) - {"FirewallPolicy"}
    assert {name: fields.get(name) for name in read} == {name: usual[name] for name in read}
    assert fields["dest_translated_port"] == "443"


@pytest.mark.parametrize(("members", "again"), [(99, False), (100, False), (101, True)])
def test_an_event_of_more_than_100_members_has_its_last_ones(either: Knowledge, members: int, again: bool) -> None:
    bulk = {f"Extra{number}": number for number in range(members - 2)}
    raw = json.dumps({**bulk, "ConnectionID": 7, "URL": "http://a.example/"}, separators=(",", ":"))
    fields = found(either, raw).fields
    assert (fields["connection_id"], fields["url"]) == ("7", "http://a.example/")
    assert ("sfw_long" in fields) is again


@pytest.mark.parametrize("utf", [True, False], ids=["characters", "bytes"])
@pytest.mark.parametrize("filler", [*WIDE.values(), "xä", "\x7f", "\n"])
def test_an_event_of_more_than_the_cutoff_is_found_by_characters_and_by_bytes(filler: str, utf: bool) -> None:
    pattern = pcre.compile("(?ms)" + LONG, utf=utf)
    for size in range(CUTOFF + 1, CUTOFF + 8):
        text = (filler * CUTOFF).encode()[:size].decode("utf-8", "ignore") + "xxxx"
        match = pattern.search(text)
        assert match is not None
        assert match.groupdict() == {"sfw_long": text}


@given(st.lists(st.tuples(st.sampled_from([*WIDE.values(), ",", '"', "\\"]), st.integers(1, 3000)), max_size=8))
def test_every_event_beyond_the_cutoff_is_found(pieces: list[tuple[str, int]]) -> None:
    text = "".join(one * count for one, count in pieces)
    for utf in (True, False):
        match = pcre.compile("(?ms)" + LONG, utf=utf).search(text)
        if len(text.encode()) >= CUTOFF or text.count(",") >= 100:
            assert match is not None
        elif len(text.encode()) < 1200:
            assert match is None


def test_no_field_of_a_long_event_is_doubled(either: Knowledge) -> None:
    tail = json.dumps({**json.loads(connection()), **BULKS["100 fields"], "Extra": "x" * CUTOFF})
    fields = found(either, tail).fields
    doubled = [name for name, value in fields.items() if isinstance(value, tuple) and not name.startswith("tag")]
    assert doubled == []
    assert fields["src"] == "172.16.3.110"


@pytest.mark.parametrize("raw", [connection(), intrusion(), file()], ids=["connection", "intrusion", "file"])
def test_an_event_within_the_limits_has_no_second_copies(knowledge: Knowledge, raw: str) -> None:
    assert [name for name in found(knowledge, raw).fields if name.startswith("sfw_long")] == []


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MODEL = re.compile(r"datamodel=\S+")
_RAW_NAME = re.compile(r"(?<!\w)[A-Z]\w*(?![\w(]|\.[a-z*$])")
_MADE = re.compile(r"\b(?:as|AS) (\w+)")
_COLUMNS = {"Last", "MB_in", "MB_out", "MB_received", "MB_sent"}
"""Columns that dashboards make and that begin with a capital, too."""

_TYPES = """
ConnectionEvent IntrusionEvent IntrusionPacket FileEvent MalwareEvent DiscoveryEvent UserEvent VPNEvent CorrelationEvent
IndicatorOfCompromiseEvent ImpactAlert IntrusionExtraData
"""
_VALUES = {*_TYPES.split(), "Malware"}
"""Values that stand in a search as words, for the index."""

_TOKENS = {"Models", "Source"}
"""Searches whose results a dashboard shows in its text."""

_WORDS = _COLUMNS | _VALUES | _TOKENS | {"AND", "OR", "NOT", "AS", "IN", "BY", "OUTPUT", "OUTPUTNEW", "ASNEW"}


def raw_names(text: str) -> set[str]:
    """Return the raw fields that a search, an expression or a list names: they begin with a capital, ours do not."""
    plain = _MODEL.sub("", _QUOTED.sub('""', text))
    made = set(_MADE.findall(plain))
    return set(_RAW_NAME.findall(plain)) - made - _WORDS


def searches_of_views() -> Iterator[tuple[str, str]]:
    """Yield the searches of the dashboards, and those that a click leads to."""
    for path in sorted((DEFAULT / "data" / "ui" / "views").glob("*.xml")):
        for quoted in re.findall(r'"(?:query|url)": ("(?:[^"\\]|\\.)*")', path.read_text(encoding="utf-8")):
            text = json.loads(quoted)
            if text.startswith("/"):
                text = "".join(re.findall(r"[?&]q=([^&]*)", text))
            yield path.name, unquote(text)


def searches() -> Iterator[tuple[str, str]]:
    """Yield whatever of the add-on names fields of events, with where it stands."""
    for key, setting in PROPS.items():
        if key.startswith(("EVAL-", "LOOKUP-")):
            # What a lookup is asked for stands behind AS, elsewhere that is what a search calls it.
            yield f"props {key}", setting.value.replace(" AS ", " ")
    for name, keys in {
        "macros": ("definition",),
        "savedsearches": ("search",),
        "eventtypes": ("search",),
        "workflow_actions": ("fields", "link.uri"),
    }.items():
        for stanza, settings in conf(name).stanzas.items():
            for key in keys:
                if key in settings:
                    text = settings[key].value
                    yield f"{name} {stanza}", " ".join(re.findall(r"\$(\w+)\$", text)) if key == "link.uri" else text
    yield from searches_of_views()


def test_every_raw_field_that_a_search_reads_is_restored() -> None:
    reads = [(where, name) for where, text in searches() for name in sorted(raw_names(text))]
    assert {"URL_Category", "SnortRuleGroups", "InitiatorCountry", "PacketSecond"} <= {name for _, name in reads}
    assert {where.partition(" ")[0] for where, _ in reads} >= {"props", "macros", "savedsearches", "intrusions.xml"}
    assert [(where, name) for where, name in reads if name not in RESTORED] == []


def test_every_raw_field_of_published_detections_is_restored() -> None:
    assert {name for names in (*RAW_FIELDS.values(), *GROUPED.values()) for name in raw_names(names)} <= set(RESTORED)


def test_what_the_setup_check_calls_long_is_what_is_extracted_once_more() -> None:
    check = conf("macros").stanzas["sfw_setup_check"]["definition"].value
    (pattern,) = re.findall(r'setup_long=if\(match\(_raw,"(.*?)"\)', check)
    assert pattern + "(?<sfw_long>.++)" == LONG


def test_a_long_packet_has_its_key(either: Knowledge) -> None:
    fields = found(either, packet(PacketSecond=1744752710, PacketData="ff" * 9000)).fields
    assert fields["PacketSecond"] == "1744752710"
    assert str(fields["flow_id"]).endswith(":1:1744752707:27798")


def checked(knowledge: Knowledge, raw: str, time: int = 1743500734) -> dict[str, Any]:
    """Return what the setup check makes of an event of that time (seconds since 1970)."""
    index = Searched(knowledge, [arrived(raw, time, time + 1)])
    (row,) = spl.run("search * | `sfw_setup_check`", index, now=time + 9).rows
    return dict(row)


@pytest.mark.parametrize("filler", WIDE.values(), ids=WIDE)
def test_the_setup_check_counts_events_beyond_the_cutoff(either: Knowledge, filler: str) -> None:
    assert checked(either, sized("connection", 5_001, "FirewallPolicy", filler))["setup_long"] == 1
    assert "setup_long" not in checked(either, connection())


def test_the_setup_check_finds_nothing_wrong_with_long_events_but_what_is(either: Knowledge) -> None:
    second = 1744752710
    row = checked(either, packet(Bytes="ff" * 9000, PacketSecond=second), second)
    assert [name for name in row if name in ("setup_missing", "setup_late", "setup_cut", "setup_repaired")] == []
    row = checked(either, sized("connection", 9_000, "FirewallPolicy")[:-1] + ', "estreamer_problem":"not a number"}')
    assert [name for name in row if name in ("setup_missing", "setup_late", "setup_cut", "setup_repaired")] == [
        "setup_repaired"
    ]
