"""Runs a search on splunkd with the session of the user whose request is served, and yields its rows.

The search is a job: only a job shows whether it has finished, and only a job can be canceled. It is canceled
whatever happens, also when all of its rows were read, so that nothing of it stays on splunkd. Should the request to
cancel not arrive, splunkd ends the job by itself (`auto_cancel`). Sources: Splunk's REST API Reference, Search
endpoints, for the paths, the parameters and the content of a job.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import printable
from ..clock import CLOCK, Clock
from ..errors import Problem, SessionRefused
from ..packets.download import MOST_PACKETS, SEARCH_SECONDS, Refusal, Row, Run, Search
from .client import Client, Refused, address_of, named
from .names import APP

JOBS = "search/v2/jobs"

CANCEL_SECONDS = 2.0
"""How long splunkd has to take the request to cancel: the answer to the user waits for it."""

SHORTEST_REQUEST = 1.0
"""Seconds that a request has at least, when the time is about to end."""

IDLE_SECONDS = 30
"""After so many seconds in which nobody asks for a job, splunkd cancels it."""

KEPT_SECONDS = 60
"""How long splunkd keeps the rows of a job that is done."""

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of a line of results: a packet of the greatest length in hexadecimal has an eighth of that."""

LONGEST_REASON = 1000
"""Characters of splunkd's own messages that are passed on."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two questions for the state of a job: each pause is half as long again as the one before."""


def searching(request: Mapping[str, Any], clock: Clock = CLOCK) -> Run:
    """Return what runs searches for a request as splunkd's persistent handlers get it.

    The search runs as the user of the session. Raises ValueError where
    splunkd's own address in the request is not an address.
    """
    session = request.get("session") or {}
    token, user = session.get("authtoken"), session.get("user")
    uri = str(request["server"]["rest_uri"])
    address_of(uri)

    def run(search: Search, deadline: float) -> Generator[Row, None, None]:
        if not token or not user:
            raise Refusal(401, "Log in to Splunk.")
        splunkd = Splunkd(uri, token, user, deadline, clock)
        try:
            yield from _rows(search, splunkd)
        except OutOfTime as late:
            raise Refusal(504, too_slow(late.canceled)) from None
        except SessionRefused:
            raise Refusal(401, "splunkd no longer accepts the session. Log in again.") from None
        except Refused as refused:
            text = f"Splunk does not run the search. {refused.problem().text}"
            raise Refusal(refused.status, text) from None
        except Problem as problem:
            raise Refusal(504, f"The search did not finish. {problem.text}") from None

    return run


class OutOfTime(Exception):
    """The time in which a search has to be done is over; `canceled` says whether splunkd has ended the search."""

    canceled = False


@dataclass(frozen=True)
class Splunkd:
    """splunkd as a user asks it until `deadline`, in monotonic seconds of `clock`."""

    uri: str
    token: str
    user: str
    deadline: float
    clock: Clock

    def left(self) -> float:
        """Return how many seconds are left. Raises OutOfTime."""
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            raise OutOfTime
        return left

    def client(self) -> Client:
        """Return a client for a request that ends about when the time does. Raises OutOfTime."""
        return Client(self.uri, self.token, APP, self.user, max(self.left(), SHORTEST_REQUEST))

    def cancel(self, job: str) -> bool:
        """Have splunkd end a job and forget it; return whether it does."""
        try:
            client = Client(self.uri, self.token, APP, self.user, CANCEL_SECONDS)
            client.post(f"{job}/control", {"action": "cancel"})
        except Refused as refused:
            # It is gone already.
            return refused.status == 404
        except (Problem, SessionRefused):
            return False
        return True


def _rows(search: Search, splunkd: Splunkd) -> Generator[Row, None, None]:
    """Run a search as a job and yield its rows; cancel the job in the end. Raises Refusal for one without an end."""
    job = _begin(search, splunkd.client())
    canceled = False
    try:
        try:
            yield from _read(job, _finish(job, splunkd), splunkd)
        finally:
            canceled = splunkd.cancel(job)
    except OutOfTime as late:
        late.canceled = canceled
        raise


