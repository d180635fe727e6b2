"""The handler that the generated REST endpoint for accounts names: see estreamer.accounts."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from ..estreamer.accounts import AccountHandler

__all__ = ["AccountHandler"]
