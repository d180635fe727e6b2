"""`python -m real_lane`: the lane, in an environment that `tools/real_splunk` has prepared."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from environment import StepFailure
from steps import SKIPPED

from .lane import Lane, run
from .report import as_table, hidden, status, write_json
from .settings import SECRET_VARIABLES, Skip, read


def main(arguments: Sequence[str]) -> int:
    """Run the lane; return its exit code."""
    try:
        settings = read(arguments, os.environ)
    except Skip as skip:
        sys.stderr.write(f"real_splunk: skipped: {skip}\n")
        return SKIPPED
    for name in SECRET_VARIABLES:
        # No process that is started from here has it, but the one that is given it.
        os.environ.pop(name, None)
    # As Ctrl-C, it lets what was changed be undone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def say(text: str) -> None:
        sys.stderr.write(f"real_splunk: {hidden(text, secrets)}\n")
        sys.stderr.flush()

    secrets = settings.secrets
    try:
        lane = Lane(settings, say)
    except StepFailure as failure:
        say(str(failure))
        return 1
    secrets = lane.secrets
    outcomes = run(lane)
    sys.stdout.write(as_table(outcomes))
    try:
        if settings.json is not None:
            write_json(settings.json, lane.splunk, outcomes, lane.ran, secrets)
    except OSError as error:
        say(f"The report was not written: {error}")
        return 1
    return status(outcomes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
