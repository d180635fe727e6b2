"""The search command `sfwpackets`: decodes the packets of events."""

from __future__ import annotations

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

import sys

from estreamer.splunkd.search_command import Input, PacketCommand
from splunklib.searchcommands import dispatch

dispatch(PacketCommand, sys.argv, Input(sys.stdin.buffer), sys.stdout, __name__)
