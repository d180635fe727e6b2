"""Every dashboard as it is seen, light and dark."""

from __future__ import annotations

import os
import shutil

import pytest

from standins.dashboards import THEMES, View, read_views
from standins.places import ROOT

from . import examples
from .answers import SearchHead, asked
from .browser import Browser

VIEWS = read_views()
DOCS_PICTURES = ROOT / "docs" / "pictures"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", VIEWS.values(), ids=str)
def test_no_panel_is_empty_or_in_error(view: View, theme: str, browser: Browser) -> None:
    seen = browser.render(view, theme, examples.TOKENS.get(view.name))
    assert seen.errors == ()
    assert [answer for answer in seen.answers if answer.problem or not answer.rows] == []
    assert {one.name: one.fault for one in seen.panels if one.fault} == {}
    if os.environ.get("ESTREAMER_PICTURES") == "1" and theme == "light" and seen.picture:
        DOCS_PICTURES.mkdir(exist_ok=True)
        shutil.copyfile(seen.picture, DOCS_PICTURES / f"{view.name}.png")


FROM_EVENTS_ONLY = {
    "overview": set(),
    "connections": {"viz_policies", "viz_hosts", "viz_urls", "viz_categories", "viz_processes", "viz_threat"},
    "intrusions": {"viz_would", "viz_vulnerable", "viz_matrix", "viz_techniques", "viz_groups", "viz_would_have"},
}
"""Panels of which a data model has nothing, by dashboard: with it as the source they are blank."""


@pytest.mark.parametrize("name", FROM_EVENTS_ONLY)
def test_with_the_data_model_as_source_only_the_named_panels_are_blank(name: str, browser: Browser) -> None:
    tokens = {**examples.TOKENS.get(name, {}), "source": "model"}
    seen = browser.render(VIEWS[name], "light", tokens, picture=False)
    assert seen.errors == ()
    assert [answer for answer in seen.answers if answer.problem] == []
    assert {one.name for one in seen.panels if one.fault} == FROM_EVENTS_ONLY[name]
    assert [one.fault for one in seen.panels if "Error" in (one.fault or "")] == []


def test_a_host_profile_without_an_address_asks_for_one_and_searches_nothing(browser: Browser) -> None:
    seen = browser.render(VIEWS["host_profile"], "light", picture=False)
    assert seen.answers == ()
    assert "Type an address above" in " ".join(one.text for one in seen.panels)


def test_the_map_is_coloured_as_its_definition_says(browser: Browser, head: SearchHead) -> None:
    view = VIEWS["overview"]
    browser.open(view, "dark", examples.DAY)
    fills = browser.page.eval_on_selector_all("[data-area]", "(all) => all.map((one) => one.getAttribute('fill'))")
    assert len(fills) == len(asked(head, view, "ds_countries", {**view.defaults(), **examples.DAY}).rows)
    assert {"#E79A8F", "#B3241A"} <= {fill.upper() for fill in fills}
