"""The handler that the generated REST endpoint for accounts names: see estreamer.rest.accounts."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.accounts import AccountHandler

__all__ = ["AccountHandler"]
