"""A day of the logs of three inputs, written by the real log: what the dashboard Health looks like."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standins.search import Indexed
from tests.alerts.internal import InputLog
from tests.logs import close_logs

DAY = 86400
STEP = 600
"""Seconds between two lines of figures, which a real input writes every minute."""

BUSIEST = 3
"""Hours from the busiest time of the day to the end."""


def log_events(now: float) -> list[Indexed]:
    """Return the lines of the day before `now`: of an input that is well, one that is slow, and one that fails."""
    with _splunk_home() as folder:
        logs = [InputLog(folder, name) for name in ("headquarters", "branch", "laboratory")]
        for log, tell in zip(logs, (_well, _slow, _failing)):
            tell(log, now)
        return [line for log in logs for line in log.events()]


@contextmanager
def _splunk_home() -> Iterator[Path]:
    before = os.environ.get("SPLUNK_HOME")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "var", "log", "splunk")
        folder.mkdir(parents=True)
        os.environ["SPLUNK_HOME"] = home
        try:
            yield folder
        finally:
            close_logs(folder)
            if before is None:
                del os.environ["SPLUNK_HOME"]
            else:
                os.environ["SPLUNK_HOME"] = before


def _times(now: float) -> Iterator[tuple[float, float]]:
    """Yield the times of lines of figures, and what share of the busiest hour's events comes then, 0 to 1."""
    for ago in range(DAY - 60, 0, -STEP):
        when = now - ago
        yield when, 0.15 + 0.85 * max(0.0, math.cos((ago / 3600 - BUSIEST) / 12 * math.pi))
    yield now - 30, 0.5


def _figures(log: InputLog, when: float, account: str, received: int, **changes: object) -> None:
    fields: dict[str, object] = {
        "account": account,
        "state": "connected",
        "connected_since": round(when - 5 * DAY),
        "received": received,
        "received_bytes": received * 1100,
        "written": received,
        "written_bytes": received * 1250,
        "dropped": 0,
        "dropped_bytes": 0,
        "duplicates": 0,
        "malformed": 0,
        "odd_times": 0,
        "event_types_added": 0,
        "bundle_gaps": 0,
        "unknown_messages": 0,
        "reconnects": 0,
        "blocked": 0.0,
        "lag": 1 if received else 90,
        "bookmark": round(when - 1),
        "client_certificate_expires": round(when + 200 * DAY),
        "server_certificate_expires": round(when + 900 * DAY),
    }
    log.say(when, "figures", **{**fields, **changes})


def _well(log: InputLog, now: float) -> None:
    for when, share in _times(now):
        received = round(90_000 * share)
        dropped = received // 5
        changes = {"written": received - dropped, "dropped": dropped, "dropped_bytes": dropped * 900}
        _figures(log, when, "fmc-hq", received, **changes, lag=2)
        log.say(when + 0.01, "dropped_by_rule", rule=1, events=dropped - 3, bytes=(dropped - 3) * 900)
        log.say(when + 0.02, "dropped_by_rule", rule=2, events=3, bytes=2700)


def _slow(log: InputLog, now: float) -> None:
    lost = now - 5 * 3600
    text = "192.0.2.20:8302 closed the connection. The connection is made again."
    log.say(lost - 40, "disconnected", code="tls_closed", problem=text, retry_in=0.8, retry_account="fmc-b1")
    text = "Nothing listens on port 8302 of fmc-b1.example.com. Is eStreamer enabled there?"
    log.say(lost - 30, "connection_failed", code="tls_refused", problem=text, retry_in=0, retry_account="fmc-b2")
    text = "The Management Center of the account 'fmc-b1' no longer serves: events come from that of 'fmc-b2'."
    hosts = {"account": "fmc-b2", "host": "fmc-b2.example.com", "previous_account": "fmc-b1"}
    log.say(lost - 20, "failover", **hosts, problem=text)
    text = "The server left bundles out, or began their numbers again. Compare the event counts of that time."
    log.say(lost + 900, "bundle_gap", expected=41, received=43, problem=text)
    for when, share in _times(now):
        account = "fmc-b1" if when < lost else "fmc-b2"
        since = round(now - 9 * DAY if when < lost else lost)
        received, behind = round(30_000 * share), when > lost and share > 0.6
        changes: dict[str, object] = {"connected_since": since, "lag": 1}
        if behind:
            changes.update({"lag": round(900 * share), "blocked": round(400 * (share - 0.5), 1)})
        if lost <= when < lost + STEP:
            changes.update(
                {"duplicates": 1840, "written": received - 1840, "reconnects": 2, "bundle_gaps": 1, "malformed": 3}
            )
        expires = round(now + (21.5 if account == "fmc-b2" else 160) * DAY)
        _figures(log, when, account, received, **changes, client_certificate_expires=expires)


def _failing(log: InputLog, now: float) -> None:
    text = "No answer from fmc-lab.example.com within 30 seconds. Is there a firewall on the way?"
    for when, _ in _times(now):
        log.say(when - 5, "connection_failed", code="tls_timeout", problem=text, retry_in=60, retry_account="fmc-lab")
        changes = {"state": "not connected", "connected_since": None, "lag": None, "reconnects": 1}
        _figures(log, when, "fmc-lab", 0, **changes, bookmark=0, client_certificate_expires=round(now + 5.5 * DAY))
