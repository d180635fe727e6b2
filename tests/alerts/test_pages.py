"""The pages on alerts and on Health say what the conf files and the dashboard say."""

from __future__ import annotations

import re
from pathlib import Path

from standins.search import Knowledge, spl
from tests.alerts.internal import Index
from tests.alerts.samples import log_events
from tests.alerts.test_alerts import NOW, stanzas
from tests.alerts.test_health import definition

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = (DOCS / "alerts.md").read_text(encoding="utf-8")
HEALTH = (DOCS / "health.md").read_text(encoding="utf-8")
INTERVALS = {1: "hourly", 4: "every 15 minutes"}
HOURS = {"*/4": "every 4 hours"}


def cells(page: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with this head."""
    lines = page.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [re.split(r" *\| *", line.strip("| ")) for line in lines]


def test_every_alert_is_listed_with_its_schedule_and_numbers(addon: Path) -> None:
    listed = {name: (when, held, numbers) for name, _, when, held, numbers in cells(ALERTS, "alert")}
    wanted = {}
    for name, stanza in stanzas(addon).items():
        minutes, hours = stanza["cron_schedule"].split()[:2]
        numbers = dict.fromkeys(re.findall(r"`sfw_alert_\w+`", stanza["search"]))
        held = f"{stanza['alert.suppress.period']} for each {stanza['alert.suppress.fields'].replace(',', ', ')}"
        when = INTERVALS[len(minutes.split(","))] if hours == "*" else HOURS.get(hours, "daily")
        wanted[name] = (when, held, ", ".join(numbers) or "–")
    assert listed == wanted


def test_every_number_is_listed_with_what_it_is(knowledge: Knowledge) -> None:
    numbers = {name: macro for name, macro in knowledge.macros.items() if name.startswith("sfw_alert_")}
    listed = {name.strip("`"): (value.strip("`"), text) for name, value, text in cells(ALERTS, "macro")}
    assert listed == {name: (one["definition"].value, one["description"].value) for name, one in numbers.items()}


def test_every_panel_of_health_is_listed(addon: Path) -> None:
    titles = [panel["title"] for panel in definition(addon)["visualizations"].values()]
    assert sorted(row[0] for row in cells(HEALTH, "panel")) == sorted(titles)


def test_every_search_of_the_page_finds_something(knowledge: Knowledge) -> None:
    searches = HEALTH.partition("```\n")[2].partition("```")[0].splitlines()
    index = Index(knowledge, log_events(NOW))
    assert len(searches) == 3
    assert [one for one in searches if not spl.run(one, index, earliest=NOW - 86400, latest=NOW, now=NOW).rows] == []
