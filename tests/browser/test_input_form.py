"""The input form: event types, the tree of fields, the preview, the start, drop rules, and what is stored of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from estreamer.events import catalog
from estreamer.protocol import fully_qualified
from playwright.sync_api import Browser, Locator, expect

from standins.splunk_web import Login, SplunkWeb
from standins.splunkd import Splunkd
from tests.catalogue import field_names
from tests.rest.forms import ACCOUNT, INPUT, account, create, shown

from .contrast import assert_readable
from .pages import ADMIN, Pages, window
from .test_accounts import SCRIPT

pytestmark = pytest.mark.package
REFRESH = 16_000
"""Milliseconds after which the table of inputs has asked for their state again."""


@pytest.fixture(scope="module", autouse=True)
def accounts(splunkd: Splunkd) -> None:
    """The accounts that the inputs of this module are for; no Management Center is behind them."""
    for name in ("one", "two"):
        create(splunkd, ACCOUNT, account(name, port="1"))


@pytest.fixture
def new_input(browser: Browser, web: SplunkWeb) -> Iterator[Pages]:
    """A window with the form for a new input, its account chosen."""
    with window(browser, web, ADMIN) as pages:
        open_form(pages)
        pages.choose("account", "one")
        yield pages


def open_form(pages: Pages) -> None:
    pages.open("inputs")
    pages.page.get_by_role("button", name="Create New Input").click()
    expect(pages.control("event_types").get_by_role("checkbox")).to_have_count(4)
    expect(pages.control("connection_fields").locator("summary").first).to_contain_text("Recommended: HeaderFieldSet")


def tree(pages: Pages, parameter: str) -> Any:
    """Open the tree of an event type's fields and return its control."""
    control = pages.control(parameter)
    control.locator("summary").first.click()
    return control


def disabled(pages: Pages, name: str) -> None:
    """Switch an input off in the table, so that it does not keep trying."""
    pages.cell(name, "disabled").get_by_role("button").or_(pages.cell(name, "disabled").get_by_role("switch")).click()
    expect(pages.cell(name, "state")).to_have_text("Disabled")


