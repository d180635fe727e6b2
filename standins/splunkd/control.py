"""server/control: restarting splunkd by REST."""

from __future__ import annotations

from collections.abc import Callable

from .endpoints import Arguments, ReadOnly, get
from .replies import Entry, RestProblem


class Control(ReadOnly):
    """server/control, of which `restart` is played: `restart()` begins it, and the request is answered before."""

    path = "server/control"

    def __init__(self, restart: Callable[[], None]) -> None:
        self._restart = restart

    def entries(self, app: str) -> list[Entry]:
        return [Entry("restart")]

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        entry = get(self, app, name)
        if arguments:
            raise RestProblem(400, f"a restart takes no arguments, not {sorted(arguments)}")
        self._restart()
        return entry
