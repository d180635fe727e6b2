"""The stand-ins behind Splunk's own tests: the collector, the search jobs and the samples."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from standins.search import Knowledge
from standins.search.indexing import Indexed
from standins.search.made import SOURCETYPE, knowledge
from standins.search.searched import Searched, saved_searches
from standins.search.spl import SplError
from tests.search.official import samples
from tests.search.official.hec import Collector
from tests.search.official.jobs import Jobs, phrase
from tests.search.official.plugin import GAPS, NOT_HERE, SKIPPED

SETTINGS = "SHOULD_LINEMERGE = false\nTIME_PREFIX = t=\nTIME_FORMAT = %s\nEVAL-doubled = 2*a\n"
MACROS = "[ones]\ndefinition = a=1\n[of(1)]\nargs = value\ndefinition = a=$value$\n"
WHERE = {"sourcetype": SOURCETYPE, "source": "s", "host": "h"}


@pytest.fixture
def known(tmp_path: Path) -> Knowledge:
    files = {
        "default/macros.conf": MACROS,
        "default/transforms.conf": "[acts]\nfilename = acts.csv\nmax_matches = 1\n",
        "lookups/acts.csv": "a,text\n1,one\n2,two\n",
        "default/savedsearches.conf": "[mine]\nsearch = `ones`\ncron_schedule = 1 2 * * *\n[empty]\ndescription = x\n",
    }
    return knowledge(tmp_path, SETTINGS, files)


@pytest.fixture
def collector(known: Knowledge) -> Iterator[Collector]:
    with Collector(known) as running:
        yield running


def send(collector: Collector, place: str, data: bytes, authorization: str = "Splunk made-up") -> int:
    address = urlsplit(collector.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        connection.request("POST", f"{address.path}/{place}", data, {"Authorization": authorization})
        return connection.getresponse().status
    finally:
        connection.close()


def test_raw_data_is_broken_and_timed_by_props_conf(collector: Collector) -> None:
    second = int(time.time()) - 100
    query = f"raw?sourcetype={SOURCETYPE}&source=%2Fvar%2Flog%2Fx&host=h&index=i"
    assert send(collector, query, f"t={second} a\nt={second + 1} b".encode()) == 200
    indexed = collector.events[0].indexed
    assert second < indexed <= time.time()
    assert collector.events == [
        Indexed(f"t={second} a", second, indexed, SOURCETYPE, "/var/log/x", "h", "i"),
        Indexed(f"t={second + 1} b", second + 1, indexed, SOURCETYPE, "/var/log/x", "h", "i"),
    ]


def test_events_are_taken_as_they_are_with_the_time_that_comes_along(collector: Collector) -> None:
    first = {**WHERE, "event": "t=5 a\nb", "time": 7.5, "index": "i"}
    before = time.time()
    body = json.dumps(first) + "\n" + json.dumps({**WHERE, "event": "c"})
    assert send(collector, "event", body.encode()) == 200
    one, other = collector.events
    assert one == Indexed("t=5 a\nb", 7.5, one.indexed, SOURCETYPE, "s", "h", "i")
    assert (other.raw, other.index) == ("c", "main")
    assert before <= other.time <= time.time()


@pytest.mark.parametrize(
    ("place", "body", "authorization"),
    [
        ("event", b"{}", "Splunk x"),
        ("event", b"[1]", "Splunk x"),
        ("event", json.dumps({**WHERE, "event": "a"}).encode(), "Basic x"),
        ("event", json.dumps({**WHERE, "event": {"a": 1}}).encode(), "Splunk x"),
        ("event", json.dumps({**WHERE, "event": "a", "unknown": 1}).encode(), "Splunk x"),
        ("raw", b"a", "Splunk x"),
        ("metrics", b"a", "Splunk x"),
    ],
)
def test_what_the_collector_does_not_know_is_refused(
    collector: Collector, place: str, body: bytes, authorization: str
) -> None:
    assert send(collector, place, body, authorization) == 400
    assert collector.events == []


def jobs(known: Knowledge, *raws: str, phrases: dict[str, str] | None = None) -> Jobs:
    events = [Indexed(raw, 1743500734 + number, 1743500740, index="main", **WHERE) for number, raw in enumerate(raws)]
    return Jobs(Searched(known, events, {"mine": "`ones`"}), list, phrases)


def found(jobs: Jobs, query: str) -> object:
    job = jobs.create(query, max_time=60, output_mode="json")
    job.wait(240)
    results = job.get_results(output_mode="json")
    assert len(results) == job.get_result_count()
    return results


def test_a_job_finds_what_the_simulator_finds(known: Knowledge) -> None:
    running = jobs(known, '{"a":1}', '{"a":2,"b":["x","y"]}')
    assert found(running, "search a=2 | table doubled, b{}, _time") == [
        {"doubled": "4", "b{}": ["x", "y"], "_time": "1743500735"}
    ]
    assert found(running, "\n  search index=main | stats count") == [{"count": "2"}]
    assert found(running, "| search a=3") == []


def test_a_search_may_use_the_apps_macros_tables_and_saved_searches(known: Knowledge) -> None:
    running = jobs(known, '{"a":1}', '{"a":2}')
    assert found(running, "search `ones` | table a") == [{"a": "1"}]
    assert found(running, "search `of(2)` | lookup acts a OUTPUT text | table text") == [{"text": "two"}]
    assert found(running, "| savedsearch mine | table a") == [{"a": "1"}]


def test_the_times_of_a_saved_search_limit_it(known: Knowledge) -> None:
    running = jobs(known, '{"a":1}', '{"a":2}')
    assert found(running, "search index=main earliest_time = 1743500735 latest_time = now | table a") == [{"a": "2"}]
    assert found(running, "search index=main earliest_time = -1h latest_time = now | table a") == []


def test_a_search_that_is_not_known_is_an_error(known: Knowledge) -> None:
    running = jobs(known, '{"a":1}')
    for query in ("search a=1 | frobnicate", "search `nowhere`", "a=1"):
        with pytest.raises(SplError):
            running.create(query)
    with pytest.raises(ValueError, match="adhoc"):
        running.create("search a=1", adhoc=True)


def test_an_event_can_be_named_by_its_whole_text(known: Knowledge) -> None:
    raws = ['{"a":1, "b":"x \\"y\\" \\\\z"}', '{"a":1, "b":"x"}']
    running = jobs(known, *raws, phrases={"escaped text": phrase(raws[0])})
    assert found(running, "search index=main escaped text | table _raw") == [{"_raw": raws[0]}]


def test_saved_searches_are_those_with_a_search(tmp_path: Path, known: Knowledge) -> None:
    assert saved_searches(tmp_path / "TA_made") == {"mine": "`ones`"}


def test_the_page_lists_what_is_skipped_and_what_is_left_out() -> None:
    page = (Path(__file__).parents[3] / "docs" / "search_tests.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| (.+) \|$", page.partition("These tests are skipped")[2], re.MULTILINE)
    listed = {(first.strip("`"), second) for first, second in rows if not set(first) <= {"-"}}
    internal = re.search(
        r'skip\(reason="(.*)"\)\n    def (\w+)', Path(__file__).with_name("addon.py").read_text("utf-8")
    )
    assert internal
    skipped = {*SKIPPED.items(), *NOT_HERE.items(), *GAPS.items(), (internal.group(2), internal.group(1))}
    heads = {("test", "why"), ("test that has to fail", "why"), ("events", "what the tool wants")}
    assert listed - heads == skipped | set(samples.LEFT_OUT)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    left_out = samples.write(folder)
    assert all(left_out.values())
    return folder


def test_every_sample_has_a_stanza_and_every_mark_a_token(written: Path) -> None:
    text = (written / "pytest-splunk-addon-data.conf").read_text(encoding="utf-8")
    stanzas = dict(
        zip(re.findall(r"^\[(.*)\]$", text, re.MULTILINE), re.split(r"^\[.*\]$", text, flags=re.MULTILINE)[1:])
    )
    files = sorted((written / "samples").iterdir())
    assert sorted(stanzas) == sorted(file.name.replace(".", "\\.") for file in files)
    for file in files:
        marks = set(re.findall(r"##\w+##", file.read_text(encoding="utf-8")))
        assert marks == set(re.findall(r"##\w+##", stanzas[file.name.replace(".", "\\.")]))


def test_samples_are_whole_events_of_every_kind_and_long_ones_among_them(written: Path) -> None:
    lines = (written / "samples" / "delivered.json").read_text(encoding="utf-8").split("\n")
    events = [json.loads(line) for line in lines]
    kinds = {event["EventType"] for event in events}
    assert {"ConnectionEvent", "IntrusionEvent", "FileEvent", "IntrusionPacket"} <= kinds
    assert sum(samples.is_long(line, event) for line, event in zip(lines, events)) >= 100


def test_what_is_expected_of_a_real_sample_is_wellformed_and_has_its_event(written: Path) -> None:
    for name in samples.EXPECTED:
        raw = etree.parse(str(written / "samples" / f"{name}.xml")).findtext("event/raw")
        assert json.loads(raw or "")["EventType"]
