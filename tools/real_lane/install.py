"""The package into Splunk, and Splunk restarted with it.

`splunk install app` would want the password among its arguments, where every user of the machine can read it: the same
is asked of the management port, which takes a path on splunkd's machine.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from environment import StepFailure

from .client import APP, Management, Refused, Unreachable


def install(management: Management, package: str) -> str:
    """Have splunkd install a package, or upgrade to it; return the version that is there then."""
    try:
        management.ask("POST", "/apps/local", {"name": package, "filename": "true", "update": "true"})
    except Refused as refused:
        raise StepFailure(
            f"The package was not installed. {refused} splunkd reads {package} on its own machine; --package-there "
            "says where it finds the file."
        ) from None
    version = management.entries("/apps/local").get(APP, {}).get("version")
    if not version:
        raise StepFailure(f"splunkd took the package, but lists no app {APP}.")
    return str(version)


def started(management: Management) -> Any:
    """Return when splunkd was started, in its own words, which differ after each start."""
    return management.content("/server/info").get("startup_time")


def restart(management: Management, limit: float, pause: float) -> None:
    """Have splunkd restart, and wait until it answers again. Raises StepFailure after `limit` seconds."""
    before = started(management)
    # splunkd may be gone before it has answered; whether it restarts is seen below.
    with contextlib.suppress(Unreachable):
        management.ask("POST", "/server/control/restart", {})
    deadline = time.monotonic() + limit
    gone, last = False, "it answers as before"
    while time.monotonic() < deadline:
        time.sleep(pause)
        try:
            management.log_in()
            # A splunkd that does not say when it was started has to have been gone.
            if started(management) != before or (before is None and gone):
                return
        except StepFailure as failure:
            gone, last = True, str(failure)
    raise StepFailure(f"Splunk has not come back from its restart within {limit:.0f} seconds: {last}")


def wait_for_endpoints(management: Management, limit: float, pause: float) -> None:
    """Wait until the add-on's REST endpoints answer, which they do a little later than splunkd."""
    deadline = time.monotonic() + limit
    while True:
        try:
            management.entries(f"{APP}_account")
            return
        except (Refused, Unreachable) as failure:
            if time.monotonic() > deadline:
                raise StepFailure(f"The add-on's endpoints do not answer after the restart. {failure}") from None
        time.sleep(pause)
