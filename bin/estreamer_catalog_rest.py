"""The REST endpoint that lists the known event types, field sets and fields: see estreamer.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from splunk import admin

from ..estreamer.endpoints import CatalogHandler

if __name__ == "__main__":
    admin.init(CatalogHandler, admin.CONTEXT_APP_ONLY)
