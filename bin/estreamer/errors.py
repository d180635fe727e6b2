"""What can go wrong, in a form that a log search and a person can both use."""

from __future__ import annotations


class Problem(Exception):
    """Something a person has to know about, or mend.

    `code` is a stable lower-case slug to search the log by (`tls_untrusted`); `text` is a sentence that says
    what is wrong and what to do. Neither ever holds a secret.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Stop(Exception):
    """The process was asked to stop while it waited."""


class SessionRefused(Exception):
    """splunkd no longer takes the session key. It gives a new one only to a new process."""
