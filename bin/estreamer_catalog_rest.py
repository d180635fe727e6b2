"""The REST endpoint that lists the known event types with their field sets, fields and presets: GET."""

from __future__ import annotations

from typing import Any

import estreamer_rest as rest
from estreamer import catalog
from splunk import admin


class CatalogHandler(rest.OwnHandler):
    """Returns an entry for each event type."""

    @rest.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Return one event type or all of them."""
        found = catalog.load()
        for name, event_type in found["event_types"].items():
            if self.callerArgs.id in (None, "", name):
                sets = {one: found["field_sets"][one] for one in event_type["field_sets"]}
                rest.add(confInfo[name], **{**event_type, "field_sets": sets, "preset_help": found["presets"]})
        if not list(confInfo):
            raise admin.NotFoundException(f"There is no event type {self.callerArgs.id!r}.")


if __name__ == "__main__":
    admin.init(CatalogHandler, admin.CONTEXT_APP_ONLY)
