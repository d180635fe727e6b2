"""Runs a search on splunkd with the session of the user whose request is served, and yields its results in lines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from splunklib import binding

from .packet_download import MOST_SECONDS, Refusal, Run, Search
from .splunk import APP

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of a line of results: a packet of the greatest length in hexadecimal has an eighth of that."""


def exporting(request: Mapping[str, Any]) -> Run:
    """Return what runs searches for a request as splunkd's persistent handlers get it.

    The search runs as the user of the session, and ends when nobody reads its results any more.
    """
    session = request.get("session") or {}
    token, user = session.get("authtoken"), session.get("user")
    address = urlsplit(request["server"]["rest_uri"])

    def run(search: Search) -> Iterator[bytes]:
        if not token or not user:
            raise Refusal(401, "Log in to Splunk.")
        context = binding.Context(
            handler=binding.handler(timeout=MOST_SECONDS),
            scheme=address.scheme,
            host=address.hostname,
            port=address.port,
            token=token,
            owner=user,
            app=APP,
        )
        try:
            answer = context.post(
                "search/v2/jobs/export",
                search=search.query,
                earliest_time=search.earliest,
                latest_time=search.latest,
                output_mode="json",
                preview="0",
            )
            yield from _lines(answer.body)
        except binding.AuthenticationError:
            raise Refusal(401, "splunkd no longer accepts the session. Log in again.") from None
        except binding.HTTPError as error:
            raise Refusal(error.status, f"Splunk does not run the search (HTTP status {error.status}).") from None
        except OSError:
            raise Refusal(504, "splunkd did not answer the search in time, or broke it off.") from None

    return run


def _lines(body: Any) -> Iterator[bytes]:
    reader = io.BufferedReader(body)
    try:
        while line := reader.readline(LONGEST_LINE):
            yield line
    finally:
        body.close()
