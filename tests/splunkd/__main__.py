"""`python -m tests.splunkd <control descriptor>`: the process that plays splunkd towards its inputs."""

from __future__ import annotations

import sys

from tests.splunkd.reader import main

sys.exit(main(int(sys.argv[1])))
