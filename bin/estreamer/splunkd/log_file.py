"""Log files in Splunk's log folder, in the format of solnlib, and splunkd's own log by way of stderr.

solnlib itself is not imported: it imports REST clients, which take a quarter of a first start.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar
from urllib.parse import quote

from .. import printable
from .names import LOG_NAME
from .rotating_file import RotatingFile

LONGEST_VALUE = 8000
"""Characters of one value in a log line, of which the middle is left out: Splunk cuts its own logs' lines at 10,000."""

LARGEST_FILE = 25_000_000
"""Bytes of a log file, after which the next one begins: that of solnlib, as of all add-ons that are made with it."""

FORMER_FILES = 5
"""How many full log files are kept in addition to the one that is written."""

FORMAT = (
    "%(asctime)s log_level=%(levelname)s pid=%(process)d tid=%(threadName)s "
    "file=%(filename)s:%(funcName)s:%(lineno)d | %(message)s"
)
"""A line as solnlib writes it."""

_FRAMES_TO_CALLER = 3
"""How far above `SplunkLog._write` a line is asked for, as `logging` counts: over `info` and its like."""


class SplunkLog:
    """The log file of one input, in Splunk's log folder: lines of `action=<event> input=<stanza> <field>=<value> …`.

    A folder that cannot be written to is complained about; then lines go to stderr, which splunkd copies into its own
    log. `stanza` is `estreamer_fqe://<name>`.
    """

    def __init__(self, stanza: str) -> None:
        self._stanza = stanza
        self._index = "default"
        self._account: str | None = None
        self._host: str | None = None
        self._frames_between = 0
        self._logger = _logger(f"{LOG_NAME}_{quote(stanza.partition('://')[2], safe='')}")

    def passed_on(self) -> SplunkLog:
        """Return the same log, for one whose methods of the same names do nothing else but pass lines on."""
        passing = copy.copy(self)
        passing._frames_between += 1
        return passing

    def set_level(self, level: str) -> None:
        """Log only what is at least of this level."""
        self._logger.setLevel(level)

    def describe(self, index: str) -> None:
        """Set the index that events go to, for the lines about ingested events."""
        self._index = index

    def debug(self, event: str, **fields: object) -> None:
        """Log what helps to find out why."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log a change of state, or figures."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log what somebody should look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log what keeps the input from its work."""
        self._write(logging.ERROR, event, fields)

    def events_ingested(self, count: int, size: int) -> None:
        """Log how many events splunkd was given, in the form that the add-on's monitoring dashboard reads.

        They are said to be of the account and host of the last `connected`.
        """
        from ..outputs.splunkd_pipe import SOURCETYPE  # noqa: PLC0415 - a check of arguments needs no output

        said = {
            "action": "events_ingested",
            "modular_input_name": self._stanza,
            "sourcetype_ingested": SOURCETYPE,
            "n_events": count,
            "event_input": self._stanza.rpartition("/")[2],
            "event_index": self._index,
            "event_account": self._account,
            "event_host": self._host,
        }
        line = " ".join(f"{name}={value}" for name, value in said.items() if value is not None)
        # One frame less than `_write`, which is called by another method.
        self._logger.info("%s", line, stacklevel=_FRAMES_TO_CALLER - 1 + self._frames_between)

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if event == "connected":
            self._account, self._host = _shown(fields.get("account")), _shown(fields.get("host"))
        shown = [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
        line = " ".join([f"action={event}", f"input={_shown(self._stanza)}", *shown])
        self._logger.log(level, "%s", line, stacklevel=_FRAMES_TO_CALLER + self._frames_between)


def _logger(name: str) -> logging.Logger:
    try:
        return logger_of_file(name)
    except (KeyError, OSError) as error:
        complain(f"The log file {name}.log cannot be written ({type(error).__name__}): log lines follow here.")
        return _logger_to_stderr(name)


def logger_of_file(name: str) -> logging.Logger:
    """Return what logs to the file `<name>.log` in Splunk's log folder, from INFO on.

    Raises KeyError without a SPLUNK_HOME, OSError for a file that cannot be written.
    """
    path = os.path.join(os.environ["SPLUNK_HOME"], "var", "log", "splunk", f"{name}.log")
    # Under the name that solnlib gives it, so that a handler which solnlib has made for this file is not doubled.
    logger = logging.getLogger(path)
    if not logger.handlers:
        handler = RotatingFile(path, LARGEST_FILE, FORMER_FILES)
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger


def log_failure(name: str, kind: str, trace: str) -> None:
    """Log where something failed to the log file `name`, as file:line pairs taken from the text of a traceback.

    The text of an exception and lines of source are left out: they may quote what was sent, secrets included.
    """
    found = re.findall(r'File "([^"]*)", line ([0-9]+)', trace)
    places = [f"{path.replace(chr(92), '/').rpartition('/')[2]}:{line}" for path, line in found]
    # A log that cannot be written does not change the answer.
    with suppress(KeyError, OSError):
        logger_of_file(name).error('action=unexpected_error error=%s at="%s"', kind, " ".join(places))


def _logger_to_stderr(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SplunkdFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    return logger


class _SplunkdFormatter(logging.Formatter):
    """Lines as splunkd takes them from stderr, with its own names of the levels."""

    _LEVELS: ClassVar = {"WARNING": "WARN", "CRITICAL": "FATAL"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"{self._LEVELS.get(record.levelname, record.levelname)} {record.getMessage()}"


_PLAIN = re.compile(r"[\w.:/+@%-]+\Z", re.ASCII)


def _shown(value: object) -> str:
    """Return a value as it stands in a log line: whatever it holds, it forges neither a line nor a field."""
    # Cut before it is quoted: a cut behind a backslash would make the quote that follows it end the value.
    text = printable.shortened(str(value), LONGEST_VALUE + len(printable.GAP))
    if _PLAIN.match(text):
        return text
    return '"' + printable.escaped(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def complain(text: str, code: int = 1) -> int:
    """Write a line to stderr that splunkd takes into its own log; return the exit code."""
    sys.stderr.write(f"ERROR {printable.line(text.strip(), LONGEST_VALUE)}\n")
    return code
