"""A simulator of what Splunk does with an event according to the conf files of apps: see `knowledge`."""

from __future__ import annotations

from standins.search.automatic import Limits
from standins.search.conf import Line
from standins.search.errors import KnowledgeError
from standins.search.indexing import Indexed
from standins.search.knowledge import Event, Knowledge
from standins.search.rows import Value

__all__ = ["Event", "Indexed", "Knowledge", "KnowledgeError", "Limits", "Line", "Value"]
