"""The parameters of an account and of an input: the one table that forms, conf files, REST, checks and pages follow.

`tools/parameters.py` writes what follows from it. What a value means to the add-on stands in `settings`, which takes
limits, choices and defaults from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, Union

from .events.drop_rules import MAX_LENGTH
from .protocol import fully_qualified

USUAL_LENGTH = 1024
"""Characters of a value that has no limit of its own: enough for anything sensible."""


@dataclass(frozen=True)
class Line:
    """A line of text of at most `longest` characters. `form` is how a spec describes it."""

    longest: int = USUAL_LENGTH
    form: str = "<string>"


@dataclass(frozen=True)
class Lines:
    """A text of several lines, of at most `longest` characters in all."""

    longest: int
    form: str


@dataclass(frozen=True)
class Whole:
    """A whole number from `lowest` to `highest`, written in at most `longest` characters."""

    lowest: int
    highest: int
    longest: int = USUAL_LENGTH


@dataclass(frozen=True)
class Switch:
    """Yes or no, stored as 1 or 0."""


@dataclass(frozen=True)
class Choice:
    """One of some words, each with what the form calls it. The first one is the default."""

    labels: Mapping[str, str]


@dataclass(frozen=True)
class Reference:
    """The name of an account."""


@dataclass(frozen=True)
class Index:
    """The name of an index of Splunk."""


@dataclass(frozen=True)
class Upload:
    """A file of at most `largest` bytes, as base64."""

    largest: int


Type = Union[Line, Lines, Whole, Switch, Choice, Reference, Index, Upload]
T = TypeVar("T", Line, Lines, Whole, Switch, Choice, Reference, Index, Upload)


@dataclass(frozen=True)
class Page:
    """How the form shows a parameter.

    `group` is one of `GROUPS`, empty for the top of the form. `control` is a module in `custom/` or, as `interval`, a
    control of the generator that the type does not imply. The form checks `pattern` (of JavaScript) and the limits of
    the type if there are sentences for a wrong value; `{longest}`, `{lowest}` and `{highest}` in them are the limits.
    """

    group: str = ""
    control: str = ""
    pattern: str = ""
    wrong_pattern: str = ""
    wrong_limits: str = ""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an account or of an input.

    `help` stands in the form, `docs` in docs/input.md, `spec` in the conf file's spec (empty where Splunk's own spec
    has the parameter), `scheme` in the input's scheme (empty where Splunk knows the parameter by itself). `nothing`
    says in docs what no value means. `fixed`: it cannot be changed once it is there. `stored`: it is kept in the conf
    file. Without `page`, it can be given by REST and in conf files only. `fields_of` is the event type whose fields the
    parameter chooses.
    """

    name: str
    label: str
    type: Type
    docs: str
    help: str = ""
    spec: tuple[str, ...] = ()
    scheme: str = ""
    default: str = ""
    nothing: str = "none"
    required: bool = False
    secret: bool = False
    fixed: bool = False
    stored: bool = True
    page: Page | None = Page()
    fields_of: str = ""


@dataclass(frozen=True)
class Group:
    """A part of the form that can be folded."""

    label: str
    is_open: bool


RECEIVE, ADVANCED = "What to receive", "Advanced"
GROUPS = (Group(RECEIVE, True), Group(ADVANCED, False))

