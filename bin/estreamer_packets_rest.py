"""The handler that restmap.conf names for the endpoint of packets: see estreamer.packet_endpoint."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from ..estreamer.packet_endpoint import PacketsHandler

__all__ = ["PacketsHandler"]
