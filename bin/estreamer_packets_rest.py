"""The handler that restmap.conf names for the endpoint of packets: see estreamer.rest.packets."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.packets import PacketsHandler

__all__ = ["PacketsHandler"]
