"""How a splunkd begins and ends, once and again: its reader process, its REST API and its inputs with it."""

from __future__ import annotations

import threading
import time

from .apps import Apps
from .inputs import Inputs
from .ledger import Ledger
from .life import Life, StandInError
from .orphans import Orphans
from .rest import RestServer


class Lives:
    """Starts and stops splunkd in good order, or lets it die. Without `returns` a restart ends it and no more."""

    def __init__(self, inputs: Inputs, ledger: Ledger, apps: Apps, rest: RestServer) -> None:
        self._inputs = inputs
        self._ledger = ledger
        self._apps = apps
        self._rest = rest
        self._orphans = Orphans(ledger)
        self._restarting: threading.Thread | None = None
        self.returns = True

    def start(self) -> None:
        """Begin a life. Raises SchemeError for a broken kind of input."""
        if self._inputs.running:
            raise StandInError("splunkd runs already")
        self._apps.start()
        with self._inputs.lock:
            life = Life(self._ledger.hear)
            self._rest.come_up()
            self._inputs.begin(life)

    def stop(self) -> dict[str, float]:
        """End the life in good order; return how many seconds each running input took to leave, by stanza."""
        life = self._inputs.life
        with self._inputs.lock:
            left = self._inputs.stop()
            life.quit()
            self._inputs.forget_life()
        self._ledger.close_journals()
        return {stanza: took for stanza in left for took in [self._stop_took(stanza)] if took is not None}

    def restart(self) -> None:
        """Begin to stop and start again, in a thread of its own, since whoever asks is answered before."""
        self._restarting = threading.Thread(target=self._restart, name="splunkd restart", daemon=True)
        self._restarting.start()

    def wait_for_restart(self, timeout: float) -> None:
        """Wait until a restart that was begun is carried out. Raises TimeoutError."""
        if self._restarting is not None:
            self._restarting.join(timeout)
            if self._restarting.is_alive():
                raise TimeoutError(f"splunkd is not through with its restart after {timeout} s")

    def _restart(self) -> None:
        self._rest.go_down()
        self._apps.handlers.end()
        if self._inputs.running:
            self.stop()
        if self.returns:
            self.start()

    def kill(self, lose_last_seconds: float) -> int:
        """End the life as SIGKILL does; return how many events died with it."""
        life = self._inputs.life
        self._rest.go_down()
        self._apps.handlers.end()
        moment = time.monotonic()
        life.kill()
        self._inputs.forget_life()
        self._orphans.add(self._ledger.orphan_the_living(), moment)
        return self._ledger.close_journals(moment - lose_last_seconds if lose_last_seconds else None)

    def wait_for_orphans(self, timeout: float) -> None:
        """Wait until every input that outlived a killed splunkd has left. Raises TimeoutError."""
        self._orphans.wait(timeout)

    def close(self) -> None:
        """Stop what still runs, and see to it that no process is left."""
        self.wait_for_restart(60)
        try:
            if self._inputs.running:
                self.stop()
        finally:
            if self._inputs.running:
                self._inputs.life.quit()
                self._inputs.forget_life()
            self._rest.close()
            self._apps.handlers.end()
            self._orphans.end()

    def _stop_took(self, stanza: str) -> float | None:
        runs = self._ledger.runs(stanza)
        return runs[-1].stop_took if runs else None
