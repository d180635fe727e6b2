"""The answers of Splunk Web, and its refusals."""

from __future__ import annotations

from dataclasses import dataclass

LOCALE = "en-US"
"""The first part of every path that Splunk Web serves."""


@dataclass(frozen=True)
class Reply:
    """An answer; `kind` is its content type."""

    status: int
    body: bytes = b""
    kind: str = "text/html; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """A request that Splunk Web does not carry out."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
