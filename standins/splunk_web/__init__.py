"""A strict stand-in for Splunk Web: what it does for an add-on's own pages.

It logs users in, serves the pages of the installed apps as they come out of the package, and passes their requests on
to splunkd. `SplunkWeb` is where to start. It refuses what Splunk Web refuses: a page without a login, a view that the
app does not have, an endpoint that no web.conf exposes, a change without the form key of the session.
"""

from __future__ import annotations

from .server import SplunkWeb
from .sessions import Login

__all__ = ["Login", "SplunkWeb"]
