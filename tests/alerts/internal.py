"""The input's log as `_internal` has it: lines that the real log has written, at times that a test chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from estreamer.splunkd.log_file import SplunkLog

from standins.search import Indexed, Knowledge
from standins.search.evals.times import relative
from standins.search.searched import Searched
from standins.search.spl import Result, Row, run

SOURCETYPE = "cisco:sfw:estreamer:log"
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

    def events(self) -> list[Indexed]:
        """Return the lines as they lie in the index."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [line_of(self.path, line, when) for when, line in zip(self._times, lines)]


def line_of(path: Path, line: str, when: float) -> Indexed:
    """Return a line of a log file in `_internal`, indexed a second after it was written."""
    return Indexed(line, when, when + 1, SOURCETYPE, f"/opt/splunk/var/log/splunk/{path.name}", FORWARDER, "_internal")


class Index(Searched):
    """Events and log lines, of which a search finds those that were indexed within the bounds (seconds since 1970).

    Log lines have no field but those that every event has: the searches are not to need what the sourcetype's own
    extraction finds, since lines that were indexed by an earlier version have another sourcetype.
    """

    def __init__(
        self, knowledge: Knowledge, events: Iterable[Indexed], searches: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(knowledge, events, searches)
        self.indexed_from = float("-inf")
        self.indexed_before = float("inf")

    def add(self, events: Iterable[Indexed]) -> None:
        """Take further events and lines into the index."""
        found = list(events)
        super().add(one for one in found if one.index != "_internal")
        self._rows += [_row(one) for one in found if one.index == "_internal"]

    def events(self) -> Iterator[Row]:
        """Yield all events, each a row of its own."""
        for row in super().events():
            if self.indexed_from <= float(str(row["_indextime"])) < self.indexed_before:
                yield row


def _row(line: Indexed) -> Row:
    own = {"host": line.host, "source": line.source, "sourcetype": line.sourcetype, "index": line.index}
    return {"_raw": line.raw, "_time": line.time, "_indextime": line.indexed, **own}


def dispatch(stanza: Stanza, index: Index, now: float) -> Result:
    """Run a saved search as the scheduler does at a time, over its spans of event time and of index time."""

    def moment(key: str, otherwise: float) -> float:
        return relative(now, stanza[key]) if key in stanza else otherwise

    index.indexed_from = moment("dispatch.index_earliest", float("-inf"))
    index.indexed_before = moment("dispatch.index_latest", float("inf"))
    earliest, latest = moment("dispatch.earliest_time", 0), moment("dispatch.latest_time", now)
    return run(stanza["search"], index, earliest=earliest, latest=latest, now=now)
