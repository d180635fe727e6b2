"""The tests that pytest-splunk-addon makes for the add-on, run by `tools/official_tests.sh`.

The tool believes that it talks to Splunk: its events go to a collector on loopback, which indexes them by the add-on's
props.conf, and its searches are answered from there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_splunk_addon.event_ingestors import IngestorHelper
from pytest_splunk_addon.sample_generation import SampleXdistGenerator
from pytest_splunk_addon.standard_lib.addon_basic import Basic
from pytest_splunk_addon.utilities.xml_event_parser import escape_char_event
from splunksplwrapper.manager.jobs.results import Results
from splunksplwrapper.SearchUtil import SearchUtil

from standins.search.indexing import Indexed
from standins.search.knowledge import Knowledge
from standins.search.searched import Searched, saved_searches
from standins.search.snippets import app_with_snippet
from tests.search.official.hec import Collector
from tests.search.official.jobs import Jobs, phrase


class TestAddon(Basic):
    """All tests of the tool; those that make no sense without a real Splunk are skipped by name."""

    @pytest.mark.skip(reason="looks for errors in the logs of a real splunkd, which these tests do not have")
    def test_splunk_internal_errors(self) -> None:
        """Skip the test of that name."""


@pytest.fixture(scope="session")
def knowledge(request: pytest.FixtureRequest) -> Knowledge:
    """What the add-on's conf files say, and the settings that the documentation has for events that others bring."""
    app = Path(request.config.getoption("splunk_app"))
    return Knowledge.read(app, app_with_snippet(Path.cwd() / "apps of a user"))


@pytest.fixture(scope="session")
def splunk_ingest_data(request: pytest.FixtureRequest, knowledge: Knowledge) -> Iterator[list[Indexed]]:
    """The events that the tool has made and sent."""
    with Collector(knowledge) as collector:
        IngestorHelper.ingest_events(
            {"splunk_hec_uri": collector.url, "session_headers": {"Authorization": "Splunk made-up"}},
            request.config.getoption("splunk_app"),
            request.config.getoption("splunk_data_generator"),
            thread_count=1,
            store_events=False,
        )
        yield collector.events


@pytest.fixture(scope="session")
def splunk_search_util(
    request: pytest.FixtureRequest, knowledge: Knowledge, splunk_ingest_data: list[Indexed]
) -> SearchUtil:
    """The tool's own helper for searches, with the simulator behind it."""
    app = Path(request.config.getoption("splunk_app"))
    generator = SampleXdistGenerator(str(app), False, request.config.getoption("splunk_data_generator"))
    expected = [one for one in generator.get_samples(False)["tokenized_events"] if one.requirement_test_data]
    data = Searched(knowledge, splunk_ingest_data, saved_searches(app))
    phrases = {escape_char_event(one.event): phrase(one.event) for one in expected}
    util = SearchUtil(Jobs(data, Results, phrases), logging.getLogger("pytest-splunk-addon"))
    util.search_index = request.config.getoption("search_index")
    util.search_retry = 0
    util.search_interval = 0
    return util


@pytest.fixture(scope="session")
def splunk_setup() -> None:
    """Nothing to prepare: the add-on needs no setup before its events are searched."""
