"""A strict stand-in for splunkd: what it does for a modular input and for an add-on's REST handlers.

It exists to test against, where no Splunk can be had. It models what Splunk's documentation states, and refuses
what the documentation leaves open. `Splunkd` is where to start.
"""

from __future__ import annotations

from .install import App
from .ledger import BrokenRule, LogLine, Run, Violation
from .life import StandInError
from .management import Answer
from .scheme import SchemeError
from .splunkd import Splunkd
from .stream import Event, StreamError, StreamParser, digest, number
from .unpacking import InstallError

__all__ = [
    "Answer",
    "App",
    "BrokenRule",
    "Event",
    "InstallError",
    "LogLine",
    "Run",
    "SchemeError",
    "Splunkd",
    "StandInError",
    "StreamError",
    "StreamParser",
    "Violation",
    "digest",
    "number",
]
