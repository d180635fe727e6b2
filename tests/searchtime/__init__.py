"""A simulator of what Splunk does with an event, from the conf files of apps: see `knowledge`."""

from __future__ import annotations

from tests.searchtime.automatic import Limits
from tests.searchtime.conf import Line
from tests.searchtime.errors import KnowledgeError
from tests.searchtime.indexing import Indexed
from tests.searchtime.knowledge import Event, Knowledge
from tests.searchtime.rows import Value

__all__ = ["Event", "Indexed", "Knowledge", "KnowledgeError", "Limits", "Line", "Value"]