def test_defaults_are_those_of_the_catalogue_and_are_what_is_stored(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    for event_type, entry in catalog.load()["event_types"].items():
        box = pages.control("event_types").get_by_role("checkbox", name=entry["label"])
        assert box.is_checked() == (event_type in fully_qualified.DEFAULT_EVENT_TYPES)
    pages.fill(name="defaults")
    answer = pages.save(INPUT)
    assert answer.status == 201, answer.text()
    pages.saved()
    stored = splunkd.stanzas("inputs")["estreamer_fqe://defaults"]
    assert tuple(stored["event_types"].split(",")) == fully_qualified.DEFAULT_EVENT_TYPES
    for event_type, entry in catalog.load()["event_types"].items():
        assert tuple(stored[entry["parameter"]].split(",")) == tuple(fully_qualified.DEFAULT_FIELDS[event_type])
    assert (stored["start_from"], stored["request_style"], stored["index"]) == ("now", "auto", "default")
    disabled(pages, "defaults")


def test_tree_offers_presets_groups_search_and_names_of_later_versions(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    entry = catalog.load()["event_types"]["ConnectionEvent"]
    control = tree(pages, "connection_fields")
    control.get_by_role("button", name="Minimal").click()
    expect(control.get_by_role("button", name="Minimal")).to_have_attribute("aria-pressed", "true")
    expect(control.locator("summary").first).to_have_text("Minimal: " + ", ".join(ordered(entry, "minimal")))
    control.get_by_role("button", name="Everything").click()
    expect(control.get_by_role("button", name="Everything")).to_have_attribute("aria-pressed", "true")
    control.get_by_role("button", name="Recommended").click()

    group = entry["groups"][1]
    control.get_by_role("checkbox", name=f"Select all of {group['label']}").check()
    expect(control.locator("summary").first).to_contain_text("Your own choice")
    control.get_by_role("searchbox").fill("url")
    wanted = [name for name in field_names("ConnectionEvent") if "url" in name.lower()]
    assert wanted
    for name in wanted:
        expect(control.get_by_role("checkbox", name=name, exact=True)).to_be_visible()
    expect(control.get_by_role("checkbox", name=group["fields"][0]["name"], exact=True)).to_be_hidden()
    control.get_by_role("checkbox", name=wanted[0], exact=True).check()
    pages.shoot("field_tree", picture=True, of="connection_fields")
    control.get_by_role("searchbox").fill("no such field")
    expect(control.get_by_text("No known field has this text in its name")).to_be_visible()
    control.get_by_role("searchbox").fill("")
    control.get_by_label("Other names").fill("LaterField, <script>")

    pages.fill(name="tree")
    pages.press_save()
    expect(pages.refusal()).to_contain_text("'<script>' is not a field")
    control.get_by_label("Other names").fill("LaterField")
    assert pages.save(INPUT).status == 201
    pages.saved()
    own = [*fully_qualified.DEFAULT_FIELDS["ConnectionEvent"], *(field["name"] for field in group["fields"])]
    stored = shown(splunkd, INPUT, "tree")["connection_fields"].split(",")
    assert sorted(stored) == sorted({*own, wanted[0], "LaterField"})
    disabled(pages, "tree")

    pages.row("tree").get_by_role("button", name="Edit").click()
    control = tree(pages, "connection_fields")
    expect(control.get_by_label("Other names")).to_have_value("LaterField")
    expect(control.get_by_role("checkbox", name=f"Select all of {group['label']}")).to_be_checked()
    expect(control.get_by_role("checkbox", name=wanted[0], exact=True)).to_be_checked()


def ordered(entry: Any, preset: str) -> list[str]:
    """The names of a preset in the order of the tree."""
    known = [*entry["field_sets"], *(field["name"] for group in entry["groups"] for field in group["fields"])]
    return [name for name in known if name in entry["presets"][preset]]


def test_preview_follows_every_choice(new_input: Pages) -> None:
    pages = new_input
    pages.control("request_style").get_by_text("Preview of the request").click()
    text = pages.control("request_style").locator("pre")
    defaults = {name: fully_qualified.DEFAULT_FIELDS[name] for name in fully_qualified.DEFAULT_EVENT_TYPES}
    expect(text).to_contain_text('"FileEvent"')
    assert json.loads(text.inner_text()) == json.loads(fully_qualified.document(defaults))
    for label in ("Connection events", "Intrusion events"):
        pages.control("event_types").get_by_role("checkbox", name=label).uncheck()
    tree(pages, "file_fields").get_by_label("Other names").fill("LaterField")
    expect(text).to_contain_text('"LaterField"')
    wanted = {"FileEvent": (*fully_qualified.DEFAULT_FIELDS["FileEvent"], "LaterField")}
    assert json.loads(text.inner_text()) == json.loads(fully_qualified.document(wanted))
    expect(pages.control("connection_fields").locator("summary").first).to_contain_text("Not asked for.")
    pages.control("event_types").get_by_role("checkbox", name="File events").uncheck()
    expect(pages.control("request_style").get_by_text("Event types: choose at least one.")).to_be_visible()
    expect(text).to_be_empty()


def test_preview_refuses_emptied_fields_as_the_save_does(new_input: Pages) -> None:
    pages = new_input
    pages.control("request_style").get_by_text("Preview of the request").click()
    text = pages.control("request_style").locator("pre")
    expect(text).to_contain_text('"ConnectionEvent"')
    control = tree(pages, "connection_fields")
    control.get_by_role("checkbox", name="Select all", exact=True).check()
    expect(text).to_contain_text('"InitiatorIP"')
    control.get_by_role("checkbox", name="Select all", exact=True).uncheck()
    expect(pages.control("request_style").get_by_text("Choose at least one field set or field")).to_be_visible()
    expect(text).to_be_empty()


def test_preview_shows_the_last_choice_whatever_the_order_of_the_answers(new_input: Pages) -> None:
    pages = new_input
    held = pages.hold("_preview")
    pages.control("request_style").get_by_text("Preview of the request").click()
    pages.wait_for(held, 1)
    pages.control("event_types").get_by_role("checkbox", name="Connection events").uncheck()
    pages.wait_for(held, 2)
    text = pages.control("request_style").locator("pre")
    held[1].continue_()
    expect(text).to_contain_text('"FileEvent"')
    with pages.page.expect_response(re.compile("_preview")):
        held[0].continue_()
    # The earlier answer is worked on in the same turn in which it comes.
    pages.page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
    expect(text).not_to_contain_text('"ConnectionEvent"')


def test_form_that_is_left_before_the_catalogue_comes_does_no_harm(browser: Browser, web: SplunkWeb) -> None:
    with window(browser, web, ADMIN) as pages:
        held = pages.hold("_catalog")
        pages.open("inputs")
        pages.page.get_by_role("button", name="Create New Input").click()
        pages.wait_for(held, 1)
        pages.page.get_by_role("button", name="Cancel").click()
        expect(pages.form).to_have_count(0)
        with pages.page.expect_response(re.compile("_catalog")):
            held[0].continue_()
        pages.page.evaluate("() => new Promise((done) => setTimeout(done, 50))")


def test_choice_of_a_time_without_a_time_is_refused_in_words_of_the_form(new_input: Pages) -> None:
    pages = new_input
    pages.fill(name="timeless")
    pages.control("start_from").get_by_role("radio", name="A time").check()
    pages.press_save()
    expect(pages.refusal()).to_contain_text("Start from: give the day and the time, in UTC.")


def test_markup_in_any_text_field_is_shown_as_text(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    pages.fill(name="markup")
    fields = {
        "name": pages.control("name").locator("input"),
        "drop_rules": pages.control("drop_rules").locator("textarea"),
        "settle": pages.control("settle").locator("input"),
        "interval": pages.control("interval").locator("input"),
    }
    pages.page.get_by_text("Advanced").click()
    for parameter in ("connection_fields", "intrusion_fields", "packet_fields", "file_fields"):
        fields[parameter] = tree(pages, parameter).get_by_label("Other names")
    pages.control("event_types").get_by_role("checkbox", name="Intrusion packets").check()
    pages.control("request_style").get_by_text("Preview of the request").click()
    for parameter, box in fields.items():
        before = box.input_value()
        box.fill(SCRIPT)
        pages.press_save()
        expect(pages.refusal(), parameter).to_be_visible()
        expect(box, parameter).to_have_value(SCRIPT)
        assert pages.page.locator("img[src=x]").count() == 0, parameter
        box.fill(before)
    tree_search = pages.control("connection_fields").get_by_role("searchbox")
    tree_search.fill(SCRIPT)
    expect(pages.control("connection_fields").get_by_text("No known field has this text in its name")).to_be_visible()
    tree_search.fill("")
    assert "estreamer_fqe://markup" not in splunkd.stanzas("inputs")


def test_whole_form_is_filled_and_saved_by_the_keyboard(browser: Browser, web: SplunkWeb, splunkd: Splunkd) -> None:
    with window(browser, web, ADMIN) as pages:
        open_form(pages)
        keys = Keys(pages)
        keys.until("name")
        keys.type("keys")
        keys.until("account")
        keys.press("Enter")
        # The list is drawn before its filter takes the keys.
        expect(pages.page.get_by_role("combobox", name="Filter")).to_be_focused()
        keys.press("ArrowDown", "Enter")
        expect(pages.control("account").get_by_role("combobox")).to_have_text(re.compile("one|two"))
        keys.until("start_from")
        keys.press("ArrowDown")
        expect(pages.control("start_from").get_by_role("radio", name="Oldest")).to_be_checked()
        keys.until("event_types")
        keys.press("Space")
        expect(pages.control("event_types").get_by_role("checkbox", name="Connection events")).not_to_be_checked()
        keys.press("Tab")
        keys.press("Space", "Space")
        expect(pages.control("event_types").get_by_role("checkbox", name="Intrusion events")).to_be_checked()
        keys.until("file_fields")
        keys.press("Enter")
        control = pages.control("file_fields")
        keys.press("Tab", "Tab", "Tab")
        expect(control.get_by_role("button", name="Minimal")).to_be_focused()
        keys.press("Enter")
        expect(control.get_by_role("button", name="Minimal")).to_have_attribute("aria-pressed", "true")
        keys.press("Tab")
        expect(control.get_by_role("searchbox")).to_be_focused()
        keys.type("FileName")
        # Enter in the search must not send the form.
        keys.press("Enter")
        expect(pages.form).to_be_visible()
        box = control.get_by_role("checkbox", name="FileName", exact=True)
        was = box.is_checked()
        keys.until_focused(box)
        keys.press("Space")
        expect(box).to_be_checked(checked=not was)
        keys.until("drop_rules")
        keys.type("FileEvent FileName=x")
        expect(pages.control("drop_rules").get_by_role("status")).to_contain_text("Line 1, column 11:")
        keys.press("Tab", "Enter")
        expect(pages.control("drop_rules").locator("textarea")).to_be_focused()
        place = "document.activeElement.selectionStart"
        assert pages.page.evaluate(place) == 10
        # What is wrong is selected: the colon goes before it.
        keys.press("ArrowLeft")
        keys.type(":")
        expect(pages.control("drop_rules").get_by_role("status")).to_have_text("No mistake found.")
        keys.until("request_style")
        keys.press("ArrowDown")
        keys.press("Tab", "Enter")
        expect(pages.control("request_style").locator("pre")).to_contain_text('"FileEvent"')
        keys.until_focused(pages.page.locator("button.saveBtn:visible, button[type=submit]:visible"))
        with pages.page.expect_response(re.compile(rf"{INPUT}\?")) as answer:
            keys.press("Enter")
        assert answer.value.status == 201, answer.value.text()
        pages.saved()
        stored = shown(splunkd, INPUT, "keys")
        assert (stored["start_from"], stored["request_style"]) == ("oldest", "single")
        assert stored["event_types"] == "IntrusionEvent,FileEvent"
        assert stored["drop_rules"] == "FileEvent :FileName=x"
        disabled(pages, "keys")


class Keys:
    """The keyboard: what it reaches, it reaches by Tab."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def press(self, *keys: str) -> None:
        for key in keys:
            self._pages.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self._pages.page.keyboard.type(text)

    def until(self, parameter: str) -> None:
        """Press Tab until something of that parameter has the focus."""
        self.until_focused(self._pages.control(parameter).locator(":focus"))

    def until_focused(self, element: Locator) -> None:
        for _ in range(150):
            self.press("Tab")
            if element.count() and element.first.evaluate("(one) => one === document.activeElement"):
                return
        raise AssertionError(f"Tab does not reach {element}")


def test_nothing_to_ask_for_is_refused_at_its_place(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    pages.fill(name="nothing")
    boxes = pages.control("event_types").get_by_role("checkbox")
    for box in boxes.all():
        box.uncheck()
    pages.press_save()
    expect(pages.refusal()).to_contain_text("Event types: choose at least one.")
    boxes.first.check()
    control = tree(pages, "connection_fields")
    control.get_by_role("checkbox", name="Select all", exact=True).check()
    control.get_by_role("checkbox", name="Select all", exact=True).uncheck()
    pages.press_save()
    expect(pages.refusal()).to_contain_text("Choose at least one field set or field")
    assert "estreamer_fqe://nothing" not in splunkd.stanzas("inputs")


def test_mistake_in_drop_rules_is_shown_at_its_place_while_it_is_written(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    control = pages.control("drop_rules")
    good = "# Nightly copies\nConnectionEvent: AC_RuleAction=Trust"
    pages.fill(name="rules", drop_rules=f"{good}\nFileEvent FileName=x")
    expect(control.get_by_role("status")).to_contain_text("Line 3, column 11:")
    expect(control.locator("pre")).to_have_text("FileEvent FileName=x\n          ^")
    expect(control.locator("textarea")).to_have_attribute("aria-invalid", "true")
    pages.shoot("drop_rules", picture=True, of="drop_rules")
    control.get_by_role("button", name="Go there").click()
    place = "[document.activeElement.tagName, document.activeElement.selectionStart]"
    assert pages.page.evaluate(place) == ["TEXTAREA", len(good) + 1 + 10]
    pages.press_save()
    expect(pages.refusal()).to_contain_text("drop_rules, line 3, column 11:")
    assert "estreamer_fqe://rules" not in splunkd.stanzas("inputs")
    good = f"# {SCRIPT}\nConnectionEvent: AC_RuleAction=Trust"
    pages.fill(drop_rules=good)
    expect(control.get_by_role("status")).to_have_text("No mistake found.")
    assert pages.save(INPUT).status == 201
    pages.saved()
    assert shown(splunkd, INPUT, "rules")["drop_rules"] == good
    disabled(pages, "rules")
    pages.row("rules").get_by_role("cell").first.click()
    expect(pages.page.get_by_text(SCRIPT)).to_be_visible()
    pages.row("rules").get_by_role("button", name="Edit").click()
    expect(control.locator("textarea")).to_have_value(good)


def test_start_is_now_oldest_or_a_time_in_utc(new_input: Pages, splunkd: Splunkd) -> None:
    pages = new_input
    control = pages.control("start_from")
    expect(control.get_by_role("radio", name="Now")).to_be_checked()
    control.get_by_role("radio", name="A time").check()
    pages.fill(name="start")
    pages.press_save()
    expect(pages.refusal()).to_contain_text("Start from: give the day and the time")
    control.get_by_label("Time in UTC").fill("2026-05-31T14:00:00")
    pages.choose("failover_account", "two")
    assert pages.save(INPUT).status == 201
    pages.saved()
    stored = shown(splunkd, INPUT, "start")
    assert (stored["start_from"], stored["failover_account"]) == ("2026-05-31T14:00:00Z", "two")
    disabled(pages, "start")

    pages.row("start").get_by_role("button", name="Clone").click()
    expect(control.get_by_label("Time in UTC")).to_have_value("2026-05-31T14:00")
    control.get_by_role("radio", name="Oldest").check()
    pages.fill(name="copy")
    assert pages.save(INPUT).status == 201
    pages.saved()
    stored = shown(splunkd, INPUT, "copy")
    assert (stored["start_from"], stored["failover_account"]) == ("oldest", "two")
    disabled(pages, "copy")
    pages.delete("copy")
    expect(pages.row("copy")).to_have_count(0)
    assert "estreamer_fqe://copy" not in splunkd.stanzas("inputs")


def test_failover_to_the_same_account_is_refused_in_one_sentence(new_input: Pages) -> None:
    pages = new_input
    pages.fill(name="same")
    pages.choose("failover_account", "one")
    pages.press_save()
    expect(pages.refusal()).to_contain_text("failover_account: choose another account than the first")


def test_inputs_page_tells_why_an_input_waits_and_refreshes_by_itself(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, INPUT, {"name": "waits", "account": "one", "index": "main"})
    create(splunkd, INPUT, {"name": "off", "account": "one", "disabled": "1"})
    pages.page.clock.install()
    pages.open("inputs")
    expect(pages.cell("off", "state")).to_have_text("Disabled")
    with pages.page.expect_response(re.compile("_state")):
        pages.page.clock.fast_forward(REFRESH)
    expect(pages.cell("waits", "state")).to_contain_text("Waiting to retry at")
    expect(pages.cell("waits", "state")).to_contain_text("127.0.0.1")
    expect(pages.cell("waits", "last_event")).to_have_text("none yet")
    pages.shoot("inputs_waiting")
    disabled(pages, "waits")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_input_pages_are_readable_in_both_themes(
    browser: Browser, web: SplunkWeb, splunkd: Splunkd, theme: str
) -> None:
    create(splunkd, INPUT, {"name": f"dusk_{theme}", "account": "one", "disabled": "1"})
    create(splunkd, INPUT, {"name": f"dawn_{theme}", "account": "one"})
    with window(browser, web, Login(f"owl_{theme}", "hoot", theme=theme)) as pages:
        open_form(pages)
        control = tree(pages, "connection_fields")
        pages.fill(drop_rules="FileEvent FileName=x")
        expect(pages.control("drop_rules").get_by_role("status")).to_contain_text("Line 1, column 11")
        pages.control("request_style").get_by_text("Preview of the request").click()
        expect(pages.control("request_style").locator("pre")).to_contain_text("ConnectionEvent")
        pages.shoot(f"input_form_{theme}")
        for parameter in ("event_types", "connection_fields", "start_from", "drop_rules", "request_style"):
            assert_readable(pages, f"[data-name='{parameter}'] .sfw")
        expect(control.get_by_role("button", name="Recommended")).to_be_visible()
        pages.open("inputs")
        expect(pages.cell(f"dusk_{theme}", "state")).to_have_text("Disabled")
        expect(pages.cell(f"dawn_{theme}", "state")).to_contain_text("Waiting to retry at")
        pages.shoot(f"inputs_{theme}")
        assert_readable(pages, "td[data-column='state'] .sfw")
        disabled(pages, f"dawn_{theme}")
