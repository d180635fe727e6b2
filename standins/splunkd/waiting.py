"""Waiting for what inputs do."""

from __future__ import annotations

from .ledger import Ledger, LogLine, Run


class Waiting:
    """Waits for inputs, which are named by their stanzas.

    Raises BrokenRule at once when an input breaks a rule, and TimeoutError with the state of things after `timeout`
    seconds.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def for_events(self, stanza: str, n: int, timeout: float) -> None:
        """Wait until at least `n` events are in the index."""
        self._ledger.wait(lambda: self._ledger.count(stanza) >= n, timeout, f"{n} events of {stanza}")

    def for_process(self, stanza: str, not_pid: int, timeout: float) -> int:
        """Wait until the input runs in a process other than `not_pid`; return its process id."""

        def is_new() -> bool:
            return (self._ledger.pid(stanza) or not_pid) != not_pid

        self._ledger.wait(is_new, timeout, f"a new process of {stanza}")
        return self._ledger.pid(stanza) or 0

    def for_end(self, stanza: str, runs: int, timeout: float, *, strict: bool) -> Run:
        """Wait until that many processes have ended and were read to the end; return the last one.

        With `strict=False` a violation does not end the waiting.
        """

        def ended() -> list[Run]:
            return [run for run in self._ledger.runs(stanza) if run.ended]

        self._ledger.wait(lambda: len(ended()) >= runs, timeout, f"{runs} ends of {stanza}", strict=strict)
        return ended()[runs - 1]

    def for_log(self, stanza: str | None, text: str, timeout: float) -> LogLine:
        """Wait for a line of stderr that has `text` in it; return the first one."""

        def found() -> list[LogLine]:
            return [line for line in self._ledger.log(stanza, None) if text in line.text]

        self._ledger.wait(lambda: bool(found()), timeout, f"a line with {text!r} on stderr")
        return found()[0]
