"""The fuzzer of one target: `python -m bench.fuzz <target> <arguments of libFuzzer>`. Needs atheris."""

from __future__ import annotations

import os
import sys

import atheris

from standins.places import ROOT

sys.path.insert(0, str(ROOT / "bin"))
with atheris.instrument_imports(include=["estreamer"]):
    from bench.fuzz.targets import TARGETS


if __name__ == "__main__":
    # To merge a corpus, libFuzzer runs its first argument as a program, and this file is not a program.
    itself = os.environ.get("ESTREAMER_FUZZER", sys.argv[0])
    atheris.Setup([itself, *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
