"""Events as a person reads them: one line each, or the first of a kind with its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from demo_terminal import clipped, printable

from tests.splunkd import Event

FIELD_LINES = 5
"""Lines that the fields of the first event of a kind may take."""

_LONGEST_VALUE = 40

_TELLING: Mapping[str, Sequence[str]] = {
    "ConnectionEvent": ("AC_RuleAction", "FirewallRule", "Application", "URL"),
    "IntrusionEvent": ("InlineResult", "Impact", "IntrusionRuleMessage", "Classification"),
    "FileEvent": ("FileAction", "SHA_Disposition", "ThreatName", "FileName", "Application"),
}
"""The fields to look at first. Of other kinds, all are shown."""

_ELSEWHERE = {"EventType", "InitiatorIP", "InitiatorPort", "ResponderIP", "ResponderPort"}
"""Fields that a line has told already."""


def kind_of(event: Event) -> str:
    """Return the event type, or that there is none."""
    return _parsed(event)[0]


def one_line(event: Event) -> str:
    """Return an event in one line: time (UTC), event type, who talked to whom, and what is telling of that type."""
    kind, fields = _parsed(event)
    names = [name for name in _TELLING.get(kind, ()) if name in fields] or [
        name for name in fields if name not in _ELSEWHERE
    ]
    told = [f"{name}={_shown(fields[name])}" for name in names] if fields else [event.data[:1000]]
    return "  ".join([_time(event), kind.ljust(15), *_flow(fields), *told])


def described(event: Event, width: int) -> list[str]:
    """Return the lines that show an event with its fields, as many as fit `FIELD_LINES` lines of that width."""
    kind, fields = _parsed(event)
    head = f"{kind}, {len(fields)} fields, {len(event.data.encode()):,} bytes, {_time(event)}"
    where = f"sourcetype={event.sourcetype} source={event.source} host={event.host} index={event.index}"
    pairs = [printable(f"{name}={clipped(_shown(value), _LONGEST_VALUE)}") for name, value in fields.items()]
    lines, used = _filled(pairs or [clipped(printable(event.data[:1000]), width - 2)], width - 2)
    more = [f"  and {len(pairs) - used} more fields"] if used < len(pairs) else []
    return [head, f"  {where}", *(f"  {line}" for line in lines), *more]


def _filled(pairs: Sequence[str], width: int) -> tuple[list[str], int]:
    """Return lines filled with as many of the pairs as fit, and how many did."""
    lines: list[str] = []
    for used, pair in enumerate(pairs):
        if lines and len(lines[-1]) + 2 + len(pair) <= width:
            lines[-1] += f"  {pair}"
        elif len(lines) == FIELD_LINES:
            return lines, used
        else:
            lines.append(pair)
    return lines, len(pairs)


def _parsed(event: Event) -> tuple[str, Mapping[str, Any]]:
    """Return the event type and the fields; some servers wrap these into an object named after the type."""
    try:
        fields = json.loads(event.data)
    except (ValueError, RecursionError):
        return "(not JSON)", {}
    if not isinstance(fields, dict):
        return "(no object)", {}
    if len(fields) == 1 and isinstance(next(iter(fields.values())), dict):
        [(kind, fields)] = fields.items()
        return str(fields.get("EventType", kind)), fields
    return str(fields.get("EventType", "(no EventType)")), fields


def _flow(fields: Mapping[str, Any]) -> list[str]:
    ends = [_end(fields, "Initiator"), _end(fields, "Responder")]
    return [" > ".join(ends)] if all(ends) else []


def _end(fields: Mapping[str, Any], which: str) -> str:
    address, port = str(fields.get(f"{which}IP", "")), fields.get(f"{which}Port")
    if not address or port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _time(event: Event) -> str:
    if event.time is None:
        return "(no time)"
    return datetime.fromtimestamp(int(event.time), timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
