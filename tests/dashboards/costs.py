"""What each page, alert and scheduled search reads, counted over a sample of events and scaled to rates.

`tools/run.sh tests.dashboards.costs` writes the tables into docs/scaling.md, from the heading Cost to the end. With the
folder of another version's conf files, `tools/run.sh tests.dashboards.costs FOLDER`, it counts what those read, and
keeps that in costs_before.json as what the tables compare with. FOLDER holds default/, lookups/ and metadata/.

Events of one kind lie evenly in time, and so do those of one verdict, so that a short span holds its share of them.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standins.dashboards import read_views
from standins.fmc.events import EventGenerator
from standins.fmc.variety import varied_event
from standins.places import APP, ROOT
from standins.search import Indexed, Knowledge, spl
from standins.search.evals.times import relative
from standins.search.searched import saved_searches
from tests.alerts.internal import Index
from tests.alerts.samples import STEP, log_events
from tests.package.confs import read_conf

from .opened import Opened
from .population import NOW

PAGE = ROOT / "docs" / "scaling.md"
BEFORE = Path(__file__).parent / "costs_before.json"
HEADING = "## Cost\n"
RATES = (500, 5_000, 50_000)
"""Events a second, all kinds together."""

SHARES = {"ConnectionEvent": 0.97, "FileEvent": 0.02, "IntrusionEvent": 0.008, "IntrusionPacket": 0.002}
"""The share of each kind in all events."""

SAMPLE = {"ConnectionEvent": 3000, "FileEvent": 750, "IntrusionEvent": 450, "IntrusionPacket": 150}
"""How many events of each kind the sample has."""

BLOCKED_EVERY = 8
"""One of so many connections is blocked."""

HOSTS = 2000
SPAN = 49 * 3600
"""Seconds: the longest time range of a page, with as long a time before it."""

HELD = 7 * 86400
BEHIND = 600
"""Seconds that the summaries of the accelerated data model reach back, and that they are behind."""

ADDRESS = "172.16.5.7"
CONNECTION = "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63:1:1768464216:4711"


class Sample(Index):
    """The sample as an index.

    `_weight` of an event is how many events it stands for where one a second arrives, `_lines` of a log line how many
    lines.
    """

    def __init__(self, app: Path) -> None:
        super().__init__(Knowledge.read(app), _events(), saved_searches(app))
        for row in self._rows:
            row["_weight"] = _weight(str(row["EventType"]))
        before = len(self._rows)
        self.add(log_events(NOW))
        for row in self._rows[before:]:
            row["_lines"] = STEP // 60 if "action=figures" in str(row["_raw"]) else 1

    def accelerate(self, model: bool) -> None:
        """Accelerate the data model, or do not."""
        self.summaries.clear()
        if model:
            self.summaries["Network_Traffic"] = (NOW - HELD, NOW - BEHIND)

    def collect(self, events: Sequence[spl.Row]) -> None:
        """Take rows of a summary: one for each file event, which is as many as there can be."""
        super().collect([{**one, "_weight": _weight("FileEvent")} for one in events])


def _weight(kind: str) -> float:
    return SHARES[kind] * SPAN / SAMPLE[kind]


def _events() -> list[Indexed]:
    ordinary: dict[str, list[dict[str, Any]]] = {kind: [] for kind in SHARES}
    for record in EventGenerator().events(0, 20 * max(SAMPLE["FileEvent"], SAMPLE["IntrusionEvent"])):
        ordinary[record.event_type or ""].append(json.loads(record.payload))
    packets = [varied_event(6, number, NOW, "IntrusionPacket") for number in range(SAMPLE["IntrusionPacket"])]
    ordinary["IntrusionPacket"] = [json.loads(record.payload) for record in packets]
    found = []
    for kind, count in SAMPLE.items():
        for number, event in enumerate(ordinary[kind][:count]):
            time = NOW - SPAN * (number + 0.5) / count
            raw = json.dumps(_placed(event, number, int(time)), separators=(", ", ":"), ensure_ascii=False)
            found.append(
                Indexed(raw, time, time + 1, "cisco:sfw:estreamer", "estreamer_fqe://fmc", "fmc.example.com", "main")
            )
    return found


def _placed(event: dict[str, Any], number: int, second: int) -> dict[str, Any]:
    """Return an event of a larger network: with a host of its own, its time, and the verdict of its number."""
    host = number * 7919 % HOSTS
    placed = {**event, "FirstPacketSecond": second, "InitiatorIP": f"172.16.{host // 250}.{host % 250}"}
    if event["EventType"] == "ConnectionEvent":
        placed["AC_RuleAction"] = "Block" if number % BLOCKED_EVERY == 0 else "Allow"
    return placed


@dataclass(frozen=True)
class Subject:
    """A page as it opens, with tokens if it is opened for something."""

    title: str
    view: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    accelerated: bool = False


PAGES = (
    Subject("Overview", "overview"),
    Subject("Overview, data model accelerated", "overview", accelerated=True),
    Subject("Connections", "connections"),
    Subject("Connections, data model accelerated", "connections", accelerated=True),
    Subject("Intrusions", "intrusions"),
    Subject("Files and malware", "files_and_malware"),
    Subject("Host profile of one address", "host_profile", {"address": ADDRESS}),
    Subject("Investigate", "investigate"),
    Subject("Investigate one connection", "investigate", {"connection": CONNECTION}),
    Subject("Packets", "packets"),
    Subject("Packets of one connection", "packets", {"connection": CONNECTION}),
    Subject("Setup check", "setup_check"),
    Subject("Health", "health"),
)

Costs = dict[str, list[float]]


def counted(folder: Path) -> Costs:
    """Return how many events each page and saved search reads at each rate, by title; `folder` holds the conf files."""
    with tempfile.TemporaryDirectory() as scratch:
        app = _app(folder, Path(scratch))
        data = Sample(app)
        found = {}
        views = read_views(app / "default" / "data" / "ui" / "views")
        for one in PAGES:
            view = views[one.view]
            data.accelerate(one.accelerated)
            page = Opened(view, data, **{**view.defaults(), **one.tokens})
            for source in view.data_sources:
                if source.kind == "ds.search":
                    page.result(source.name)
            found[one.title] = _at_rates(page.meter.reads)
        data.accelerate(False)
        for title, stanza in read_conf(app / "default" / "savedsearches.conf").items():
            found[title] = _at_rates(_run(stanza, data).reads)
    return found


def _app(folder: Path, scratch: Path) -> Path:
    """Return an app of these conf files."""
    app = scratch / APP
    for name in ("default", "lookups", "metadata"):
        shutil.copytree(folder / name, app / name)
    (app / "default" / "app.conf").touch()
    return app


def _run(stanza: Mapping[str, str], data: Sample) -> spl.Meter:
    """Run a saved search over its span of event time: by when events were indexed, the index rules out none."""
    times: dict[str, Any] = {name: relative(NOW, stanza[f"dispatch.{name}_time"]) for name in ("earliest", "latest")}
    meter = spl.Meter()
    spl.run(stanza["search"], data, now=NOW, meter=meter, **times)
    return meter


def _at_rates(reads: Sequence[spl.Read]) -> list[float]:
    return [sum(read_at(one, rate) for one in reads) for rate in RATES]


def read_at(one: spl.Read, rate: float) -> float:
    """Return how many events are read at a rate: no more than bring as many to a `head` as that takes."""

    def number(rows: Sequence[Mapping[str, Any]]) -> float:
        return sum(float(row.get("_weight", 0)) * rate + float(row.get("_lines", 0)) for row in rows)

    arrived = number(one.arrived) if one.arrived is not None else 0.0
    return number(one.rows) * (one.limit / arrived if arrived > one.limit else 1)


def shown(number: float) -> str:
    """Return a number of events with two digits, and k, M or G for thousands, millions and thousands of millions."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{float(f'{number / size:.2g}'):g}{unit}"
    return f"{float(f'{number:.2g}'):g}"


