"""The REST endpoint that shows what an input would ask for: see estreamer.rest.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.endpoints import PreviewHandler
from splunk import admin

if __name__ == "__main__":
    admin.init(PreviewHandler, admin.CONTEXT_APP_ONLY)
