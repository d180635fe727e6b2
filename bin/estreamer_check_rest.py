"""The REST endpoint that checks the connection of a saved account: see estreamer.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from splunk import admin

from ..estreamer.endpoints import CheckHandler

if __name__ == "__main__":
    admin.init(CheckHandler, admin.CONTEXT_APP_ONLY)
