"""Every dashboard of Dashboard Studio in the sources: what its definition refers to, asks, and leads to."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from standins.dashboards import VIEWS, View, read_views

from . import checks, examples
from .answers import SearchHead, asked
from .browser import Browser

ALL = read_views()
UCC_VIEWS = {"inputs", "configuration", "dashboard"}
"""Views that the generator makes."""

each = pytest.mark.parametrize("view", ALL.values(), ids=str)


@pytest.fixture(scope="module")
def known(browser: Browser) -> dict[str, Any]:
    return browser.known_options()


@each
def test_splunks_own_validator_finds_nothing(view: View, browser: Browser) -> None:
    assert browser.validate(view) == []


@each
def test_nothing_is_referred_to_that_is_not_there_and_nothing_is_unused(view: View) -> None:
    assert checks.dangling(view) + checks.unused(view) == []


@each
def test_every_kind_and_option_is_one_of_splunks(view: View, known: dict[str, Any]) -> None:
    assert checks.misspelt(view, known) == []


@each
def test_every_token_is_set(view: View) -> None:
    assert checks.unresolved(view, examples.TOKENS.get(view.name, {})) == []


@each
def test_every_link_leads_to_a_view_that_takes_its_tokens(view: View) -> None:
    assert checks.broken_links(view, ALL, UCC_VIEWS) + checks.lost_clicks(view) == []


@each
def test_every_search_begins_with_an_index_macro_or_follows_a_base(view: View, head: SearchHead) -> None:
    assert checks.wrong_heads(view, head.data.macro) == []


@each
def test_no_value_that_a_link_can_bring_becomes_a_part_of_a_search(view: View) -> None:
    assert checks.unescaped(view) == []


@each
def test_no_panel_lies_over_another(view: View) -> None:
    assert checks.overlapping(view) == []


@each
def test_every_search_finds_rows_with_the_fields_that_clicks_use(view: View, head: SearchHead) -> None:
    tokens = {**view.defaults(), **examples.TOKENS.get(view.name, {})}
    for one in (*view.visualizations, *view.inputs):
        for source in one.sources.values():
            found = asked(head, view, source, tokens)
            assert found.rows, source
            assert checks.clicked_fields(one) - set(found.fields) == set(), one.name


@each
def test_label_and_description_are_those_of_the_definition(view: View) -> None:
    stated = (view.definition.get("title"), view.definition.get("description"))
    assert stated == (view.label, view.description)


@each
def test_every_panel_with_data_leads_on_and_the_source_is_tidy(view: View) -> None:
    text = (VIEWS / f"{view.name}.xml").read_text(encoding="utf-8")
    assert checks.without_clicks(view) + checks.unpretty(text) == []


def test_no_dashboard_brings_a_script_or_a_style() -> None:
    for path in VIEWS.glob("*.xml"):
        root = etree.parse(str(path)).getroot()
        assert not {"script", "stylesheet"} & set(root.attrib), path.name
