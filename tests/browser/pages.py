"""The add-on's pages as a test uses them: what a person sees and does, by the names that they have on the screen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Browser, Dialog, FloatRect, Locator, Page, Response, Route, expect
from playwright.sync_api import Error as PageError

from standins.places import ROOT
from standins.splunk_web import Login, SplunkWeb

SCREENSHOTS = ROOT / "build" / "screenshots"
PICTURES = ROOT / "docs" / "pictures"
ADMIN = Login("admin", "changed-it")
WIDTH, HEIGHT = 1200, 900
PATIENCE = 20_000
"""Milliseconds that anything on a page may take; the connection check takes the longest."""

expect.set_options(timeout=PATIENCE)


class Pages:
    """One browser window of one user. `problems` has what no page may do: errors, and requests to other places."""

    def __init__(self, web: SplunkWeb, page: Page) -> None:
        self.web = web
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", self._hear)
        page.on("dialog", self._dismiss)
        page.on("request", self._watch)

    def _dismiss(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _hear(self, message: Any) -> None:
        # A refused request is reported here too: tests look at what the page makes of it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((f"{self.web.origin}/", "data:", "blob:")):
            self.problems.append(f"request to {request.url}")

    def open(self, view: str) -> None:
        """Open a page and wait for its table."""
        self.page.goto(self.web.page(view))
        expect(self.page.get_by_role("table")).to_be_visible()

    # What splunkd answers

    def hold(self, endpoint: str) -> list[Route]:
        """Hold back requests to an endpoint from now on; return the list that they come into."""
        held: list[Route] = []

        def keep(route: Route) -> None:
            held.append(route)

        self.page.route(re.compile(endpoint), keep)
        return held

    def wait_for(self, held: list[Route], count: int) -> None:
        """Wait until so many requests are held back."""
        for _ in range(PATIENCE // 50):
            if len(held) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{len(held)} requests instead of {count}")

    def answer(self, endpoint: str, status: int, body: str) -> None:
        """Answer requests to an endpoint in splunkd's place from now on."""

        def fulfill(route: Route) -> None:
            route.fulfill(
                status=status, content_type="application/json" if body.startswith("{") else "text/html", body=body
            )

        self.page.route(re.compile(endpoint), fulfill)

    def let_through(self) -> None:
        """Let splunkd answer again."""
        self.page.unroute_all()

    # Tables

    def row(self, name: str) -> Locator:
        return self.page.locator(f"tr[aria-label='row-{name}']")

    def cell(self, name: str, column: str) -> Locator:
        return self.row(name).locator(f"td[data-column='{column}']")

    def delete(self, name: str) -> None:
        """Press Delete in a row and in the question that follows, and wait for splunkd's answer."""
        self.row(name).get_by_role("button", name="Delete").click()
        with self.page.expect_response(lambda answer: answer.request.method == "DELETE"):
            self.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    # Forms

    @property
    def form(self) -> Locator:
        """The form for an account or an input; another one on the page is that of the log level."""
        return self.page.locator("form").filter(has=self.page.locator("[data-name=name]"))

    def control(self, parameter: str) -> Locator:
        return self.page.locator(f"[data-name='{parameter}']")

    def fill(self, **values: str) -> None:
        """Type values into fields of text."""
        for parameter, value in values.items():
            self.control(parameter).locator("input, textarea").first.fill(value)

    def choose(self, parameter: str, label: str) -> None:
        """Choose in one of UCC's lists. A list that was opened before it was loaded closes itself again."""
        box = self.control(parameter).get_by_role("combobox")
        option = self.page.get_by_role("option", name=label, exact=True)
        for _ in range(5):
            if box.get_attribute("aria-expanded") != "true":
                box.click()
            with suppress(PageError):
                option.click(timeout=PATIENCE / 5)
                break
        expect(box).to_have_text(label)
        # A list that is still closing takes the next click for itself.
        expect(option).to_have_count(0)

    def untick(self, parameter: str) -> None:
        box = self.control(parameter).get_by_role("checkbox")
        if box.get_attribute("aria-checked") == "true":
            box.click()

    def upload(self, content: bytes, name: str = "client.pkcs12") -> None:
        file = {"name": name, "mimeType": "application/x-pkcs12", "buffer": content}
        self.control("pkcs12").locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]

    def press_save(self) -> None:
        self.page.locator("button.saveBtn:visible, button[type=submit]:visible").click()

    def save(self, what: str) -> Response:
        """Save, wait until it is done, and return splunkd's answer; `what` is the end of the endpoint's name."""
        with self.page.expect_response(re.compile(rf"{what}(/[^/?]+)?\?.*")) as answer:
            self.press_save()
        return answer.value

    def saved(self) -> None:
        """Wait until the form has gone: what it held was saved."""
        expect(self.form).to_have_count(0, timeout=2 * PATIENCE)

    def refusal(self) -> Locator:
        """The message at the head of the form."""
        return self.form.locator("[data-test=message]").first

    # Pictures

    def shoot(self, name: str, *, picture: bool = False, of: str = "") -> None:
        """Keep a screenshot as a build result; `picture` marks those that the documents show, if they are asked for.

        The documents show what of the page is worth it: the parameter `of`, the dialog, or all to the end of the form.
        """
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        # A dialog that is still fading in is no picture of it.
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('[role=dialog]')].every((dialog) => {
                for (let one = dialog; one; one = one.parentElement) {
                    if (Number(getComputedStyle(one).opacity) < 1) {
                        return false;
                    }
                }
                return true;
            })"""
        )
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled", full_page=True)
        if picture and os.environ.get("ESTREAMER_PICTURES"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            path = PICTURES / f"{name}.png"
            dialog = self.page.get_by_role("dialog")
            if of or dialog.count():
                (self.control(of) if of else dialog).screenshot(path=path, animations="disabled")
            else:
                self.page.screenshot(path=path, animations="disabled", full_page=True, clip=self._filled())

    def _filled(self) -> FloatRect:
        """The page to the end of what is on it."""
        ends = self.page.locator("table:visible, form:visible").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().bottom + window.scrollY)"
        )
        return {"x": 0, "y": 0, "width": WIDTH, "height": max(ends) + 24}


@contextmanager
def window(browser: Browser, web: SplunkWeb, login: Login = ADMIN, *, logged_in: bool = True) -> Iterator[Pages]:
    """Open a window in which a user is logged in; leaving it asserts that no page did what none may do."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="en-US", timezone_id="UTC"
    )
    try:
        web.admit(login)
        if logged_in:
            context.add_cookies(web.cookies(login))  # type: ignore[arg-type]
        pages = Pages(web, context.new_page())
        try:
            yield pages
        except BaseException:
            pages.shoot("failed")
            raise
        assert pages.problems == []
    finally:
        context.close()
