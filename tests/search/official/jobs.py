"""Search jobs as splunksplwrapper knows them, run by the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Union

from standins.search import spl

Shown = dict[str, Union[str, "list[str]"]]

_OPTIONS = {"max_time", "output_mode", "auto_finalize_ec"}
"""Options of a job that do not change what is found."""

_TIMES = re.compile(r"\bearliest_time = (\S+) latest_time = (\S+)")


class Job:
    """A search that has run to its end."""

    def __init__(self, rows: list[Shown], make_results: Callable[[list[Shown]], Any]) -> None:
        self._rows = rows
        self._make_results = make_results

    def wait(self, _seconds: float | None = None) -> None:
        """Return at once: the search has run."""

    def get_results(self, *, output_mode: str = "json", offset: int = 0, count: int = 0) -> Any:
        """Return the rows from `offset` on, all of them when `count` is 0."""
        if output_mode != "json":
            raise ValueError(f"results are not made as {output_mode}")
        return self._make_results(self._rows[offset : offset + count] if count else self._rows[offset:])

    def get_result_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def get_messages(self) -> list[str]:
        """Return no messages: what a search does not know is an error here."""
        return []


class Jobs:
    """Runs searches over `data`. Raises spl.SplError for one that it does not know.

    Searches come as to Splunk's REST interface: each begins with a command. `phrases` are texts by which searches name
    an event, and what stands for them in the search language.
    """

    def __init__(
        self, data: spl.Data, make_results: Callable[[list[Shown]], Any], phrases: Mapping[str, str] | None = None
    ) -> None:
        self._data = data
        self._make_results = make_results
        self._phrases = dict(phrases or {})

    def create(self, query: str, **options: Any) -> Job:
        """Run a search."""
        unknown = options.keys() - _OPTIONS
        if unknown:
            raise ValueError(f"options of a job that are not known: {sorted(unknown)}")
        search = query.strip()
        # How the tool writes the times of a saved search into it. Its own tests show that Splunk takes these words for
        # earliest and latest; the Search Reference does not know them.
        search = _TIMES.sub(r"earliest=\1 latest=\2", search)
        for text, phrase in self._phrases.items():
            search = search.replace(text, phrase)
        found = spl.run(search if search.startswith("|") else f"| {search}", self._data)
        return Job([shown(row) for row in found.rows], self._make_results)


def shown(row: Mapping[str, Any]) -> Shown:
    """Return a row as Splunk's results in JSON have it: texts, and lists of texts for multivalue fields."""
    return {
        name: [str(one) for one in value] if isinstance(value, tuple) else str(value) for name, value in row.items()
    }


def phrase(raw: str) -> str:
    """Return the search for an event by its whole text."""
    escaped = raw.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