def too_slow(canceled: bool) -> str:
    """Return the sentence for a search that took too long; `canceled` says whether splunkd has ended it."""
    how = "was canceled" if canceled else f"ends on splunkd within {IDLE_SECONDS} seconds"
    return (
        f"The search for the packets took more than {SEARCH_SECONDS:.0f} seconds and {how}, since Splunk Web waits no "
        "longer for an answer. No file was made. Choose a shorter time range, or name a "
        "connection (flow) or a host (address)."
    )


def _begin(search: Search, client: Client) -> str:
    """Have splunkd begin a job and return its path."""
    form = {
        "search": search.query,
        "earliest_time": search.earliest,
        "latest_time": search.latest,
        "exec_mode": "normal",
        # Of a job, splunkd keeps so many rows; it keeps 10,000 unless the search says otherwise.
        "max_count": str(MOST_PACKETS + 1),
        "auto_cancel": str(IDLE_SECONDS),
        "timeout": str(KEPT_SECONDS),
    }
    sid = client.made(JOBS, form).get("sid")
    if not isinstance(sid, str) or not sid or len(sid) > 1000:
        raise Refusal(502, "Splunk's answer to the search is not understood.")
    return named(JOBS, sid)


def _finish(job: str, splunkd: Splunkd) -> int:
    """Wait until a job is done and return how many rows it has. Raises Refusal for one that failed, or was cut."""
    pause = FIRST_PAUSE
    while True:
        content = splunkd.client().content(job)
        count = None if content is None else _count(content)
        if count is not None:
            return count
        splunkd.clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _count(content: Mapping[str, Any]) -> int | None:
    """Return how many rows a job has, by its content; None for one that is not done. Raises Refusal."""
    bad = _messages(content)
    if bad or _true(content, "isFailed") or _true(content, "isZombie") or content.get("dispatchState") == "FAILED":
        raise Refusal(502, f"Splunk could not run the search: {bad or 'it does not say why.'}")
    if not _true(content, "isDone"):
        return None
    count = content.get("resultCount")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise Refusal(502, "Splunk's answer to the search is not understood.")
    # With too many packets the search may end early by itself; their number is known when they are read.
    if _true(content, "isFinalized") and count <= MOST_PACKETS:
        raise Refusal(502, "The search was ended before it was done, so packets may be missing. Ask again.")
    return count


def _messages(content: Mapping[str, Any]) -> str:
    """Return what splunkd says of an error in a search, in a printable line, "" without one."""
    messages = content.get("messages")
    try:
        bad = [str(one.get("text")) for one in messages or [] if one.get("type") in ("ERROR", "FATAL")]
    except (AttributeError, TypeError):
        raise Refusal(502, "Splunk's answer to the search is not understood.") from None
    return printable.line(" ".join(bad), LONGEST_REASON)


def _true(content: Mapping[str, Any], name: str) -> bool:
    return content.get(name) in (True, 1, "1", "true")


def _read(job: str, count: int, splunkd: Splunkd) -> Iterator[Row]:
    """Yield the rows of a job that is done, which are to be `count`. Raises Refusal where one is missing."""
    csv.field_size_limit(LONGEST_LINE)
    asked = {"output_mode": "csv", "count": "0"}
    # Results in JSON are one document, which would have to be held completely; CSV is read row by row.
    answer = splunkd.client().lines(f"{job}/results", asked, LONGEST_LINE)
    lines = (line.decode("utf-8", "replace") for line in answer)
    rows = csv.DictReader(lines, restkey="", restval="")
    seen = 0
    try:
        for row in rows:
            splunkd.left()
            seen += 1
            yield row
    except csv.Error:
        raise Refusal(502, "Splunk's answer to the search is not understood.") from None
    if seen != count:
        raise Refusal(502, f"Splunk gave {seen} of {count} packets. No file was made, since packets would be missing.")
