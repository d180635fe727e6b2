"""The REST endpoint that checks the connection of a saved account: see estreamer.rest.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.endpoints import CheckHandler
from splunk import admin

if __name__ == "__main__":
    admin.init(CheckHandler, admin.CONTEXT_APP_ONLY)
