"""The settings of an account and of an input, checked: from the text that Splunk stores to typed values."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from . import parameters
from .errors import Problem
from .events.drop_rules import DropRules
from .parameters import ACCOUNT, INPUT, Choice, Line, Parameter, Switch, Upload, Whole
from .protocol import fully_qualified, wire

DEFAULT_PORT = int(parameters.named(ACCOUNT, "port").default)
LARGEST_FILE = parameters.typed(ACCOUNT, "pkcs12", Upload)[1].largest
"""Bytes of the PKCS#12 file of an account."""


FIELD_PARAMETERS = parameters.field_parameters(INPUT)
"""The parameter that holds the field sets and field names of each event type."""

_LONGEST_HOST = parameters.typed(ACCOUNT, "host", Line)[1].longest
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_ZONE = re.compile(r"[A-Za-z0-9._-]{1,15}\Z")
"""The interface of a link-local IPv6 address: names of interfaces have at most 15 characters."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
_ISO_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,]\d{1,9})?)?"
    r"(?: ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?))?\Z",
    re.IGNORECASE,
)
_TRUE = frozenset(("1", "true", "yes", "t", "y", "on", "enabled"))
_FALSE = frozenset(("", "0", "false", "no", "f", "n", "off", "disabled"))


@dataclass(frozen=True)
class Account:
    """A Management Center and the credentials for it. `fingerprint` is lower-case hex; `pkcs12` is the file's bytes."""

    name: str
    host: str
    port: int
    pkcs12: bytes = field(repr=False)
    pkcs12_password: str = field(repr=False)
    fingerprint: str | None
    legacy_certificates: bool


@dataclass(frozen=True)
class InputSettings:
    """An input. `fields` gives each wanted event type its field sets and field names.

    `start_from` is `wire.OLDEST`, `wire.NOW` or Unix seconds; `settle` is in seconds; without `index` splunkd takes its
    default.
    """

    name: str
    account: str
    failover_account: str | None
    event_types: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    start_from: int
    drop_rules: DropRules
    request_style: str
    settle: int
    trusts_planned_restart: bool
    index: str | None


def parse_account(name: str, stored: Mapping[str, str | None]) -> Account:
    """Return the account that the `stored` parameters describe. Raises Problem, naming the parameter that is wrong."""
    given = _Given(stored, ACCOUNT)
    return Account(
        name=name,
        host=parse_host(given.text("host")),
        port=given.number("port"),
        pkcs12=_parse_pkcs12(given.text("pkcs12")),
        # A password may begin or end with blanks: it is taken as it is.
        pkcs12_password=stored.get("pkcs12_password") or "",
        fingerprint=parse_fingerprint(given.text("fingerprint")),
        legacy_certificates=given.switch("legacy_certificates"),
    )


def parse_input(name: str, stored: Mapping[str, str | None]) -> InputSettings:
    """Return the input that the `stored` parameters describe; those that are not an input's own are ignored.

    Raises Problem, naming the parameter that is wrong and what is allowed.
    """
    given = _Given(stored, INPUT)
    account = given.text("account")
    if not account:
        raise Problem("account_not_set", "account: choose the account of the Management Center to read from.")
    failover = given.text("failover_account") or None
    if failover == account:
        raise Problem("failover_account_same", "failover_account: choose another account than the first, or none.")
    event_types = parse_event_types(given.text("event_types"))
    return InputSettings(
        name=name,
        account=account,
        failover_account=failover,
        event_types=event_types,
        fields={event_type: _parse_fields(event_type, given) for event_type in event_types},
        start_from=parse_start(given.text("start_from")),
        drop_rules=DropRules.parse(given.text("drop_rules")),
        request_style=given.one_of("request_style"),
        settle=given.number("settle"),
        trusts_planned_restart=given.one_of("planned_restart") == "trust",
        index=given.index(),
    )


def parse_interval(text: str) -> int:
    """Return the interval in seconds. Raises Problem `interval_invalid`."""
    return _Given({"interval": text}, INPUT).number("interval")


def parse_disabled(text: str) -> bool:
    """Return whether an input is switched off. Raises Problem `disabled_invalid`."""
    return _Given({"disabled": text}, INPUT).switch("disabled")


def parse_check_connection(text: str) -> bool:
    """Return whether a save is to check the connection: yes, unless it says otherwise.

    Raises Problem `check_connection_invalid`.
    """
    return _Given({"check_connection": text}, ACCOUNT).switch("check_connection")


def parse_host(text: str) -> str:
    """Return a host name or IP address, an IPv6 address without its brackets. Raises Problem `host_invalid`."""
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    labels = host[:-1].split(".") if host.endswith(".") else host.split(".")
    is_name = (
        len(host) <= _LONGEST_HOST and all(_HOST_LABEL.match(label) for label in labels) and not _is_numeric(labels)
    )
    if _is_address(host) or (is_name and host == text):
        return host
    raise Problem(
        "host_invalid",
        f"host: {text[:100]!r} is neither a host name nor an IP address. Enter the address of the Management Center "
        "alone, by its name, such as fmc.example.com, or by its IPv4 or IPv6 address; the port has a field of its own.",
    )


