"""The input's log as `_internal` has it: lines that the real log has written, at times that a test chooses."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from estreamer.splunk import SplunkLog

from tests.searchtime import Indexed, Knowledge
from tests.searchtime.evals.times import relative
from tests.searchtime.searched import Searched
from tests.searchtime.spl import Result, Row, run

FORWARDER = "hf1"
"""The Splunk server that the input runs on."""

Stanza = Mapping[str, str]


class InputLog:
    """The log file of one input. It needs SPLUNK_HOME, and the folder var/log/splunk there."""

    def __init__(self, folder: Path, name: str = "main") -> None:
        self._log = SplunkLog(f"estreamer_fqe://{name}")
        self._log.set_level("DEBUG")
        self._times: list[float] = []
        self.path = folder / f"ta_secure_firewall_estreamer_estreamer_fqe_{name}.log"

    def say(self, when: float, event: str, **fields: object) -> None:
        """Have a line written that is of this time, in seconds since 1970."""
        self._log.info(event, **fields)
        self._times.append(when)

    def rows(self) -> list[Row]:
        """Return the lines as a search finds them, with no field but those that every event has."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [row_of(self.path, line, when) for when, line in zip(self._times, lines)]


def row_of(path: Path, line: str, when: float) -> Row:
    """Return a line of a log file in `_internal`, indexed a second after it was written."""
    own = {"source": f"/opt/splunk/var/log/splunk/{path.name}", "sourcetype": path.stem, "host": FORWARDER}
    return {"_raw": line, "_time": when, "_indextime": when + 1, "index": "_internal", **own}


def close_logs(folder: Path) -> None:
    """Close what SplunkLog has opened in a folder."""
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.startswith(str(folder)) and isinstance(logger, logging.Logger):
            for handler in logger.handlers[:]:
                logger.removeHandler(handler)
                handler.close()


class Index(Searched):
    """Events of Management Centers, and log lines; of both only what was indexed within the bounds, if there are any.

    The bounds are seconds since 1970; the first is included.
    """

    def __init__(self, knowledge: Knowledge, events: Iterable[Indexed] = (), lines: Iterable[Row] = ()) -> None:
        super().__init__(knowledge, events)
        self._lines = list(lines)
        self.indexed_from = float("-inf")
        self.indexed_before = float("inf")

    def events(self) -> Iterator[Row]:
        """Yield all events, each a row of its own."""
        for row in (*super().events(), *map(dict, self._lines)):
            if self.indexed_from <= float(str(row["_indextime"])) < self.indexed_before:
                yield row


def dispatch(stanza: Stanza, index: Index, now: float) -> Result:
    """Run a saved search as the scheduler does at a time, over its spans of event time and of index time."""

    def moment(key: str, otherwise: float) -> float:
        return relative(now, stanza[key]) if key in stanza else otherwise

    index.indexed_from = moment("dispatch.index_earliest", float("-inf"))
    index.indexed_before = moment("dispatch.index_latest", float("inf"))
    earliest, latest = moment("dispatch.earliest_time", 0), moment("dispatch.latest_time", now)
    return run(stanza["search"], index, earliest=earliest, latest=latest, now=now)
