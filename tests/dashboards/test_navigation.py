"""The menu names every dashboard once, and nothing that is not there."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from standins.dashboards import VIEWS, read_views
from standins.places import ROOT

from .test_definitions import UCC_VIEWS

NAVIGATION = ROOT / "default" / "data" / "ui" / "nav" / "default.xml"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Dashboards": (
        "overview",
        "connections",
        "intrusions",
        "files_and_malware",
        "host_profile",
        "investigate",
        "packets",
    ),
    "Administration": ("health", "setup_check"),
}
"""Where a dashboard belongs, in this order: those for analysts, and those for the admin."""

ROOT_ELEMENT = etree.parse(str(NAVIGATION)).getroot()


def named() -> list[str]:
    return [view.get("name") for view in ROOT_ELEMENT.iter("view")]


def test_every_dashboard_is_in_its_group() -> None:
    there = set(read_views())
    groups = {one.get("label"): [view.get("name") for view in one] for one in ROOT_ELEMENT.iter("collection")}
    assert groups == {label: [name for name in names if name in there] for label, names in GROUPS.items()}
    assert there <= {name for names in GROUPS.values() for name in names}


def test_every_named_view_is_there() -> None:
    views = {path.stem for path in VIEWS.glob("*.xml")} | UCC_VIEWS | {"search"}
    assert set(named()) - views == set()
    assert len(named()) == len(set(named()))


def test_search_inputs_and_configuration_are_in_the_menu_and_the_overview_comes_first() -> None:
    outside = [view.get("name") for view in ROOT_ELEMENT.iterchildren("view")]
    assert outside == ["search", "inputs", "configuration"]
    assert [view.get("name") for view in ROOT_ELEMENT.iter("view") if view.get("default") == "true"] == ["overview"]
