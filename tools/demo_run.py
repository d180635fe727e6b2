"""The demo proper: runs in the tests' environment, in a temporary folder, and says what went wrong when it did."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import demo_real
import demo_stand_ins
from demo_addon import DemoFailure
from demo_options import parse
from demo_terminal import Terminal
from environment import StepFailure
from estreamer.errors import Problem

INTERRUPTED = 130
"""The exit code that a shell gives to what Ctrl-C ended."""


def main(arguments: Sequence[str]) -> int:
    """Run the demo; return 0 when all went well."""
    options = parse(arguments)
    terminal = Terminal()
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="estreamer-demo-"))
    keep = options.keep
    try:
        if options.fmc:
            demo_real.show(options, terminal, folder)
        else:
            demo_stand_ins.show(terminal, folder)
        terminal.line("\nThe demo is complete: all is well.")
        return 0
    except KeyboardInterrupt:
        terminal.line("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on. Python would complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as failure:
        # Whatever it is, the person gets a sentence and a place to look.
        keep = True
        terminal.line(f"\nThe demo failed: {_told(failure, folder)}")
        return 1
    finally:
        _tidy(folder, keep, terminal)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _told(failure: Exception, folder: Path) -> str:
    """Return a failure as a sentence; of one that nobody foresaw, keep the traceback."""
    if isinstance(failure, Problem):
        return f"{failure.text} [{failure.code}]"
    if isinstance(failure, (DemoFailure, StepFailure)):
        return str(failure)
    trace = traceback.format_exception(type(failure), failure, failure.__traceback__)
    (folder / "traceback.txt").write_text("".join(trace), encoding="utf-8")
    return f"{type(failure).__name__}: {failure}"


def _tidy(folder: Path, keep: bool, terminal: Terminal) -> None:
    """Remove the folder; where it is kept, remove the account, and say what is where."""
    logs = folder / "splunk" / "var" / "log" / "splunk"
    found = [*sorted(logs.glob("*.log")), *folder.glob("traceback.txt")]
    if not keep or not found:
        shutil.rmtree(folder)
        return
    shutil.rmtree(folder / "fmc", ignore_errors=True)
    shutil.rmtree(folder / "splunk" / "etc", ignore_errors=True)
    for path in found:
        terminal.line(f"Look into {path}")
    terminal.line(f"Kept, without the account and its secrets: {folder}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
