"""The REST endpoint that shows what an input would ask for: see estreamer.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from splunk import admin

from ..estreamer.endpoints import PreviewHandler

if __name__ == "__main__":
    admin.init(PreviewHandler, admin.CONTEXT_APP_ONLY)
