"""In which style the server is asked: found out, remembered, or kept as it is set."""

from __future__ import annotations

import pytest

from standins.fmc.behaviour import Behaviour
from tests.input.harness import Make, archive_of, payloads_of

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.mark.parametrize("refusal", ["error", "close"])
def test_auto_finds_the_request_style_that_works_and_remembers_it(make: Make, refusal: str):
    archive = archive_of(50)
    under_test = make(archive, Behaviour(requests="two-step", refusal=refusal))
    assert under_test.run_for(50) == payloads_of(archive)
    assert [line["request_style"] for line in under_test.log.fields_of("connected")] == ["single", "two-step"]
    under_test.run(lambda running: running.wait_for_log("connected", 3))
    assert under_test.log.fields_of("connected")[-1]["request_style"] == "two-step"


@pytest.mark.parametrize("style", ["single", "two-step"])
def test_a_request_style_that_is_set_is_kept(make: Make, style: str):
    other = "two-step" if style == "single" else "single"
    under_test = make(archive_of(5), Behaviour(requests=other), request_style=style)
    under_test.run(lambda running: running.wait_for_log("connected", 3))
    assert {line["request_style"] for line in under_test.log.fields_of("connected")} == {style}
