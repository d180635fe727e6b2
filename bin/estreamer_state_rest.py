"""The REST endpoint that tells the state of each input: see estreamer.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from splunk import admin

from ..estreamer.endpoints import StateHandler

if __name__ == "__main__":
    admin.init(StateHandler, admin.CONTEXT_APP_ONLY)
