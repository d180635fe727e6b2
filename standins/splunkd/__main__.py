"""`python -m standins.splunkd <control descriptor>`: the process that plays splunkd towards its inputs."""

from __future__ import annotations

import sys

from standins.splunkd.reader import main

sys.exit(main(int(sys.argv[1])))
