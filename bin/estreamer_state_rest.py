"""The REST endpoint that shows the state of each input: see estreamer.rest.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.endpoints import StateHandler
from splunk import admin

if __name__ == "__main__":
    admin.init(StateHandler, admin.CONTEXT_APP_ONLY)
