"""Prepare the lane on a real Splunk and start it; where no Splunk is named, say so and end with the code for skipped.

The process becomes the lane's, so that signals and inherited descriptors reach that. Secrets are read there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from demo import build, prepare_python
from environment import ROOT, StepFailure, say
from real_lane.settings import SECRET_VARIABLES, Skip, read
from steps import SKIPPED


def main(arguments: Sequence[str]) -> int:
    """Prepare and start the lane; return an exit code if it cannot start."""
    try:
        read(arguments, os.environ, secrets=False)
    except Skip as skip:
        say(f"skipped: {skip}")
        return SKIPPED
    # What is started to prepare the lane has no secret in its environment.
    secrets = {name: os.environ.pop(name) for name in SECRET_VARIABLES if name in os.environ}
    try:
        package = os.environ.get("ESTREAMER_SPL") or build()
        python = prepare_python()
    except StepFailure as failure:
        say(str(failure))
        return 1
    paths = os.pathsep.join([str(ROOT), str(ROOT / "bin"), str(ROOT / "tools")])
    more = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "ESTREAMER_SPL": os.path.abspath(package)}
    command = [python, "-m", "real_lane", *arguments]
    sys.stderr.flush()
    return os.execve(python, command, {**os.environ, **secrets, **more})  # noqa: S606 - this repository's own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
