"""Beside another app that says something of the same sourcetype, whichever of the two Splunk reads first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from standins.places import ROOT
from standins.search import Knowledge
from standins.search.knowledge import Event
from standins.search.settings import PROPS_INDEX
from tests.package.confs import read_conf
from tests.search.case import connection, file, found, intrusion, packet

PAGE = ROOT / "docs" / "coexistence.md"
FIRST, LAST = "AA_other_app", "zz_other_app"
"""Names that Splunk sorts before and after that of our add-on."""

PROPS = r"""
[cisco:sfw:estreamer]
KV_MODE = none
TRUNCATE = 500
TIME_PREFIX = "FirstPacketSecond"\s*:
EXTRACT-event_type = "EventType":"(?<kind>\w+)"
REPORT-zones = other_zones
FIELDALIAS-src = InitiatorAddress AS src
FIELDALIAS-dest = ResponderIP AS dest
FIELDALIAS-rule = NoSuchField AS rule
EVAL-action = lower(AC_RuleAction)
EVAL-vendor_product = "Another Product"
EVAL-app = "another app"
EVAL-other = "other"
LOOKUP-action = other_actions verdict AS AC_RuleAction OUTPUT action AS action severity AS severity
"""
TRANSFORMS = r"""
[other_zones]
REGEX = "IngressZone"\s*:\s*"([^"]+)"
FORMAT = src_zone::$1

