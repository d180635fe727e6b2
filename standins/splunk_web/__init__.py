"""A strict stand-in for Splunk Web, as far as an add-on's own pages need it.

It logs users in, serves the pages of the installed apps unchanged, and passes their requests on to splunkd. Start with
`SplunkWeb`. It refuses everything that Splunk Web refuses: a page without a login, a view that the app does not have,
an endpoint that is not exposed by a web.conf, a change without the form key of the session.
"""

from __future__ import annotations

from .server import SplunkWeb
from .sessions import Login

__all__ = ["Login", "SplunkWeb"]
