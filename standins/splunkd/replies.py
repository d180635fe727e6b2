"""What splunkd's REST API answers, as Atom XML and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest" '
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
)
UPDATED = "2026-01-01T00:00:00+00:00"


class RestProblem(Exception):
    """A request that is refused. `status` is the HTTP status, `text` the message."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Entry:
    """One entity of an endpoint."""

    name: str
    content: Mapping[str, Any] = field(default_factory=dict)
    app: str = "system"


@dataclass(frozen=True)
class Feed:
    """An answer: some entities of the endpoint at `path`. `total` counts them before they were cut into pages."""

    path: str
    entries: Sequence[Entry]
    total: int
    status: int = 200


@dataclass(frozen=True)
class Document:
    """An answer that lists no entities, in JSON, as splunkd gives it where it is asked for that; 204 has no body."""

    content: Mapping[str, Any]
    status: int = 200


def link(path: str, entry: Entry) -> str:
    """Return the link to an entity; a slash in its name is encoded twice, as splunkd does."""
    return f"/servicesNS/nobody/{entry.app}/{path}/" + quote(entry.name.replace("/", "%2F"), safe="")


def render_json(feed: Feed) -> bytes:
    """Return the feed as `output_mode=json` gives it."""
    document = {
        "links": {},
        "origin": f"/services/{feed.path}",
        "updated": UPDATED,
        "entry": [_json_entry(feed.path, entry) for entry in feed.entries],
        "paging": {"total": feed.total, "perPage": len(feed.entries), "offset": 0},
        "messages": [],
    }
    return json.dumps(document).encode("ascii")


def render_atom(feed: Feed) -> bytes:
    """Return the feed as Atom."""
    entries = "".join(_atom_entry(feed.path, entry) for entry in feed.entries)
    total = f"<opensearch:totalResults>{feed.total}</opensearch:totalResults>"
    head = f"<title>{escape(feed.path)}</title><id>/services/{escape(feed.path)}</id><updated>{UPDATED}</updated>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<feed {NAMESPACES}>{head}{total}{entries}</feed>'.encode()


def render(answer: Feed | Document, as_json: bool) -> bytes:
    """Return the body of an answer. Raises RestProblem 501 for one that the stand-in has in JSON only."""
    if isinstance(answer, Feed):
        return render_json(answer) if as_json else render_atom(answer)
    if not as_json:
        raise RestProblem(501, "the stand-in gives this in JSON only")
    return b"" if answer.status == 204 else json.dumps(answer.content).encode("ascii")


def render_message(text: str, as_json: bool) -> bytes:
    """Return a refusal's body."""
    if as_json:
        return json.dumps({"messages": [{"type": "ERROR", "text": text}]}).encode("ascii")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<response><messages>'
        f'<msg type="ERROR">{escape(text)}</msg></messages></response>'
    ).encode()


def _acl(app: str) -> dict[str, Any]:
    return {
        "app": app,
        "owner": "nobody",
        "can_write": True,
        "modifiable": True,
        "removable": True,
        "sharing": "global",
        "perms": {"read": ["*"], "write": ["admin"]},
    }


def _json_entry(path: str, entry: Entry) -> dict[str, Any]:
    content = {key: _json_value(key, value) for key, value in entry.content.items()}
    return {
        "name": entry.name,
        "id": link(path, entry),
        "updated": UPDATED,
        "links": {"alternate": link(path, entry), "list": link(path, entry), "edit": link(path, entry)},
        "author": "nobody",
        "acl": _acl(entry.app),
        "content": {"eai:acl": None, "eai:appName": entry.app, "eai:userName": "nobody", **content},
    }


def _json_value(key: str, value: Any) -> Any:
    # splunkd renders this one as a boolean whatever the conf file has.
    if key == "disabled" and isinstance(value, str):
        return value.lower() in ("1", "true", "t", "yes")
    return value


def _atom_entry(path: str, entry: Entry) -> str:
    content = {"eai:acl": _acl(entry.app), "eai:appName": entry.app, "eai:userName": "nobody", **entry.content}
    return (
        f"<entry><title>{escape(entry.name)}</title><id>{escape(link(path, entry))}</id>"
        f'<updated>{UPDATED}</updated><link href={quoteattr(link(path, entry))} rel="alternate"/>'
        f"<author><name>nobody</name></author>"
        f'<content type="text/xml">{_atom_value(content)}</content></entry>'
    )


def _atom_value(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = (f"<s:key name={quoteattr(str(key))}>{_atom_value(inner)}</s:key>" for key, inner in value.items())
        return f"<s:dict>{''.join(keys)}</s:dict>"
    if isinstance(value, (list, tuple)):
        return f"<s:list>{''.join(f'<s:item>{_atom_value(inner)}</s:item>' for inner in value)}</s:list>"
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else escape(str(value))
