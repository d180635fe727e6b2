"""Runs a search on splunkd with the session of the user whose request is served, and yields its results in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Problem, SessionRefused
from .management import Client, Refused, address_of
from .packet_download import MOST_SECONDS, Refusal, Run, Search
from .splunk import APP

EXPORT = "search/v2/jobs/export"

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of a line of results: a packet of the greatest length in hexadecimal has an eighth of that."""

_GATEWAY_TIMEOUT = 504


def exporting(request: Mapping[str, Any]) -> Run:
    """Return what runs searches for a request as splunkd's persistent handlers get it.

    The search runs as the user of the session, and ends when nobody reads its results any more. Raises ValueError where
    splunkd's own address in the request is none.
    """
    session = request.get("session") or {}
    token, user = session.get("authtoken"), session.get("user")
    uri = str(request["server"]["rest_uri"])
    address_of(uri)

    def run(search: Search) -> Iterator[bytes]:
        if not token or not user:
            raise Refusal(401, "Log in to Splunk.")
        form = {
            "search": search.query,
            "earliest_time": search.earliest,
            "latest_time": search.latest,
            "output_mode": "json",
            "preview": "0",
        }
        try:
            yield from Client(uri, token, APP, user, MOST_SECONDS).lines(EXPORT, form, LONGEST_LINE)
        except SessionRefused:
            raise Refusal(401, "splunkd no longer accepts the session. Log in again.") from None
        except Refused as refused:
            text = f"Splunk does not run the search. {refused.problem().text}"
            raise Refusal(refused.status, text) from None
        except Problem as problem:
            raise Refusal(_GATEWAY_TIMEOUT, f"The search did not come to its end. {problem.text}") from None

    return run