_NAME = r"^[a-zA-Z][\w-]*$"
_HOST = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$|^[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?$"
_FINGERPRINT = r"^\s*[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}\s*$"
_FIELDS_LENGTH = 8192
_LIST = "<comma-separated list>"


def _name(what: str, help_text: str, docs: str) -> Parameter:
    return Parameter(
        name="name",
        label="Name",
        type=Line(longest=100),
        required=True,
        fixed=True,
        nothing="",
        help=help_text,
        docs=docs,
        page=Page(
            pattern=_NAME,
            wrong_pattern=f"Begin the name of the {what} with a letter, followed by letters, digits, underscores or "
            "hyphens.",
            wrong_limits=f"Give the {what} a name of at most {{longest}} characters.",
        ),
    )


def _fields(event_type: str, name: str, events: str, label: str, help_text: str, docs: str) -> Parameter:
    return Parameter(
        name=name,
        label=label,
        type=Line(longest=_FIELDS_LENGTH, form=_LIST),
        default=",".join(fully_qualified.DEFAULT_FIELDS[event_type]),
        help=help_text,
        docs=docs,
        spec=(f"Field sets and field names to ask for in {events}.",),
        scheme=f"Field sets and fields of {'file events' if event_type == 'FileEvent' else events}.",
        page=Page(RECEIVE, "field_tree"),
        fields_of=event_type,
    )


ACCOUNT = (
    _name("account", "A name for this Management Center. Inputs refer to it.", "inputs refer to it"),
    Parameter(
        name="host",
        label="Host",
        type=Line(longest=253),
        required=True,
        nothing="",
        help="Host name or IP address (IPv4 or IPv6) of the Management Center.",
        docs="host name, IPv4 or IPv6 address of the Management Center, without port",
        spec=("Host name or IP address (IPv4 or IPv6) of the Management Center.",),
        page=Page(
            pattern=_HOST,
            wrong_pattern="Give a host name or an IP address alone, without https:// and without a port.",
            wrong_limits="Give a host name or an IP address of at most {longest} characters.",
        ),
    ),
    Parameter(
        name="port",
        label="Port",
        type=Whole(1, 65535, longest=9),
        default="8302",
        help="TCP port of the eStreamer service. Management Centers use 8302: change it only if "
        "yours uses another port.",
        docs="TCP port of its eStreamer service",
        spec=("TCP port of the eStreamer service.",),
        page=Page(wrong_limits="The port is a whole number from {lowest} to {highest}."),
    ),
    Parameter(
        name="pkcs12",
        label="PKCS#12 file",
        # Each 191 bytes cost splunkd two requests when an account is saved.
        type=Upload(largest=20 * 1024),
        required=True,
        secret=True,
        nothing="",
        help="The client certificate, downloaded from the Management Center: System > Integration > eStreamer > Create "
        "Client, with the host name or IP address by which the Management Center sees this Splunk server. Stored "
        "encrypted.",
        docs="the PKCS#12 file; stored encrypted",
        spec=(
            "Base64 of the PKCS#12 file that holds the client certificate, its private key and the Management Center's "
            "CA certificate. Kept in storage/passwords; this file holds only a mask.",
        ),
        page=Page(control="pkcs12_file"),
    ),
    Parameter(
        name="pkcs12_password",
        label="PKCS#12 password",
        type=Line(longest=1024),
        secret=True,
        nothing="empty",
        help="The password given when the client was created on the Management Center. Leave "
        "empty if the file has no password. Stored encrypted.",
        docs="its password; stored encrypted",
        spec=("Password of the PKCS#12 file. Kept in storage/passwords; this file holds only a mask.",),
        page=Page(wrong_limits="The PKCS#12 password has at most {longest} characters."),
    ),
    Parameter(
        name="fingerprint",
        label="Server fingerprint",
        type=Line(),
        help="Optional. SHA-256 fingerprint of the Management Center's eStreamer certificate: 64 hexadecimal digits, "
        "with or without colons. When given, only a server with exactly this certificate is accepted, in addition to "
        "the usual checks.",
        docs="SHA-256 of the server's certificate, if only that one is to be accepted: 64 hexadecimal digits, with or "
        "without colons",
        spec=(
            "SHA-256 fingerprint of the server's certificate, in hexadecimal digits. When set, only a server with "
            "exactly this certificate is accepted, in addition to the usual checks.",
        ),
        page=Page(
            pattern=_FINGERPRINT,
            wrong_pattern="A SHA-256 fingerprint has 64 hexadecimal digits, with or without colons.",
        ),
    ),
    Parameter(
        name="legacy_certificates",
        label="Legacy certificates",
        type=Switch(),
        default="0",
        help="SECURITY RISK: accepts certificates signed with SHA-1 and keys of 1024 bits, which an attacker may be "
        "able to forge. Tick it only if this save, a connection check or the add-on's log says that a certificate is "
        "too weak, and only until the Management Center has a new one. The server is still verified against the CA in "
        "the PKCS#12 file.",
        docs="1 accepts old signatures and key sizes; [fmc.md](fmc.md) says when",
        spec=(
            "Whether certificates signed with SHA-1 and keys of 1024 bits are accepted. An attacker may be able to "
            "forge such a certificate.",
        ),
    ),
    Parameter(
        name="check_connection",
        label="Check the connection",
        type=Switch(),
        default="1",
        stored=False,
        help="Connects to the Management Center before saving and verifies it, for at most 15 seconds. Untick it to "
        "save an account whose Management Center cannot be reached yet. The choice is not stored.",
        docs="connect to the Management Center before saving, for at most 15 seconds, and save nothing if that fails; "
        "0 saves without it",
    ),
)
"""The parameters of an account, in the order in which pages and docs have them."""

INPUT = (
    _name(
        "input",
        "A name for this input. The events' source is estreamer_fqe://<name>.",
        "events carry it: `source=estreamer_fqe://<name>`",
    ),
    Parameter(
        name="account",
        label="Account",
        type=Reference(),
        required=True,
        nothing="",
        help="The Management Center to receive events from. If the list is empty, create the "
        "account on the Configuration page first.",
        docs="the account to read from",
        spec=(
            "The Management Center to receive events from: the name of a stanza in "
            "ta_secure_firewall_estreamer_account.conf.",
        ),
        scheme="The Management Center to receive events from.",
    ),
    Parameter(
        name="failover_account",
        label="Failover account",
        type=Reference(),
        help="Optional. The other Management Center of a high-availability pair: used while the first cannot be "
        "reached, never at the same time, so that no event arrives twice.",
        docs="the other member of a high-availability pair",
        spec=(
            "The other Management Center of a high-availability pair. It is used while the first one cannot be "
            "reached, and never at the same time.",
        ),
        scheme="The other Management Center of a high-availability pair.",
    ),
    Parameter(
        name="index",
        label="Index",
        type=Index(),
        default="default",
        help="The Splunk index that the events go to. An index of their own makes retention and rights easy to set.",
        docs="the index that the events go to",
        spec=("The index that the events go to.",),
    ),
    Parameter(
        name="start_from",
        label="Start from",
        type=Line(form="now|oldest|<ISO 8601 time>"),
        default="now",
        help="For the first start only. Later starts continue where the input stopped, whatever is chosen here.",
        docs="for the first start only: `now`, `oldest`, or a time such as `2026-05-31T14:00:00Z` (UTC unless it has "
        "an offset). With `now`, and a disconnection before the first event, the second connection asks from `settle` "
        "and two minutes before the first one, since the clock of the Management Center may be behind",
        spec=(
            "Where the first start begins: with the events from then on, with the oldest events that the Management "
            "Center still holds, or with the events since a time such as 2025-04-01T00:00:00Z.",
            "Later starts continue where the input stopped, whatever is given here.",
        ),
        scheme="Where the first start begins: now, oldest, or an ISO 8601 time.",
        page=Page(control="start_from"),
    ),
    Parameter(
        name="event_types",
        label="Event types",
        type=Line(form=_LIST),
        default=",".join(fully_qualified.DEFAULT_EVENT_TYPES),
        help="Tick the same types on the Management Center: System > Integration > eStreamer.",
        docs=f"what to ask for: any of {', '.join(f'`{name}`' for name in fully_qualified.EVENT_TYPES)}",
        spec=(
            f"Which types of events to ask for: any of {', '.join(fully_qualified.EVENT_TYPES[:-1])} and "
            f"{fully_qualified.EVENT_TYPES[-1]}. The same types must be ticked on the Management Center.",
        ),
        scheme=f"{', '.join(fully_qualified.EVENT_TYPES)}, or some.",
        page=Page(RECEIVE, "event_types"),
    ),
    _fields(
        "ConnectionEvent",
        "connection_fields",
        "connection events",
        "Connection fields",
        "A field set stands for a group of fields, so it includes the new fields of a later "
        "Management Center. Choose single fields that are in no set, or to save license volume. "
        "Recommended: the field sets of Cisco's guide, which dashboards and CIM need.",
        "field sets and field names to ask for in connection events, in any mix",
    ),
    _fields(
        "IntrusionEvent",
        "intrusion_fields",
        "intrusion events",
        "Intrusion fields",
        "The fields of each intrusion event.",
        "those of intrusion events",
    ),
    _fields(
        "IntrusionPacket",
        "packet_fields",
        "intrusion packets",
        "Packet fields",
        "The fields of each intrusion packet.",
        "those of intrusion packets",
    ),
    _fields(
        "FileEvent",
        "file_fields",
        "file and malware events",
        "File fields",
        "The fields of each file event.",
        "those of file events; malware events are file events",
    ),
    Parameter(
        name="drop_rules",
        label="Drop rules",
        type=Lines(longest=MAX_LENGTH, form="<rules>"),
        help="Optional, to save license volume. One rule a line: an event type, a colon, and "
        "conditions separated by commas, for example ConnectionEvent: AC_RuleAction=Allow, "
        "FirewallRule=Backup*. An event that meets all conditions of one rule is counted in "
        "the log and not written to Splunk. * stands for any text.",
        docs="[drop_rules.md](drop_rules.md)",
        spec=(
            "Events that are counted but not written to Splunk. Each rule names an event type and its conditions, for "
            "example: ConnectionEvent: AC_RuleAction=Allow, FirewallRule=Backup*",
            "An event that meets all conditions of one rule is dropped.",
        ),
        scheme="Events that are counted and not written.",
        page=Page(RECEIVE, "drop_rules"),
    ),
    Parameter(
        name="request_style",
        label="Request style",
        type=Choice(
            dict(zip(fully_qualified.REQUEST_STYLES, ("Automatic", "Single message", "Two steps"))),
        ),
        default=fully_qualified.REQUEST_STYLES[0],
        help="How to ask. Automatic tries both ways and remembers the one that worked. Change it "
        "only if support asks you to.",
        docs="how to ask: `single` message, `two-step`, or `auto`, which tries one after the other and remembers what "
        "worked",
        spec=(
            "How to ask the Management Center for events: in a single message, in two steps, or automatically in the "
            "way that it understands.",
        ),
        scheme="auto, single or two-step.",
        page=Page(RECEIVE, "request_style"),
    ),
    Parameter(
        name="settle",
        label="Settle",
        # Resuming goes back that far, and the server sends all of it again.
        type=Whole(0, 3600),
        default="30",
        help="Seconds that Splunk needs to process the events that it has read. After a restart "
        "or crash of Splunk, events of this window are fetched again, so that none is lost. "
        "30 is enough unless Splunk's queues are often blocked.",
        docs="seconds that Splunk has to process what it has read: [delivery.md](delivery.md)",
        spec=(
            "Seconds that Splunk is given to process what it has read. After a restart or crash of Splunk, events of "
            "this window are asked for again, so that none is lost.",
        ),
        scheme="Seconds that Splunk has to process what it has read.",
        page=Page(ADVANCED, wrong_limits="Settle: give a whole number of seconds from {lowest} to {highest}."),
    ),
    Parameter(
        name="planned_restart",
        label="Planned restart",
        type=Choice(
            {
                "trust": "Trust that Splunk keeps what it has read",
                "resend": "Resend what was read within the settle time",
            }
        ),
        default="trust",
        help="What a planned restart of Splunk means for events that it had just read. "
        "Recommended: trust. No event is delivered twice if Splunk had read all of them and "
        "was not behind within the settle time. Choose to resend if Splunk is often killed, "
        "for example by a short shutdown time limit.",
        docs="`trust`: a planned restart of a Splunk that was keeping up delivers nothing twice; `resend`: the last "
        "`settle` seconds are delivered again: [delivery.md](delivery.md)",
        spec=(
            "What a planned restart of Splunk means for events that it has read. With trust, no event is delivered "
            "again if Splunk asked the input to stop, read all events, and was not behind within the last <settle> "
            "seconds. With resend, and after any other end of Splunk, the events of the last <settle> seconds are "
            "delivered again.",
        ),
        scheme="trust or resend: what to do after a restart of Splunk.",
        page=Page(ADVANCED),
    ),
    Parameter(
        name="interval",
        label="Interval",
        # 0 would be a loop without a pause.
        type=Whole(1, 3600),
        default="60",
        help="Seconds until Splunk starts the input again after it has ended. The input runs without end: this is not "
        "a polling interval.",
        docs="seconds until Splunk starts the input again after it has ended; it runs without end",
        spec=(
            "Seconds until Splunk starts the input again after it has ended. The input runs without end: this is not a "
            "polling interval.",
        ),
        page=Page(ADVANCED, "interval"),
    ),
    Parameter(
        name="disabled",
        label="Disabled",
        type=Switch(),
        nothing="0",
        docs="1 switches the input off. The form does not have it: the table has a switch",
        page=None,
    ),
)
"""The parameters of an input, in the order in which pages and docs have them."""

CERTIFICATE_VALUES = {
    "certificate_subject": "The common name of the client certificate: this machine's address as the Management Center "
    "sees it. This setting and those below are written by the add-on when the account is saved.",
    "certificate_issuer": "Who issued the client certificate.",
    "certificate_not_before": "When the client certificate becomes valid: UTC, as in 2026-05-31T14:00:00Z.",
    "certificate_not_after": "When the client certificate expires.",
    "certificate_chain_not_after": "When the chain ends: the client certificate, or a CA certificate of the file that "
    "has issued it, whichever expires first. Absent until the account is saved again after an upgrade from 0.1.0.",
    "certificate_ends_first": 'Which certificate of the chain that is: "client certificate", or "CA certificate" and '
    "its subject.",
    "certificate_fingerprint": "SHA-256 fingerprint of the client certificate, in hexadecimal digits.",
}
"""What the add-on stores of an account in addition to its parameters, with the text of the spec."""


def named(table: Iterable[Parameter], name: str) -> Parameter:
    """Return a parameter. Raises KeyError for one that the table does not have."""
    return {parameter.name: parameter for parameter in table}[name]


def typed(table: Iterable[Parameter], name: str, wanted: type[T]) -> tuple[Parameter, T]:
    """Return a parameter and its type, which is `wanted`. Raises KeyError without such a parameter, and TypeError."""
    found = named(table, name)
    if not isinstance(found.type, wanted):
        raise TypeError(f"{name} is a {type(found.type).__name__}, not a {wanted.__name__}.")
    return found, found.type


def length_limits(*tables: Iterable[Parameter]) -> dict[str, int]:
    """Return the most characters of each parameter that is a text or a number; the size of a file is in bytes."""
    limited = (Line, Lines, Whole)
    return {one.name: one.type.longest for table in tables for one in table if isinstance(one.type, limited)}


def secrets(table: Iterable[Parameter]) -> tuple[str, ...]:
    """Return the parameters that are kept in storage/passwords."""
    return tuple(one.name for one in table if one.secret)


def field_parameters(table: Iterable[Parameter]) -> dict[str, str]:
    """Return the parameter that holds the field sets and field names of each event type."""
    return {one.fields_of: one.name for one in table if one.fields_of}


def in_lines(table: Iterable[Parameter]) -> tuple[str, ...]:
    """Return the parameters that users write in several lines."""
    return tuple(one.name for one in table if isinstance(one.type, Lines))
