"""The log file of an input in Splunk's log folder, and splunkd's own log by way of stderr.

The libraries are imported where they are used: see `documents`.
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

LONGEST_VALUE = 8000
"""Characters of one value in a log line, of which the middle is left out: Splunk cuts its own logs' lines at 10,000."""


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
        from solnlib.log import events_ingested  # noqa: PLC0415 - see the head of the module

        from ..outputs.splunkd_pipe import SOURCETYPE  # noqa: PLC0415

        events_ingested(
            self._logger, self._stanza, SOURCETYPE, count, self._index, account=self._account, host=self._host
        )

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if event == "connected":
            self._account, self._host = _shown(fields.get("account")), _shown(fields.get("host"))
        shown = [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
        line = " ".join([f"action={event}", f"input={_shown(self._stanza)}", *shown])
        self._logger.log(level, "%s", line, stacklevel=_FRAMES_TO_CALLER + self._frames_between)


def _logger(name: str) -> logging.Logger:
    from solnlib.log import Logs  # noqa: PLC0415 - see the head of the module

    try:
        Logs.set_context(directory=os.path.join(os.environ["SPLUNK_HOME"], "var", "log", "splunk"))
        logger: logging.Logger = Logs().get_logger(name)
    except (KeyError, OSError) as error:
        complain(f"The log file {name}.log cannot be written ({type(error).__name__}): log lines follow here.")
        return _logger_to_stderr(name)
    for handler in logger.handlers:
        # solnlib opens it in the encoding of the locale, which need not have every character; it opens again by itself.
        handler.close()
        handler.encoding, handler.errors = "utf-8", "backslashreplace"  # type: ignore[attr-defined]
    return logger


def log_failure(name: str, kind: str, trace: str) -> None:
    """Log where something failed to the log file `name`, as file:line pairs taken from the text of a traceback.

    The text of an exception and lines of source are left out: they may quote what was sent, secrets included.
    """
    from solnlib.log import Logs  # noqa: PLC0415 - see the head of the module

    found = re.findall(r'File "([^"]*)", line ([0-9]+)', trace)
    places = [f"{path.replace(chr(92), '/').rpartition('/')[2]}:{line}" for path, line in found]
    # A log that cannot be written does not change the answer.
    with suppress(OSError):
        Logs().get_logger(name).error('action=unexpected_error error=%s at="%s"', kind, " ".join(places))


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