def told(after: Costs, before: Costs, runs: Mapping[str, str]) -> str:
    """Return the tables as Markdown; `runs` has the runs a day of saved searches."""
    return "\n".join(
        [
            HEADING,
            "Events read when a page opens, with its inputs as they are at first:",
            "",
            *_table("page", after, before, [one.title for one in PAGES]),
            "",
            "Events read by one run of a search of the add-on:",
            "",
            *_table("search", after, before, list(runs), runs),
            "",
        ]
    )


def _table(
    head: str, after: Costs, before: Costs, titles: Sequence[str], runs: Mapping[str, str] | None = None
) -> list[str]:
    columns = [f"{rate:,}/s {which}" for rate in RATES for which in ("before", "after")]
    more = ["runs"] if runs else []
    rows = ["| " + " | ".join([head, *more, *columns]) + " |", "|---" * (1 + len(more) + len(columns)) + "|"]
    for title in titles:
        cells = [title.removeprefix("Secure Firewall: ")]
        cells += [runs[title]] if runs else []
        for number in range(len(RATES)):
            cells += [shown(before[title][number]) if title in before else "–", shown(after[title][number])]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def schedules(folder: Path) -> dict[str, str]:
    """Return how often each saved search runs, by name."""
    found = {}
    for name, stanza in read_conf(folder / "default" / "savedsearches.conf").items():
        minutes, hours = stanza.get("cron_schedule", "x x").split()[:2]
        times = {"*": 24 * len(minutes.split(",")), "*/4": 6}.get(hours, 1)
        found[name] = f"{times} a day" if "cron_schedule" in stanza else "by hand"
    return found


def section() -> str:
    """Return the part of the page that is counted."""
    before: Costs = json.loads(BEFORE.read_text(encoding="utf-8"))
    return told(counted(ROOT), before, schedules(ROOT))


def main(folders: Sequence[str]) -> int:
    """Write the tables, or what they compare with; return 0."""
    if folders:
        found = {title: [round(one) for one in numbers] for title, numbers in counted(Path(folders[0])).items()}
        BEFORE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    written = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    PAGE.write_text(written + section(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