[other_actions]
filename = other_actions.csv
"""
EVENTTYPES = """
[other_connections]
search = sourcetype="cisco:sfw:estreamer" kind="ConnectionEvent"
"""
TAGS = """
[eventtype=other_connections]
traffic = enabled
"""
TABLE = "verdict,action,severity\nBlock,denied,severe\nAllow,permitted,severe\n"
META = "[]\nexport = system\n"

RAWS = {"connection": connection(), "intrusion": intrusion(), "file": file(), "packet": packet()}


def other_app(folder: Path) -> Path:
    """Write the other app: what such an app may hold, its classes named as one would name them."""
    texts = {"props": PROPS, "transforms": TRANSFORMS, "eventtypes": EVENTTYPES, "tags": TAGS}
    for name, text in texts.items():
        write(folder / f"default/{name}.conf", text)
    write(folder / "lookups/other_actions.csv", TABLE)
    write(folder / "metadata/default.meta", META)
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def listed() -> set[str]:
    """The calculated fields that the page lists as those which another app can take over."""
    text = PAGE.read_text(encoding="utf-8")
    return set(re.findall(r"`([a-z_]+)`", text.partition("## Calculated fields")[2].partition("\n## ")[0]))


def calculated(props: str) -> set[str]:
    return set(re.findall(r"^EVAL-(\w+) =", props, re.MULTILINE))


def ours(event: Event) -> dict[str, object]:
    return {name: value for name, value in event.fields.items() if name not in ("eventtype", "tag", "tag::eventtype")}


@pytest.fixture(scope="module")
def beside(addon: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Knowledge]:
    folder = tmp_path_factory.mktemp("apps")
    return {name: Knowledge.read(addon, other_app(folder / name)) for name in (FIRST, LAST)}


@pytest.mark.parametrize("kind", RAWS)
def test_only_calculated_fields_depend_on_the_order(beside: dict[str, Knowledge], kind: str) -> None:
    one, other = (ours(found(knowledge, RAWS[kind])) for knowledge in beside.values())
    differing = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    assert differing <= calculated(PROPS) & listed()


@pytest.mark.parametrize("order", [FIRST, LAST])
@pytest.mark.parametrize("kind", RAWS)
def test_ours_are_what_they_are_alone(
    beside: dict[str, Knowledge], knowledge: Knowledge, kind: str, order: str
) -> None:
    alone, together = found(knowledge, RAWS[kind]), found(beside[order], RAWS[kind])
    differing = {name for name, value in ours(alone).items() if together.fields.get(name) != value}
    assert differing <= calculated(PROPS) & listed()
    assert set(alone.eventtypes) <= set(together.eventtypes)
    assert set(alone.tags) <= set(together.tags)


def test_the_order_does_matter_for_a_calculated_field(beside: dict[str, Knowledge]) -> None:
    apps = {found(knowledge, connection()).fields["app"] for knowledge in beside.values()}
    assert apps == {"Google", "another app"}


@pytest.mark.parametrize("order", [FIRST, LAST])
def test_events_of_our_input_are_whole_and_keep_their_time(beside: dict[str, Knowledge], order: str) -> None:
    told = {"sourcetype": "cisco:sfw:estreamer", "source": "estreamer_fqe://fmc", "host": "fmc"}
    (event,) = beside[order].index(intrusion().encode(), **told, now=2e9, input_time=1744752707.5)
    assert event.raw == intrusion()
    assert event.time == 1744752707.5


OF_ANOTHER = {
    "alone": 'TIME_PREFIX = "EventSecond":\nTIME_FORMAT = %s\nSHOULD_LINEMERGE = false\n',
    "with breaks of its own": "TIME_FORMAT = %s\nSHOULD_LINEMERGE = false\nLINE_BREAKER = (;)\nTRUNCATE = 40\n",
    "with the time of the clock": "DATETIME_CONFIG = CURRENT\nSHOULD_LINEMERGE = false\nCHARSET = ISO-8859-1\n",
}


@pytest.mark.parametrize("order", [FIRST, LAST])
@pytest.mark.parametrize("settings", OF_ANOTHER.values(), ids=OF_ANOTHER)
def test_events_that_another_app_brings_are_indexed_as_that_app_alone_says(
    addon: Path, tmp_path: Path, settings: str, order: str
) -> None:
    write(tmp_path / order / "default/props.conf", f"[cisco:sfw:estreamer]\n{settings}")
    told: dict[str, Any] = {
        "sourcetype": "cisco:sfw:estreamer",
        "source": "/var/log/fmc.json",
        "host": "fmc",
        "now": 1744752999.0,
    }
    data = f"{intrusion()}\n1744752000;{file()}".encode()
    alone = Knowledge.read(tmp_path / order).index(data, **told)
    assert Knowledge.read(addon, tmp_path / order).index(data, **told) == alone


def test_nothing_of_a_sourcetype_that_others_bring_too_counts_when_indexing(addon: Path) -> None:
    settings = read_conf(addon / "default/props.conf")
    own = {name: set(stanza) for name, stanza in settings.items() if "::" not in name and not name.endswith(":log")}
    assert set(own) == {"cisco:sfw:estreamer"}
    assert own["cisco:sfw:estreamer"] & (PROPS_INDEX | {"EVENT_BREAKER", "EVENT_BREAKER_ENABLE"}) == set()


def test_all_that_counts_when_our_events_are_indexed_is_set_at_their_source(addon: Path) -> None:
    """What is not set there could come from another app's settings of the sourcetype."""
    source = set(read_conf(addon / "default/props.conf")["source::estreamer_fqe://..."])
    # Where no time is looked for, it does not matter how one would be.
    assert PROPS_INDEX - source == {key for key in PROPS_INDEX if key.startswith(("TIME_", "MAX_"))}


def test_the_page_lists_every_calculated_field(addon: Path) -> None:
    assert listed() == calculated((addon / "default/props.conf").read_text(encoding="utf-8"))


def test_all_other_names_are_ours(addon: Path) -> None:
    props = (addon / "default/props.conf").read_text(encoding="utf-8")
    classes = re.findall(r"^(?:EXTRACT|REPORT|FIELDALIAS|LOOKUP)-(\w+) =", props, re.MULTILINE)
    stanzas = [
        name
        for conf in ("transforms", "eventtypes", "macros")
        for name in re.findall(r"^\[(.+)\]", (addon / f"default/{conf}.conf").read_text(encoding="utf-8"), re.MULTILINE)
    ]
    files = [path.name for path in (addon / "lookups").iterdir()]
    assert [name for name in (*classes, *stanzas, *files) if not name.startswith("sfw_")] == []
