"""The tools' own modules can be imported here; behind all others, since one of them is called `test`."""

from __future__ import annotations

import sys

from standins.places import ROOT

sys.path.append(str(ROOT / "tools"))
