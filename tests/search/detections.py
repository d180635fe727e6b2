"""Searches of our own that read the same fields, and group by the same, as Splunk's published detections do.

Published are the detections of the analytic story "Cisco Secure Firewall Threat Defense Analytics" and those over the
data models Network_Traffic, Network_Resolution, Web and Intrusion_Detection that such events can set off. Several that
read and group alike are one here. Values, thresholds and names are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from standins.fmc.events import sample

Event = Mapping[str, Any]

_SAMPLES = {"ConnectionEvent": "connection_event", "IntrusionEvent": "intrusion_event", "FileEvent": "file_event"}
_HEAD = 'sourcetype="cisco:sfw:estreamer" EventType="{}" '
_PORTLESS = frozenset(["ICMP", "GRE"])
_NO_CLIENT = frozenset(["no application"])
_NO_APPLICATION = frozenset(["no application", "applications Unknown"])
_NO_URL = frozenset(["no URL", "URL Unknown"])
_NO_RESULT = frozenset(["no result", "no groups"])
_TWICE = frozenset(["members twice"])


@dataclass(frozen=True)
class Detection:
    """A search, events that set it off, and sets of events just below that.

    `asked` names fillers of members whose value the search asks for: they do not count. `lost` names fillers with which
    the event is in no group, since the search groups by a raw name that is absent. `doubled` names fillers with which
    an event counts more than once, since a raw name by which the search groups has two values.
    """

    name: str
    search: str
    hit: Sequence[Event]
    below: Sequence[Sequence[Event]]
    asked: frozenset[str] = field(default_factory=frozenset)
    lost: frozenset[str] = field(default_factory=frozenset)
    doubled: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """The kind of the event that is to be found, whose fillers are tried."""
        return str(self.hit[0]["EventType"])


def _event(kind: str, changes: Mapping[str, Any]) -> Event:
    return {**sample(_SAMPLES[kind]), **changes, "EventType": kind}


def connection(**changes: Any) -> Event:
    """Return the members of the real connection, allowed, with these changes."""
    return _event("ConnectionEvent", {"AC_RuleAction": "Allow", **changes})


def intrusion(**changes: Any) -> Event:
    """Return the members of the real intrusion with these changes."""
    return _event("IntrusionEvent", changes)


def file(**changes: Any) -> Event:
    """Return the members of the real file with these changes."""
    return _event("FileEvent", changes)


def asked(**changes: Any) -> Event:
    """Return the members of a connection that asked for a name."""
    told = {"DNS_RecordDescription": "a host address", "DNS_ResponseType": "No Error"}
    return connection(**{"Protocol": "udp", "ResponderPort": 53, "Application": "DNS", "URL": None, **told, **changes})


def web(**changes: Any) -> Event:
    """Return the members of a connection in which HTTP was seen."""
    told = {"UserAgent": "Mozilla/5.0 (Test)", "HTTP_Response": 200, "URL_Category": "News"}
    return connection(**{"Application": "HTTP", "WebApplication": "Web Browsing", **told, **changes})


def _of(kind: str, ask: str, by: str, *, least: int = 1, found: str = "count", fill: bool = False) -> str:
    filled = " | fillnull" if fill else ""
    return f"{_HEAD.format(kind)}{ask}{filled} | stats {found} as found by {by} | where found>={least}"


def _in(model: str, where: str, by: str, *, least: int = 1, found: str = "count", fill: bool = True) -> str:
    """Return a search over a data model; published ones fill empty groups by a macro, unless they are older."""
    filled = "fillnull_value=null " if fill else ""
    return f"| tstats {filled}{found} as found from datamodel={model} where {where} by {by} | where found>={least}"


def _names(dataset: str, names: str) -> str:
    return " ".join(f"{dataset}.{name}" for name in names.split())


_BLOCKED = connection(AC_RuleAction="Block")
_UPDATER = {"ClientApplication": "Updater", "ClientApplicationVersion": "7.1"}
_SENT = {"InitiatorBytes": 6_000_000, "ResponderBytes": 4_000_000}
_OUT = _HEAD.format("ConnectionEvent") + 'IngressZone="inside" EgressZone="outside" '

CONNECTIONS = [
    Detection(
        "a client that was let through",
        _of(
            "ConnectionEvent",
            'action IN ("Trust", "allowed") ClientApplication="Updater" NOT url="*://known.*"',
            "src dest dest_port transport rule url EVE_Process ClientApplication ClientApplicationVersion action",
        ),
        [connection(**_UPDATER)],
        [[connection(**_UPDATER, AC_RuleAction="Block")], [connection(ClientApplication="Firefox")]],
        _NO_CLIENT,
        _NO_URL | {"no process", "no client version"},
    ),
    Detection(
        "a certificate",
        _of("ConnectionEvent", 'SSL_CertFingerprint="ab*"', "SSL_CertFingerprint src transport action"),
        [connection(SSL_CertFingerprint="ab" * 20)],
        [[connection(SSL_CertFingerprint="cd" * 20)], [connection(SSL_CertFingerprint="Not Checked")]],
    ),
    Detection(
        "a blocked connection",
        _of("ConnectionEvent", "action=blocked", "src dest dest_port transport rule url EVE_Process action"),
        [_BLOCKED],
        [[connection()], [connection(AC_RuleAction="Would Have Blocked")], [connection(AC_RuleAction=None)]],
        lost=_NO_URL | {"no process"},
    ),
    Detection(
        "blocked again and again",
        _of("ConnectionEvent", "action=blocked", "src dest transport rule action", least=4),
        [_BLOCKED] * 4,
        [[_BLOCKED] * 3, [connection()] * 4],
    ),
    Detection(
        "a port",
        _of("ConnectionEvent", "dest_port>7000 dest_port<7100", "src dest dest_port transport action"),
        [connection(ResponderPort=7001)],
        [[connection(ResponderPort=7000)]],
        _PORTLESS,
    ),
    Detection(
        "a site",
        _of("ConnectionEvent", 'action IN ("Trust", "allowed") url="*share.example*"', "src transport action"),
        [connection(URL="https://share.example/a")],
        [
            [connection(URL="https://sharing.example/a")],
            [connection(URL="https://share.example/a", AC_RuleAction="Block")],
        ],
        _NO_URL,
    ),
    Detection(
        "a suspicious process",
        _of(
            "ConnectionEvent",
            "EVE_ThreatConfidencePct>=60",
            "EVE_Process EVE_ThreatConfidencePct src dest dest_port transport action",
        ),
        [connection(EVE_ThreatConfidencePct=60)],
        [[connection(EVE_ThreatConfidencePct=59)]],
        frozenset(["no process"]),
    ),
    Detection(
        "much that went out",
        f"{_OUT}| eval all=InitiatorBytes+ResponderBytes | where all>=10000000"
        " | stats count by src dest all transport action",
        [connection(**_SENT)],
        [[connection(**{**_SENT, "InitiatorBytes": 5_999_999})], [connection(**_SENT, IngressZone="outside")]],
        frozenset(["zones not resolved"]),
        # There is no sum of two values and a number.
        _TWICE,
    ),
    Detection(
        "a client application",
        _of("ConnectionEvent", "ClientApplication=Helper", "src ClientApplication action"),
        [connection(ClientApplication="Helper")],
        [[connection()]],
        _NO_CLIENT,
    ),
    Detection(
        "a tool, by its process or as client",
        _of(
            "ConnectionEvent",
            'action=allowed (EVE_Process="*fetch*" OR ClientApplication=Fetch)',
            "src dest transport EVE_Process ClientApplication action",
        ),
        [connection(ClientApplication="Fetch")],
        [[connection()], [connection(ClientApplication="Fetch", AC_RuleAction="Block")]],
        _NO_CLIENT,
        frozenset(["no process"]),
    ),
]

_ONE = "src dest dest_port transport signature_id signature class_desc MitreAttackGroups rule InlineResult "
_WHOLE = _ONE + "InlineResultReason app"
_LOW, _HIGH = {"SignatureID": 500001}, {"SignatureID": 500002}
_PAIR = "signature_id IN (500001, 500002)"
_GROUPS = "class_desc MitreAttackGroups InlineResult InlineResultReason"


def _pair(by: str) -> Detection:
    return Detection(
        f"two signatures by {by}",
        _of("IntrusionEvent", _PAIR, by, found="dc(signature_id)", least=2, fill=True),
        [intrusion(**_LOW), intrusion(**_HIGH)],
        [[intrusion(**_LOW), intrusion(**_LOW)]],
    )


def _single(by: str, **options: Any) -> Detection:
    return Detection(
        f"a signature by {by}",
        _of("IntrusionEvent", "signature_id=500001", by, fill=True),
        [intrusion(**_LOW)],
        [[intrusion(**_HIGH)]],
        **options,
    )


INTRUSIONS = [
    _single("dest"),
    _single("dest_ip"),
    _single(_WHOLE, lost=_NO_RESULT),
    _single(_WHOLE.replace("src dest ", "src_ip dest_ip "), lost=_NO_RESULT),
    _pair("src"),
    _pair("dest"),
    _pair("src dest"),
    Detection(
        "signatures of one threat",
        _HEAD.format("IntrusionEvent")
        + "| stats count by _time dest signature_id | search "
        + _PAIR
        + " | bin _time span=1d | stats dc(signature_id) as found by _time dest | where found>=2",
        [intrusion(**_LOW), intrusion(**_HIGH)],
        [[intrusion(**_LOW), intrusion(**_LOW)]],
    ),
    Detection(
        "a class",
        _of("IntrusionEvent", 'class_desc="Bad Thing"', "src dest signature class_desc", fill=True),
        [intrusion(Classification="Bad Thing")],
        [[intrusion()]],
        frozenset(["class Unknown"]),
    ),
    Detection(
        "many of one host",
        _of("IntrusionEvent", "", f"src {_GROUPS} rule transport app", least=5),
        [intrusion()] * 5,
        [[intrusion()] * 4],
        lost=_NO_RESULT,
    ),
    Detection(
        "one on many hosts",
        _of("IntrusionEvent", "", f"signature_id signature {_GROUPS}", found="dc(src)", least=4),
        [intrusion(InitiatorIP=f"10.0.0.{number}") for number in range(4)],
        [[intrusion(InitiatorIP=f"10.0.0.{number}") for number in range(3)]],
        lost=_NO_RESULT,
    ),
    Detection(
        "a rare signature",
        _HEAD.format("IntrusionEvent")
        + f"earliest=-7d | stats dc(_time) as found by signature_id {_GROUPS} | where found=1",
        [intrusion()],
        [[intrusion(), intrusion()]],
        lost=_NO_RESULT,
    ),
    Detection(
        "an impact",
        _of(
            "IntrusionEvent",
            "Impact IN (1, 2)",
            f"src dest dest_port transport Impact app impact_desc {_GROUPS}",
        ),
        [intrusion(Impact=2)],
        [[intrusion(Impact=3)]],
        lost=_NO_RESULT,
    ),
    Detection(
        "a generator",
        _of("IntrusionEvent", "GeneratorID=411 Impact>=2", "src dest GeneratorID", fill=True),
        [intrusion(GeneratorID=411, Impact=2)],
        [[intrusion(GeneratorID=411, Impact=1)], [intrusion(Impact=2)]],
    ),
    Detection(
        "an intrusion in a suspicious connection",
        _HEAD.format("IntrusionEvent")
        + "GeneratorID!=411 | eval from=coalesce(src, InitiatorIP), to=coalesce(dest, ResponderIP),"
        " link=coalesce(connection_id, ConnectionID) | join type=inner link [ search "
        + _HEAD.format("ConnectionEvent")
        + "EVE_ThreatConfidencePct>=60 | eval link=coalesce(connection_id, ConnectionID) | fields link ]"
        " | fillnull | stats count by from to link",
        [intrusion(ConnectionID=5), connection(ConnectionID=5, EVE_ThreatConfidencePct=60)],
        [
            [intrusion(ConnectionID=5), connection(ConnectionID=5, EVE_ThreatConfidencePct=59)],
            [intrusion(ConnectionID=5), connection(ConnectionID=6, EVE_ThreatConfidencePct=60)],
        ],
    ),
]

_NO_THREAT = frozenset(["no threat"])
FILES = [
    Detection(
        "a type of file",
        _of(
            "FileEvent",
            'FileDirection="Download" FileType IN ("ELF", "LNK")',
            "FileDirection FileType src dest app file_name ThreatName dest_port",
        ),
        [file(FileType="ELF")],
        [[file()], [file(FileType="ELF", FileDirection="Upload")]],
        lost=_NO_THREAT | {"no file name"},
    ),
    Detection(
        "a file over an unusual port",
        _of(
            "FileEvent",
            'FileDirection="Download" NOT dest_port IN (80, 443)',
            "FileDirection FileType app ThreatName dest_port src dest",
        ),
        [file(ResponderPort=8081)],
        [[file()]],
        lost=_NO_THREAT,
    ),
    Detection(
        "malware",
        _of(
            "FileEvent",
            'FileDirection="Download" SHA_Disposition="Malware"',
            "FileDirection dest src dest_port FileType app file_name ThreatName",
        ),
        [file()],
        [[file(SHA_Disposition="Clean")], [file(FileDirection="Upload")]],
        lost=_NO_THREAT | {"no file name"},
    ),
    Detection(
        "malware again and again",
        _of("FileEvent", 'SHA_Disposition="Malware"', "src FileDirection FileType", least=5),
        [file()] * 5,
        [[file()] * 4],
        doubled=_TWICE,
    ),
]

_INSIDE = "172.16.0.0/12"
_FLOW = _names(
    "All_Traffic", "action app bytes bytes_in bytes_out dest dest_ip dest_port dvc protocol protocol_version src"
)
_FLOW += " " + _names("All_Traffic", "src_ip src_port transport user vendor_product")
_PINGS = {"Protocol": "icmp", "InitiatorPort": None, "ResponderPort": None}


def _hosts(count: int) -> list[Event]:
    return [connection(ResponderIP=f"198.51.100.{number}", ResponderPort=22) for number in range(1, count + 1)]


def _ports(count: int) -> list[Event]:
    return [connection(ResponderPort=1020 + number) for number in range(count)]


MODELS = [
    Detection(
        "a service outside",
        _in(
            "Network_Traffic",
            "All_Traffic.action=allowed (All_Traffic.dest_port=445 OR All_Traffic.app=smb)"
            f' All_Traffic.src_ip="{_INSIDE}" All_Traffic.src="{_INSIDE}" NOT All_Traffic.dest="{_INSIDE}"',
            f"{_FLOW} All_Traffic.rule",
        ),
        [connection(ResponderPort=445)],
        [[connection(ResponderPort=446)], [connection(ResponderPort=445, ResponderIP="172.17.0.1")]],
        _PORTLESS,
    ),
    Detection(
        "an application in encrypted traffic",
        _in("Network_Traffic", "All_Traffic.app=helper", _FLOW),
        [connection(ClientApplication="Helper")],
        [[connection()]],
        _NO_CLIENT,
    ),
    Detection(
        "a protocol on a port of another",
        _in(
            "Network_Traffic",
            "All_Traffic.app=http NOT All_Traffic.dest_port=80",
            _names("All_Traffic", "src_ip dest_ip app dest_port"),
        ),
        [web(ResponderPort=81)],
        [[web(ResponderPort=80)]],
        _PORTLESS | _NO_APPLICATION,
    ),
    Detection(
        "many hosts on one port",
        _in(
            "Network_Traffic",
            f'All_Traffic.src_ip="{_INSIDE}" All_Traffic.dest_port=22',
            _names("All_Traffic", "src_ip dest_port transport"),
            found="dc(All_Traffic.dest_ip)",
            least=5,
        ),
        _hosts(5),
        [_hosts(4)],
        _PORTLESS,
    ),
    Detection(
        "many ports of one host",
        _in(
            "Network_Traffic",
            f'All_Traffic.src_ip="{_INSIDE}" All_Traffic.transport=tcp',
            _names("All_Traffic", "src_ip dest_ip transport rule"),
            found="dc(All_Traffic.dest_port)",
            least=5,
        ),
        _ports(5),
        [_ports(4)],
        _PORTLESS | {"SCTP"},
    ),
    Detection(
        "a port that is not to be open",
        _in(
            "Network_Traffic",
            "All_Traffic.action=allowed All_Traffic.dest_port=69 All_Traffic.transport=tcp",
            _names("All_Traffic", "src_ip dest_ip dest_port action dvc src_port vendor_product rule"),
        ),
        [connection(ResponderPort=69)],
        [[connection(ResponderPort=68)], [connection(ResponderPort=69, AC_RuleAction="Block")]],
        _PORTLESS | {"SCTP"},
    ),
    Detection(
        "a user of a port",
        _in(
            "Network_Traffic",
            "All_Traffic.action!=blocked All_Traffic.dest_port=110 All_Traffic.user!=nobody",
            _names("All_Traffic", "user src dest dest_port"),
        ),
        [connection(ResponderPort=110)],
        [[connection(ResponderPort=111)], [connection(ResponderPort=110, AC_RuleAction="Block")]],
        _PORTLESS,
    ),
    Detection(
        "large pings",
        _in(
            "Network_Traffic",
            "All_Traffic.bytes>500 All_Traffic.action!=blocked"
            " (All_Traffic.protocol=icmp OR All_Traffic.transport=icmp)",
            _FLOW.replace("All_Traffic.action ", "").replace("All_Traffic.transport ", ""),
        ),
        [connection(**_PINGS, InitiatorBytes=300, ResponderBytes=201)],
        [[connection(**_PINGS, InitiatorBytes=300, ResponderBytes=200)]],
        frozenset(["GRE", "SCTP"]),
    ),
    Detection(
        "a name",
        _in(
            "Network_Resolution",
            'DNS.query="*.bad.example" NOT DNS.query=unknown',
            _names("DNS", "answer answer_count query query_count reply_code_id src vendor_product"),
        ),
        [asked(DNS_Query="a.bad.example")],
        [[asked(DNS_Query="bad.example.org")]],
        _PORTLESS,
    ),
    Detection(
        "a name by host",
        _in("Network_Resolution", "DNS.query=a.bad.example NOT DNS.record_type=PTR", "DNS.query host", fill=False),
        [asked(DNS_Query="a.bad.example")],
        [[asked(DNS_Query="a.bad.example", DNS_RecordDescription="a domain name pointer")]],
        frozenset(["no record"]),
    ),
    Detection(
        "names that do not exist",
        _in(
            "Network_Resolution",
            'nodename=DNS DNS.reply_code!="No Error" DNS.reply_code!=unknown DNS.query="*.*"',
            _names("DNS", "src query reply_code"),
            least=3,
        ),
        [asked(DNS_Query="a.example", DNS_ResponseType="NXDOMAIN")] * 3,
        [[asked(DNS_Query="a.example", DNS_ResponseType="NXDOMAIN")] * 2, [asked(DNS_Query="a.example")] * 3],
        frozenset(["no answer"]),
    ),
    Detection(
        "a request that was answered",
        _in(
            "Web",
            'Web.url="*/admin/setup*" Web.status=200',
            _names("Web", "http_user_agent status http_method url url_length src dest") + " sourcetype",
            fill=False,
        ),
        [web(URL="https://www.example.com/admin/setup.php")],
        [
            [web(URL="https://www.example.com/admin/")],
            [web(URL="https://www.example.com/admin/setup", HTTP_Response=404)],
        ],
        _NO_URL | {"no answer"},
    ),
    Detection(
        "a domain",
        _in(
            "Web",
            'Web.url_domain="*.helper.example" NOT Web.url_domain=unknown',
            _names("Web", "action src category url_domain url_length"),
        ),
        [web(URL="https://www.helper.example/x")],
        [[web(URL="https://www.example.com/.helper.example")]],
        _NO_URL,
    ),
    Detection(
        "much that was sent to a site",
        _in(
            "Web",
            "Web.url=*",
            _names("Web", "url src") + " sourcetype",
            found="sum(Web.bytes_out)",
            least=1000,
            fill=False,
        ),
        [web(InitiatorBytes=1000)],
        [[web(InitiatorBytes=999)]],
        _NO_URL,
    ),
    Detection(
        "many signatures of a host inside",
        _in(
            "Intrusion_Detection.IDS_Attacks",
            'IDS_Attacks.src="172.16.0.0/12" IDS_Attacks.severity IN (critical, high, medium)',
            _names("IDS_Attacks", "src severity signature dest dest_port transport"),
        )
        + ' | stats dc("IDS_Attacks.signature") as signatures by IDS_Attacks.src | where signatures>=3',
        [intrusion(InitiatorIP="172.16.3.1", IntrusionRuleMessage=f"rule {number}") for number in range(3)],
        [
            [intrusion(InitiatorIP="172.16.3.1", IntrusionRuleMessage=f"rule {number}") for number in range(2)],
            [intrusion(InitiatorIP="192.0.2.1", IntrusionRuleMessage=f"rule {number}") for number in range(3)],
        ],
    ),
]

DETECTIONS = [*CONNECTIONS, *INTRUSIONS, *FILES, *MODELS]
