"""Which of splunkd's endpoints a browser may reach: the `[expose:...]` stanzas of web.conf.

The rules: a pattern is matched against the path below /services or /servicesNS/<user>/<app>; `*` in it stands for
one part of the path. Splunk's own web.conf exposes the endpoints that its framework needs; only the ones listed here
are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SPLUNKS_OWN = (
    ("authentication/current-context", frozenset({"GET"})),
    ("data/ui/nav/*", frozenset({"GET"})),
    ("server/info", frozenset({"GET"})),
    ("server/info/*", frozenset({"GET"})),
)

NAMESPACE = re.compile(r"/servicesNS/[^/]+/[^/]+/(.+)\Z")
PLAIN = re.compile(r"/services/(.+)\Z")


def endpoint_of(path: str) -> str | None:
    """Return the part after the namespace in a path of splunkd's REST API, None for another path."""
    found = NAMESPACE.match(path) or PLAIN.match(path)
    return found.group(1) if found else None


def is_exposed(endpoint: str, method: str, stanzas: Iterable[Mapping[str, Mapping[str, str]]]) -> bool:
    """Whether the web.conf of Splunk or of an app (`stanzas`, one mapping for each) lets a browser do this."""
    offered = [*SPLUNKS_OWN]
    for one in stanzas:
        for name, settings in one.items():
            if name.startswith("expose:"):
                methods = frozenset(method.strip() for method in settings.get("methods", "GET").split(","))
                offered.append((settings.get("pattern", ""), methods))
    return any(method in methods and _matches(pattern, endpoint) for pattern, methods in offered)


def _matches(pattern: str, endpoint: str) -> bool:
    wanted, given = pattern.strip("/").split("/"), endpoint.strip("/").split("/")
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given))
