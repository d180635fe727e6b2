"""In which style the server is asked: found out, remembered, or kept as it is set."""

from __future__ import annotations

from typing import cast

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.connection.problems import ConnectionLost, PeerClosed
from estreamer.errors import Problem
from estreamer.input.request_styles import RequestStyles
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import ServerError, Session

from standins.fmc.behaviour import Behaviour
from standins.fmc.raw_messages import event, message
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


class Kept:
    """A bookmark that keeps styles and nothing else."""

    def __init__(self) -> None:
        self.styles: dict[str, str] = {}

    def style(self, account: str) -> str | None:
        return self.styles.get(account)

    def remember_style(self, account: str, style: str) -> None:
        self.styles[account] = style


@pytest.mark.parametrize(
    ("arrived", "problem", "then"),
    [
        (b"", PeerClosed("tls_closed", "It closed."), "second"),
        (b"", ConnectionLost("tls_lost", "It is lost."), "first"),
        (message(0), PeerClosed("tls_closed", "It closed."), "first"),
        (message(0), ServerError("server_error", "No."), "second"),
        (event(b"{}"), ServerError("server_error", "No."), "first"),
    ],
    ids=["no answer", "network lost", "ended after an answer", "error", "error after events"],
)
def test_the_next_style_is_tried_after_an_error_or_no_answer_at_all(arrived: bytes, problem: Problem, then: str):
    styles = RequestStyles("auto", ("first", "second", "third"), cast(Bookmark, Kept()))
    session = Session(FullyQualified(b"{}", 0), 0.0)
    session.receive(arrived, 1.0)
    assert styles.of("fmc") == "first"
    styles.ended("fmc", "first", session, problem)
    assert (styles.of("fmc"), styles.of("other")) == (then, "first")


def test_after_the_last_style_comes_the_first_and_one_that_worked_is_kept():
    kept = Kept()
    styles = RequestStyles("auto", ("first", "second"), cast(Bookmark, kept))
    for tried in ("first", "second"):
        assert styles.of("fmc") == tried
        styles.ended("fmc", tried, Session(FullyQualified(b"{}", 0), 0.0), ServerError("server_error", "No."))
    assert styles.of("fmc") == "first"
    styles.worked("fmc", "second")
    assert RequestStyles("auto", ("first", "second"), cast(Bookmark, kept)).of("fmc") == "second"
