"""All rows of the mapping tables, as the tests have them."""

from __future__ import annotations

from tests.searchtime.mapping import test_common, test_connections, test_files, test_intrusions, test_long_events
from tests.searchtime.mapping.case import Case

BY_MODULE: dict[str, list[Case]] = {
    module.__name__: module.CASES
    for module in (test_common, test_connections, test_intrusions, test_files, test_long_events)
}
CASES = [one for cases in BY_MODULE.values() for one in cases]
