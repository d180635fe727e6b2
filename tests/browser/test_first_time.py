"""From empty pages to events: what somebody does who has never seen the add-on, in the real pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from standins.fmc.server import FmcServer
from standins.splunk_web import SplunkWeb
from standins.splunkd import Splunkd
from tests.rest.forms import PASSWORD

from .conftest import EVENTS
from .pages import ADMIN, window

pytestmark = pytest.mark.package
STANZA = "estreamer_fqe://perimeter"


def test_from_empty_pages_to_events(browser: Browser, web: SplunkWeb, splunkd: Splunkd, server: FmcServer) -> None:
    with window(browser, web, logged_in=False) as pages:
        pages.page.goto(web.page("configuration"))
        pages.page.get_by_label("Username").fill(ADMIN.name)
        pages.page.get_by_label("Password").fill(ADMIN.password)
        pages.page.get_by_role("button", name="Sign In").click()
        expect(pages.page.get_by_role("table")).to_be_visible()
        expect(pages.page.get_by_text("No records found")).to_be_visible()

        pages.page.get_by_role("button", name="Add", exact=True).click()
        pages.fill(name="fmc", host=server.address, port=str(server.port), pkcs12_password=PASSWORD)
        pages.upload(server.pkcs12(password=PASSWORD))
        expect(pages.control("pkcs12").get_by_role("status")).to_contain_text("It is checked when you save.")
        pages.shoot("account_form", picture=True)
        answer = pages.save("_account")
        assert answer.status == 201, answer.text()
        pages.saved()
        expect(pages.cell("fmc", "certificate_subject")).to_contain_text(server.address)
        # The steps of the check are there to be read after the save, too.
        steps = pages.cell("fmc", "check_connection").get_by_role("listitem")
        expect(steps).to_have_count(5)
        expect(steps.last).to_contain_text("\u2713 Client accepted: the server keeps the connection open")
        expect(pages.cell("fmc", "certificate_not_after")).to_contain_text("364 days left")
        # The check of the save has connected, and nothing but that.
        server.wait_for(lambda one: len(one.goodbyes) == 1)

        pages.page.get_by_role("link", name="Inputs").click()
        pages.page.get_by_role("button", name="Create New Input").click()
        pages.fill(name="perimeter")
        pages.choose("account", "fmc")
        pages.control("start_from").get_by_role("radio", name="Oldest").check()
        expect(pages.control("event_types").get_by_role("checkbox", name="File events")).to_be_checked()
        pages.control("request_style").get_by_text("Preview of the request").click()
        expect(pages.control("request_style").locator("pre")).to_contain_text('"ConnectionEvent"')
        pages.shoot("input_form", picture=True)
        answer = pages.save("_estreamer_fqe")
        assert answer.status == 201, answer.text()
        pages.saved()

        splunkd.wait_for(EVENTS, stanza=STANZA)
        expect(pages.cell("perimeter", "state")).to_contain_text("Connected since")
        expect(pages.cell("perimeter", "state")).to_contain_text(f"(fmc, {server.address})")
        expect(pages.cell("perimeter", "events_last_hour")).to_have_text(f"{EVENTS} events")
        expect(pages.cell("perimeter", "last_event")).to_contain_text("20")
        expect(pages.cell("perimeter", "lag")).to_contain_text(" days")
        pages.shoot("inputs", picture=True)
    assert splunkd.count(STANZA) == EVENTS
    assert splunkd.stanzas("inputs")[STANZA]["start_from"] == "oldest"
    server.assert_clean()