def parse_fingerprint(text: str) -> str | None:
    """Return a SHA-256 fingerprint in lower-case hex, None for none. Raises Problem `fingerprint_invalid`."""
    if not text:
        return None
    plain = re.sub(r"[:\s-]", "", text.lower())
    plain = plain[7:] if plain.startswith("sha256=") else plain
    if not _FINGERPRINT.match(plain):
        raise Problem(
            "fingerprint_invalid",
            "fingerprint: enter the SHA-256 fingerprint of the server's certificate, 64 hexadecimal digits with or "
            "without colons, or leave it empty.",
        )
    return plain


def parse_event_types(text: str) -> tuple[str, ...]:
    """Return the event types in a comma-separated list, all but packets for an empty one.

    Raises Problem `event_type_unknown`.
    """
    names = tuple(dict.fromkeys(name.strip() for name in re.split(r"[,~\n]", text) if name.strip()))
    for name in names:
        if name not in fully_qualified.EVENT_TYPES:
            raise Problem(
                "event_type_unknown",
                f"event_types: {name[:100]!r} is not a known event type. "
                f"Choose among {', '.join(fully_qualified.EVENT_TYPES)}.",
            )
    return names or fully_qualified.DEFAULT_EVENT_TYPES


def parse_start(text: str) -> int:
    """Return the initial timestamp for a first start: `wire.OLDEST`, `wire.NOW` (also for none) or Unix seconds.

    A time without a zone is UTC. Raises Problem `start_from_invalid`.
    """
    word = text.lower()
    if word in ("", "now"):
        return wire.NOW
    if word == "oldest":
        return wire.OLDEST
    seconds = _parse_time(text)
    if seconds is None or not wire.OLDEST < seconds < wire.NOW:
        raise Problem(
            "start_from_invalid",
            f"start_from: {text[:100]!r} is not understood. Enter now, oldest, or a time such as 2026-05-31T14:00:00Z "
            "(between 1970 and 2106; UTC unless it has an offset).",
        )
    return seconds


def _parse_time(text: str) -> int | None:
    match = _ISO_TIME.match(text)
    if match is None:
        return None
    zone = (match["zone"] or "Z").upper().replace("Z", "+00:00")
    if len(zone) == 3:
        zone += ":00"
    elif len(zone) == 5:
        zone = f"{zone[:3]}:{zone[3:]}"
    time = match["time"] or "00:00"
    try:
        return int(datetime.fromisoformat(f"{match['date']}T{time}{zone}").astimezone(timezone.utc).timestamp())
    except (ValueError, OverflowError):
        return None


def _parse_fields(event_type: str, given: _Given) -> tuple[str, ...]:
    parameter = FIELD_PARAMETERS[event_type]
    return fully_qualified.parse_names(parameter, given.text(parameter)) or tuple(
        fully_qualified.DEFAULT_FIELDS[event_type]
    )


def _parse_pkcs12(text: str) -> bytes:
    if not text:
        raise Problem("pkcs12_missing", "pkcs12: upload the PKCS#12 file of this client from the Management Center.")
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise Problem(
            "pkcs12_not_base64",
            "pkcs12: the stored file is not readable base64. Upload the PKCS#12 file again.",
        ) from None


def _is_address(host: str) -> bool:
    # ipaddress takes whatever follows the percent sign for a zone.
    address, percent, zone = host.partition("%")
    if percent and not _ZONE.match(zone):
        return False
    try:
        return ipaddress.ip_address(address).version == 6 or not percent
    except ValueError:
        return False


def _is_numeric(labels: list[str]) -> bool:
    """Whether this looks like an IPv4 address: a wrong one must not pass for a name."""
    return labels[-1].isdigit()


class _Given:
    """The parameters of a stanza, read with the limits and defaults that a table gives them."""

    def __init__(self, stored: Mapping[str, str | None], table: tuple[Parameter, ...]) -> None:
        self._stored = stored
        self._table = table

    def text(self, name: str) -> str:
        return (self._stored.get(name) or "").strip()

    def number(self, name: str) -> int:
        parameter, limits = parameters.typed(self._table, name, Whole)
        text = self.text(name) or parameter.default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not limits.lowest <= int(text) <= limits.highest:
            raise Problem(f"{name}_invalid", f"{name}: enter a whole number from {limits.lowest} to {limits.highest}.")
        return int(text)

    def switch(self, name: str) -> bool:
        parameter, _ = parameters.typed(self._table, name, Switch)
        # Blanks alone mean off, as ever; nothing means the default.
        text = (self._stored.get(name) or parameter.default).strip().lower()
        if text not in _TRUE | _FALSE:
            raise Problem(f"{name}_invalid", f"{name}: enter 1 (on) or 0 (off).")
        return text in _TRUE

    def one_of(self, name: str) -> str:
        parameter, choice = parameters.typed(self._table, name, Choice)
        text = self.text(name) or parameter.default
        if text not in choice.labels:
            raise Problem(f"{name}_invalid", f"{name}: choose among {', '.join(choice.labels)}.")
        return text

    def index(self) -> str | None:
        text = self.text("index")
        if text in ("", "default"):
            return None
        if not re.fullmatch(r"_?[a-z0-9][a-z0-9_-]{0,79}", text):
            raise Problem(
                "index_invalid",
                "index: enter the name of an index: lower-case letters, digits, underscores and hyphens, not beginning "
                "with a hyphen.",
            )
        return text
