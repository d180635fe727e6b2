"""The command line of the demo. It needs nothing but Python, so that a slip costs no time."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

MOST_EVENTS = 100_000
"""Events of a real Management Center after which the demo ends by itself: it keeps them all in memory."""

_DESCRIPTION = """\
Build the add-on and see it work.

Alone, it runs the add-on between stand-ins for Splunk and for a Management Center, breaks the connection in several
ways, and shows that no event is lost or doubled. With --fmc and --pkcs12 it shows the events of a real Management
Center until Ctrl-C; nothing is changed there.

With SPLUNK_HOME set to a Splunk, it builds the package, says how to install it there, and starts nothing.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the process when they are wrong, and after --help."""
    parser = argparse.ArgumentParser(
        prog="demo.sh", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder: logs, bookmark and events")
    real = parser.add_argument_group("a real Management Center")
    real.add_argument("--fmc", metavar="HOST", help="its name or address")
    real.add_argument("--pkcs12", metavar="FILE", type=Path, help="the client's file, downloaded from it")
    real.add_argument("--port", type=_number(65535), help="port of its eStreamer service (8302)")
    real.add_argument(
        "--password-env", metavar="NAME", help="environment variable with the file's password; else it is asked for"
    )
    real.add_argument("--legacy", action="store_true", help="accept old signatures and key sizes")
    real.add_argument(
        "--start-from", metavar="TIME", help="now (the default), oldest, or a time such as 2026-05-31T14:00:00Z"
    )
    real.add_argument(
        "--events", metavar="TYPES", help="of ConnectionEvent, IntrusionEvent, IntrusionPacket, FileEvent, with commas"
    )
    real.add_argument(
        "--limit", metavar="N", type=_number(MOST_EVENTS), help=f"end after that many events ({MOST_EVENTS})"
    )
    options = parser.parse_args(arguments)
    _check_together(parser, options)
    return options


def _number(highest: int) -> Callable[[str], int]:
    """Return what makes a whole number from 1 to `highest` of an option's text."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= highest):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {highest}")
        return int(text)

    return number


def _check_together(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if (options.fmc is None) != (options.pkcs12 is None):
        parser.error("--fmc and --pkcs12 belong together")
    if options.fmc is not None:
        return
    for name in ("port", "password_env", "legacy", "start_from", "events", "limit"):
        if getattr(options, name) not in (None, False):
            parser.error(f"--{name.replace('_', '-')} is for a real Management Center: give --fmc and --pkcs12 as well")
