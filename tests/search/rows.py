"""All rows of the mapping tables, as the tests have them."""

from __future__ import annotations

from tests.search import (
    test_common,
    test_connections,
    test_damaged_events,
    test_files,
    test_intrusions,
    test_long_events,
    test_names_and_web,
)
from tests.search.case import Case

BY_MODULE: dict[str, list[Case]] = {
    module.__name__: module.CASES
    for module in (
        test_common,
        test_connections,
        test_names_and_web,
        test_intrusions,
        test_files,
        test_damaged_events,
        test_long_events,
    )
}
CASES = [one for cases in BY_MODULE.values() for one in cases]
