"""What can go wrong, in a form that a log search and a person can both use."""

from __future__ import annotations

from . import printable


class Problem(Exception):
    """Something that a person has to know about or repair.

    `code` is a stable lower-case slug to search the log by (`tls_untrusted`); `text` is a sentence that says
    what is wrong and what to do. Neither ever holds a secret. A text may quote what came from elsewhere: it is kept as
    one printable line of bounded length (`printable`), whoever shows it.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = printable.line(text)
        super().__init__(self.text)


class Stop(Exception):
    """The process was asked to stop while it waited."""


class SessionRefused(Exception):
    """splunkd no longer takes the session key. It gives a new one only to a new process."""
