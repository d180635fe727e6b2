"""Dashboards rendered in Chromium, one after the other, in one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, Playwright
from playwright.sync_api import TimeoutError as Late

from standins.dashboards import View
from standins.places import APP
from tests import chromium

from .answers import Answer, Server

FLAGS = (
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--disable-3d-apis",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
"""What makes pictures alike on every machine, and finds no address but this machine's."""

WIDTH, HEIGHT = 1440, 900
QUIET = 400
"""Milliseconds without a change after which a page is taken for finished; ten times that while a panel waits."""

PATIENCE = 30_000
"""Milliseconds after which a dashboard that is not finished is looked at as it is."""

_CLOCK = """(() => {
    const Real = Date, ahead = %d - Date.now();
    window.Date = class extends Real {
        constructor(...given) { given.length ? super(...given) : super(Real.now() + ahead); }
        static now() { return Real.now() + ahead; }
    };
})();"""
"""Sets the page's clock, which then goes on: what waits for a click to be a single one would wait for ever else."""

_SETTLED = """([names, quiet]) => {
    const watched = window.watched ?? (window.watched = {changed: performance.now()});
    if (!watched.observer) {
        watched.observer = new MutationObserver(() => { watched.changed = performance.now(); });
        watched.observer.observe(document.body, {subtree: true, childList: true, attributes: true});
    }
    const there = names.every((name) => document.querySelector(`[data-test="viz-item"][data-id="${name}"]`));
    const unfinished = document.querySelector('[data-test="icon-placeholder"], [data-test="viz-waiting-for-input"]');
    const unchanged = performance.now() - watched.changed;
    return there && !window.dashboards.isWaiting() && unchanged > (unfinished ? 10 * quiet : quiet);
}"""

_PANELS = """(names) => names.map((name) => {
    const panel = document.querySelector(`[data-test="viz-item"][data-id="${name}"]`);
    if (!panel) {
        return [name, '', 'it is not there'];
    }
    const said = panel.innerText.trim();
    const mark = panel.querySelector('[data-test="simple-status-icon-container"] [aria-label]');
    if (mark) {
        return [name, said, `it is marked: ${mark.getAttribute('aria-label')}`];
    }
    const marks = ['viz-waiting-for-input', 'icon-placeholder', 'placeholder-icon', 'message'];
    if (marks.some((one) => panel.querySelector(`[data-test="${one}"]`))) {
        return [name, said, 'it has nothing to show'];
    }
    if (panel.querySelector('[data-test="majorValue"]')?.innerText === 'N/A') {
        return [name, said, 'it has no value'];
    }
    const chart = panel.querySelector('.highcharts-root');
    if (chart && !chart.querySelector('.highcharts-point, .highcharts-graph, .highcharts-area')) {
        return [name, said, 'its chart is empty'];
    }
    const map = panel.querySelector('[data-map]');
    if (map && !map.querySelector('[data-area]')) {
        return [name, said, 'its map has no area'];
    }
    return [name, said, said || panel.querySelector('svg, canvas, img') ? null : 'it is blank'];
})"""


@dataclass(frozen=True)
class Panel:
    """What is seen of a panel: its text, and what is wrong with it, None if nothing is."""

    name: str
    text: str
    fault: str | None


@dataclass(frozen=True)
class Rendering:
    """A dashboard as it was seen: its panels, what its searches were answered, its picture if one was taken, and the
    page's errors.
    """

    view: View
    theme: str
    panels: tuple[Panel, ...]
    answers: tuple[Answer, ...]
    picture: Path | None
    errors: tuple[str, ...]


_DRAWN_AGAIN = "Cannot read properties of null (reading 'plotLeft')"


class Browser:
    """One Chromium with one page that renders any dashboard. `pictures` is the folder of its screenshots."""

    def __init__(self, playwright: Playwright, server: Server, pictures: Path) -> None:
        self._server = server
        self._pictures = pictures
        self._browser = chromium.launch(playwright, *FLAGS)
        self.page: Page = self._browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", timezone_id="UTC"
        )
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(_CLOCK % (server.head.now * 1000))
        self._errors: list[str] = []
        self.page.on("pageerror", lambda error: self._errors.append(str(error)))
        self.page.goto(f"{server.uri}/en-US/app/{APP}/overview")

    def close(self) -> None:
        """End Chromium."""
        self._browser.close()

    def validate(self, view: View) -> list[str]:
        """Return what Splunk's validator finds wrong with a definition."""
        found: list[str] = self.page.evaluate("(one) => window.dashboards.validate(one)", view.definition)
        return found

    def areas(self) -> set[str]:
        """Return the names of the countries that the map of the world knows."""
        return set(self.page.evaluate("() => window.dashboards.areas()"))

    def known_options(self) -> dict[str, Any]:
        """Return the option schemas of Splunk's packages by kind; None where any option is allowed."""
        found: dict[str, Any] = self.page.evaluate("() => window.dashboards.knownOptions()")
        return found

    def links(self) -> list[Mapping[str, Any]]:
        """Return where the clicks since the last rendering have led."""
        found: list[Mapping[str, Any]] = self.page.evaluate("() => window.dashboards.links")
        return found

    def open(self, view: View, theme: str, tokens: Mapping[str, str] | None = None) -> None:
        """Render a dashboard and wait until nothing changes any more; `tokens` are those of its address."""
        self._errors.clear()
        self._server.head.answers.clear()
        # A pointer that a click left over a chart would hover over points that are gone when the chart is drawn again.
        self.page.mouse.move(0, 0)
        self.page.evaluate(
            "([definition, theme, address]) => window.dashboards.render(definition, theme, address)",
            [view.definition, theme, address(view.name, tokens or {})],
        )
        names = [one.name for one in view.visualizations]
        try:
            self.page.wait_for_function(_SETTLED, arg=[names, QUIET], polling=50)
        except Late:
            self._errors.append("the dashboard was not finished in time")

    def render(
        self, view: View, theme: str, tokens: Mapping[str, str] | None = None, *, picture: bool = True
    ) -> Rendering:
        """Render a dashboard, take its picture unless it is not wanted, and tell what is seen.

        An error of Splunk's own chart that is drawn again while it moves is given a second try: it depends on speed.
        """
        seen = self._rendered(view, theme, tokens, picture)
        return self._rendered(view, theme, tokens, picture) if _DRAWN_AGAIN in seen.errors else seen

    def _rendered(self, view: View, theme: str, tokens: Mapping[str, str] | None, picture: bool) -> Rendering:
        self.open(view, theme, tokens)
        path = self._pictures / f"{view.name}-{theme}.png" if picture else None
        if path:
            self._photograph(path, [one.name for one in view.visualizations])
        seen = self.page.evaluate(_PANELS, [one.name for one in view.visualizations])
        panels = tuple(Panel(*one) for one in seen)
        return Rendering(view, theme, panels, tuple(self._server.head.answers), path, tuple(self._errors))

    def _photograph(self, path: Path, names: list[str]) -> None:
        """Take a picture of the whole page, in a window as high as it, once its panels have come to rest there."""
        height = self.page.evaluate("() => document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.mouse.move(0, 0)
        self.page.wait_for_function(_SETTLED, arg=[names, QUIET], polling=50)
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def address(view: str, tokens: Mapping[str, str]) -> str:
    """Return the address of a dashboard with tokens set."""
    return f"/en-US/app/{APP}/{view}?" + urlencode({f"form.{name}": value for name, value in tokens.items()})
