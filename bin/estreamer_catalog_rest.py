"""The REST endpoint that lists the known event types, field sets and fields: see estreamer.rest.endpoints."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.endpoints import CatalogHandler
from splunk import admin

if __name__ == "__main__":
    admin.init(CatalogHandler, admin.CONTEXT_APP_ONLY)
