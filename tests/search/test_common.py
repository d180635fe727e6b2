"""What holds for all events: device, connection, addresses, ports, zones, applications, users, policies, URLs."""

from __future__ import annotations

import pytest

from standins.search import Knowledge
from tests.search.case import (
    ABSENT,
    HOST,
    OTHER_SOURCE,
    Case,
    case,
    connection,
    differences,
    file,
    intrusion,
    packet,
    text,
)

DEVICE = "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63"

DEVICES = [
    case("vendor and product are constant", connection(), vendor_product="Cisco Secure Firewall"),
    case("vendor and product of any event", text({}, {"EventType": "X"}), vendor_product="Cisco Secure Firewall"),
    case("the device's name", file(Device="ftd-1"), dvc="ftd-1", sensor_name="ftd-1", dvc_ip="172.16.0.10"),
    case("without a name its address", file(Device=ABSENT), dvc="172.16.0.10", sensor_name="172.16.0.10"),
    case("a name not resolved is none", file(Device="Invalid ID"), dvc="172.16.0.10", sensor_name="172.16.0.10"),
    case("without both its UUID", connection(), dvc=DEVICE, sensor_name=DEVICE, dvc_ip=ABSENT),
    case("an unknown address is none", file(Device=ABSENT, DeviceIP="Unknown"), dvc=DEVICE, sensor_name=DEVICE),
    case("an unknown address is not told", file(DeviceIP="Unknown"), dvc_ip=ABSENT),
    case("without anything the host", connection(DeviceUUID=ABSENT), dvc=HOST, sensor_name=HOST, device_id=ABSENT),
    case(
        "a device of the classic stream",
        connection(DeviceUUID=ABSENT, DeviceID=7),
        device_id="7",
        dvc="7",
        sensor_name="7",
    ),
    case("device, instance, connection", connection(), device_id=DEVICE, instance_id="1", connection_id="259"),
    case("the key of a flow", connection(), flow_id=f"{DEVICE}:1:1743500734:259"),
    case("the key of a file's flow", file(), flow_id=f"{DEVICE}:1:1741199881:10092"),
    case(
        "the key of a flow of the classic stream",
        connection(DeviceUUID=ABSENT, DeviceID=7),
        flow_id="7:1:1743500734:259",
    ),
    case("no flow without a part of its key", connection(InstanceID=ABSENT), flow_id=ABSENT, instance_id=ABSENT),
    case("the event's number", intrusion(), event_id="195", id="195"),
    case("no event number where there is none", connection(), event_id=ABSENT, id=ABSENT),
    case("a day after a connection's begin", connection(), sfw_day_later="1743587134"),
    case("a day after its end", connection(LastPacketSecond=1743500750), sfw_day_later="1743587150"),
    case("a day after any end but second 0", connection(LastPacketSecond=1), sfw_day_later="86401"),
    case("a day after its begin, not ended", connection(LastPacketSecond=0), sfw_day_later="1743587134"),
    case("a day after an intrusion", intrusion(LastPacketSecond=1744752800), sfw_day_later="1744839107"),
    case("no day after an unknown time", text({}, {"EventType": "X"}), sfw_day_later=ABSENT),
]

ADDRESSES = [
    case(
        "initiator and responder of a connection",
        connection(),
        src="172.16.3.110",
        src_ip="172.16.3.110",
        dest="142.250.191.196",
        dest_ip="142.250.191.196",
        src_port="62296",
        dest_port="443",
    ),
    case(
        "initiator and responder of an intrusion",
        intrusion(),
        src="146.75.78.172",
        src_ip="146.75.78.172",
        dest="172.16.3.110",
        dest_ip="172.16.3.110",
        src_port="80",
        dest_port="2604",
    ),
    case(
        "initiator and responder of a file, downloaded",
        file(FileDirection="Download"),
        src="172.16.3.158",
        src_ip="172.16.3.158",
        dest="85.215.35.144",
        dest_ip="85.215.35.144",
        src_port="55988",
        dest_port="80",
    ),
    case("the same where it is uploaded", file(FileDirection="Upload"), src="172.16.3.158", dest="85.215.35.144"),
    case("IPv4", connection(), protocol="ip", protocol_version="ipv4"),
    case(
        "IPv6",
        connection(InitiatorIP="2001:db8::1", ResponderIP="2001:db8::2"),
        src="2001:db8::1",
        dest="2001:db8::2",
        protocol="ip",
        protocol_version="ipv6",
    ),
    case("one IPv6 address is enough", connection(InitiatorIP=ABSENT, ResponderIP="::1"), protocol_version="ipv6"),
    case("one IPv4 address is enough", connection(InitiatorIP=ABSENT), src=ABSENT, protocol_version="ipv4"),
    case("an IPv4 initiator is enough", connection(ResponderIP=ABSENT), dest=ABSENT, protocol_version="ipv4"),
    case("an IPv6 initiator is enough", connection(InitiatorIP="::1", ResponderIP=ABSENT), protocol_version="ipv6"),
    case("no address, no version", packet(), protocol=ABSENT, protocol_version=ABSENT, src=ABSENT, dest=ABSENT),
    case("an address without a protocol is IP", packet(InitiatorIP="192.0.2.1"), protocol="ip", transport=ABSENT),
    case("a protocol alone is IP", packet(Protocol="gre"), protocol="ip", protocol_version=ABSENT),
    case("a responder alone is IP", packet(ResponderIP="192.0.2.1"), protocol="ip"),
]


def of_kind(kind: str, **fields: str) -> str:
    """Return an event of a kind that the classic stream brings."""
    return text({}, {"EventType": kind, **fields})


VICTIM, PEER = "192.0.2.1", "198.51.100.2"
BOTH = {"InitiatorIP": VICTIM, "ResponderIP": PEER}

OTHER_KINDS = [
    case("malware that was received", of_kind("MalwareEvent", **BOTH, FileDirection="Download"), src=PEER, dest=VICTIM),
    case("malware that was sent", of_kind("MalwareEvent", **BOTH, FileDirection="Upload"), src=VICTIM, dest=PEER),
    case(
        "malware with one address", of_kind("MalwareEvent", InitiatorIP=VICTIM), src=ABSENT, src_ip=ABSENT, dest=VICTIM
    ),
    case("malware on a host", of_kind("MalwareEvent", HostIP=VICTIM), src=ABSENT, dest=VICTIM, dest_ip=VICTIM),
    case(
        "the same addresses of malware",
        of_kind("MalwareEvent", **BOTH, FileDirection="Download"),
        src_ip=PEER,
        dest_ip=VICTIM,
    ),
    case(
        "a correlation of one host", of_kind("CorrelationEvent", HostIP=VICTIM), dest=VICTIM, dest_ip=VICTIM, src=ABSENT
    ),
    case("a correlation of an initiator", of_kind("CorrelationEvent", InitiatorIP=VICTIM), dest=VICTIM, src=VICTIM),
    case(
        "a correlation of both", of_kind("CorrelationEvent", **BOTH), src=VICTIM, dest=PEER, src_ip=VICTIM, dest_ip=PEER
    ),
    case(
        "the host of malware that was sent",
        of_kind("MalwareEvent", **BOTH, FileDirection="Upload"),
        src_ip=VICTIM,
        dest_ip=PEER,
    ),
    case("the host of malware with one address", of_kind("MalwareEvent", InitiatorIP=VICTIM), dest_ip=VICTIM),
    case("the host of a correlation", of_kind("CorrelationEvent", InitiatorIP=VICTIM, HostIP=PEER), dest_ip=VICTIM),
    case(
        "a login at a firewall without a name",
        of_kind("UserEvent", Device="Unknown", DeviceIP="192.0.2.3"),
        dest="192.0.2.3",
    ),
    case("at one of an unknown address", of_kind("UserEvent", DeviceIP="Unknown", DeviceUUID="u"), dest="u"),
    case("at one that has a number", of_kind("VPNEvent", DeviceID="3"), dest="3"),
    case("a host discovered", of_kind("DiscoveryEvent", HostIP=VICTIM), dest=VICTIM, dest_ip=VICTIM, src=ABSENT),
    case("a host compromised", of_kind("IndicatorOfCompromiseEvent", HostIP=VICTIM), dest=VICTIM, dest_ip=VICTIM),
    case("a login", of_kind("UserEvent", UserIP=VICTIM, Device="ftd-1"), src=VICTIM, src_ip=VICTIM, dest="ftd-1"),
    case("a login has no other address", of_kind("UserEvent", UserIP=VICTIM), dest=HOST, dest_ip=ABSENT),
    case("a login at a host", of_kind("UserEvent", HostIP=VICTIM), src=VICTIM, src_ip=VICTIM),
    case(
        "a login elsewhere",
        of_kind("UserEvent", UserIP=VICTIM, AuthenticationType="Passive (AD)"),
        dest=VICTIM,
        dest_ip=VICTIM,
    ),
    case(
        "a login elsewhere, at a host",
        of_kind("UserEvent", HostIP=VICTIM, AuthenticationType="passive"),
        dest=VICTIM,
        dest_ip=VICTIM,
    ),
    case(
        "a VPN session",
        of_kind("VPNEvent", VPN_ClientIP=PEER, UserIP=VICTIM, Device="ftd-1"),
        src=PEER,
        src_ip=PEER,
        dest="ftd-1",
        dest_ip=VICTIM,
    ),
]

PROTOCOLS = [
    case("TCP", connection(Protocol="tcp"), transport="tcp", protocol="ip", src_port="62296", dest_port="443"),
    case("UDP", connection(Protocol="udp"), transport="udp", protocol="ip", src_port="62296", dest_port="443"),
    case("ICMP", connection(Protocol="icmp"), transport="icmp", protocol="icmp", src_port="0", dest_port="0"),
    case("ICMP without ports", connection(Protocol="icmp", InitiatorPort=ABSENT, ResponderPort=ABSENT), dest_port="0"),
    case("ICMP of IPv6", connection(Protocol="ipv6-icmp"), transport="icmp", protocol="icmp", dest_port="0"),
    case("SCTP", connection(Protocol="sctp"), transport="sctp", protocol="ip", src_port="62296", dest_port="443"),
    case("DCCP", connection(Protocol="DCCP"), transport="dccp", src_port="62296", dest_port="443"),
    case("UDP-Lite", connection(Protocol="udplite"), src_port="62296", dest_port="443"),
    case("no port of TCP is told", connection(ResponderPort=ABSENT), dest_port=ABSENT, src_port="62296"),
    case("a packet has no ports", packet(), src_port=ABSENT, dest_port=ABSENT),
    case("capitals", connection(Protocol="TCP"), transport="tcp", src_port="62296", dest_port="443"),
    case("ICMP in capitals", connection(Protocol="ICMP"), transport="icmp", protocol="icmp", dest_port="0"),
    case("another one", connection(Protocol="gre"), transport="gre", protocol="ip", src_port="0", dest_port="0"),
    case("an unknown one keeps its ports", connection(Protocol="Unknown"), transport=ABSENT, src_port="62296"),
    case("an absent one keeps its ports", connection(Protocol=ABSENT), transport=ABSENT, dest_port="443"),
    case("an absent one is IP by its address", connection(Protocol=ABSENT), src_port="62296", protocol="ip"),
    case("an unknown one's responder port", connection(Protocol="Unknown"), dest_port="443"),
    case("ICMP type and code", connection(Protocol="icmp", ICMP_Type=8, ICMP_Code=0), icmp_type="8", icmp_code="0"),
    case("no ICMP type where there is none", connection(), icmp_type=ABSENT, icmp_code=ABSENT),
]

CARRIERS = ("HTTPS", "https", "HTTP/2", "http/3", "SSL", "TLS", "DTLS", "QUIC", "Unknown", "")
BROWSERS = (
    "SSL client",
    "TLS client",
    "HTTP client",
    "https client",
    "QUIC client",
    "Web browser",
    "Chrome",
    "Chromium",
    "Firefox",
    "Edge",
    "Safari",
    "Opera",
    "Internet Explorer",
    "Unknown",
)
"""What is no application of its own: a protocol that others use, and a client for anything."""

PLACES = [
    case("zones", connection(), src_zone="inside", dest_zone="outside"),
    case("interfaces", connection(IngressInterface="in1", EgressInterface="out1"), src_interface="in1"),
    case("the interface out", connection(IngressInterface="in1", EgressInterface="out1"), dest_interface="out1"),
    case("zones of an intrusion", intrusion(), src_zone="outside", dest_zone="inside"),
    case("no zones in a file event", file(), src_zone=ABSENT, dest_zone=ABSENT, src_interface=ABSENT),
    case("a zone not resolved", connection(IngressZone="Invalid ID"), src_zone=ABSENT, dest_zone="outside"),
    case("what the lookup of directions reads", connection(), sfw_ingress_zone="inside", sfw_egress_zone="outside"),
    case("an empty zone", connection(IngressZone="", EgressZone=""), sfw_ingress_zone=ABSENT, sfw_egress_zone=ABSENT),
    case("the other not resolved", connection(EgressZone="Invalid ID"), src_zone="inside", dest_zone=ABSENT),
    case("an interface not resolved", connection(IngressInterface="Invalid ID"), src_interface=ABSENT),
    case("the other interface not resolved", connection(EgressInterface="Invalid ID"), dest_interface=ABSENT),
    case("from inside to outside", connection(), direction="outbound"),
    case("from outside to inside", intrusion(), direction="inbound"),
    case("whatever their capitals", connection(IngressZone="Inside", EgressZone="OUTSIDE"), direction="outbound"),
    case("between other zones no direction", connection(EgressZone="dmz"), direction=ABSENT),
    case("without a zone no direction", file(), direction=ABSENT),
]

NAMES = [
    *(
        case(f"{one!r} only carries others", connection(Application=one, ClientApplication="AnyDesk"), app="AnyDesk")
        for one in CARRIERS
    ),
    *(case(f"{one!r} says nothing more", connection(ClientApplication=one), app="Google") for one in BROWSERS),
    case("a protocol that carries no others", connection(Application="SSH", ClientApplication="AnyDesk"), app="SSH"),
    case("HTTP says enough", connection(Application="HTTP", ClientApplication="cURL"), app="HTTP"),
    case("a browser in a carrier", connection(), app="Google"),
    case("browsing says nothing more than the carrier", connection(WebApplication="Web Browsing"), app="HTTPS"),
    case("a browser where the web's is not told", connection(Application=ABSENT, WebApplication=ABSENT), app="Firefox"),
    case(
        "browsing, where nothing else is told",
        connection(Application=ABSENT, ClientApplication=ABSENT, WebApplication="Web Browsing"),
        app="Web Browsing",
    ),
    case("an unknown one is none", connection(Application="Unknown", ClientApplication="Wget"), app="Wget"),
    case("without both the web's", connection(Application=ABSENT, ClientApplication=ABSENT), app="Google"),
    case("of two unknown ones the third", connection(Application="Unknown", ClientApplication="None"), app="Google"),
    case(
        "of three unknown ones none",
        connection(Application="Unknown", ClientApplication="Unknown", WebApplication="Unknown"),
        app="unknown",
    ),
    case(
        "no application of an intrusion",
        intrusion(Application=ABSENT, ClientApplication=ABSENT, WebApplication=ABSENT),
        app="unknown",
    ),
    case(
        "no application of a file",
        file(Application=ABSENT, ClientApplication=ABSENT, WebApplication=ABSENT),
        app="unknown",
    ),
    case("no application of a packet", packet(), app=ABSENT),
    case("rule and policy", connection(), rule="NasBlock", policy="default"),
    case("rule and policy of an intrusion", intrusion(), rule="Permit Outbound", policy="default"),
    case("no rule in a file event", file(), rule=ABSENT, policy=ABSENT),
    case("a rule whose name is not resolved", connection(FirewallRule="Invalid ID"), rule="Invalid ID"),
    *(
        case(f"no rule but {one!r}", connection(FirewallRule=one), rule="No rule logged")
        for one in ("", "-", "null", "(null)", "Unknown")
    ),
    case("no rule of an intrusion", intrusion(FirewallRule=ABSENT, FirewallRuleID=ABSENT), rule="No rule logged"),
    case("a rule of a tunnel", connection(FirewallRule=ABSENT, TunnelRule="Inside GRE"), rule="Inside GRE"),
    case("no name of a tunnel's", connection(FirewallRule="", TunnelRule="Unknown", FirewallRuleID=7), rule="rule 7"),
    case("a rule by its number", connection(FirewallRule=ABSENT, FirewallRuleID=7), rule="rule 7"),
    case(
        "a rule of a correlation",
        text({}, {"EventType": "CorrelationEvent", "CorrelationRule": "R", "FirewallRule": "F"}),
        rule="R",
    ),
    case("a rule with quotes", connection(FirewallRule='say "no"'), rule='say "no"'),
    case("a rule beyond ASCII", connection(FirewallRule="Gäste & Büro"), rule="Gäste & Büro"),
    case("a user", connection(UserName="jdoe"), user="jdoe"),
    case("no user", connection(), user=ABSENT),
    case("nobody asked", connection(UserName="No Authentication Required"), user=ABSENT),
    case("an unknown user", connection(UserName="Unknown"), user=ABSENT),
    case("a user not found", connection(UserName="Not Found"), user=ABSENT),
]

FILLERS = [
    case(f"{filler!r} as {raw} is no {field}", connection(**{raw: filler}), **{field: ABSENT})
    for raw, field in (
        ("FirewallPolicy", "policy"),
        ("IngressZone", "src_zone"),
        ("EgressZone", "dest_zone"),
        ("IngressInterface", "src_interface"),
        ("EgressInterface", "dest_interface"),
        ("UserName", "user"),
        ("URL", "url"),
        ("URL", "url_domain"),
        ("SSL_Policy", "ssl_policies"),
        ("SSL_Version", "ssl_version"),
        ("SSL_CertFingerprint", "ssl_hash"),
        ("HTTP_Referer", "http_referrer"),
        ("Protocol", "transport"),
        ("ReferencedHost", "site"),
        ("UserAgent", "http_user_agent"),
        ("UserAgent", "http_user_agent_length"),
        ("DNS_Query", "query"),
        ("URL_Category", "category"),
    )
    for filler in ("", "-", "null", "unknown", "Unknown", "None", "N/A", "Not Checked", "Invalid ID", "Not Found")
]

ADDRESSES_OF_THE_WEB = [
    case("a URL and its host", connection(), url="https://www.google.com", url_domain="www.google.com"),
    case("no URL", connection(URL=ABSENT), url=ABSENT, url_domain=ABSENT),
    case("with a path", connection(URL="http://a.example/x?y=http://b.example"), url_domain="a.example"),
    case("with a port", connection(URL="http://a.example:8080/x"), url_domain="a.example"),
    case("with a user", connection(URL="http://me:secret@a.example/x"), url_domain="a.example"),
    case("with an @ in its path", connection(URL="http://a.example/@b.example"), url_domain="a.example"),
    case("with a query but no path", connection(URL="http://a.example?q=1"), url_domain="a.example"),
    case("with an anchor but no path", connection(URL="http://a.example#top"), url_domain="a.example"),
    case("without a scheme", connection(URL="a.example/x"), url="a.example/x", url_domain="a.example"),
    case("beyond ASCII", connection(URL="https://bücher.example/katalog"), url_domain="bücher.example"),
    case("an IPv6 host", connection(URL="https://[2001:db8::1]:8443/x"), url_domain="2001:db8::1"),
    case("without a host", connection(URL="/x"), url="/x", url_domain=ABSENT),
    case("the URI of a file", file(), uri="/csm-eicar.gif"),
    case("the URI of an intrusion", intrusion(HTTP_URI="/x"), uri="/x"),
    case("no URI", connection(), uri=ABSENT),
    case("an unknown URI", file(URI="Unknown"), uri=ABSENT),
    case("an unknown URI of an intrusion", intrusion(HTTP_URI="Unknown"), uri=ABSENT),
    case("where one came from", connection(HTTP_Referer="http://a.example/"), http_referrer="http://a.example/"),
    case("no such place", connection(), http_referrer=ABSENT),
    case("a certificate", connection(), ssl_hash="2fcc05c514c4cda4260531f967407cd33974340c"),
    case("no certificate", file(), ssl_hash=ABSENT, ssl_version=ABSENT, ssl_policies=ABSENT),
    case("nothing decrypted", connection(), ssl_version=ABSENT, ssl_policies=ABSENT),
    case("a version of TLS", connection(SSL_Version="TLSv1.3"), ssl_version="TLSv1.3"),
    case("a policy for TLS", connection(SSL_Policy="Decrypt"), ssl_policies="Decrypt"),
]

OTHERS = [
    Case("a packet has no tags", packet(), {"action": ABSENT, "severity": ABSENT}, ("sfw_packet",), ()),
    Case("an event of another type has none", text({}, {"EventType": "X"}), {"action": ABSENT}, (), ()),
]

BROUGHT = [
    Case("a connection", connection(URL=ABSENT), {"src": "172.16.3.110"}, ("sfw_connection",), source=OTHER_SOURCE),
    Case("an intrusion", intrusion(), {"signature_id": "11192"}, ("sfw_intrusion",), source=OTHER_SOURCE),
    Case(
        "a file",
        file(),
        {"file_name": "csm-eicar.gif"},
        ("sfw_file", "sfw_malware", "sfw_malware_download"),
        source=OTHER_SOURCE,
    ),
]
"""Events that our input did not bring."""

CASES = [
    *BROUGHT,
    *DEVICES,
    *ADDRESSES,
    *OTHER_KINDS,
    *PROTOCOLS,
    *PLACES,
    *NAMES,
    *FILLERS,
    *ADDRESSES_OF_THE_WEB,
    *OTHERS,
]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_common_fields(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []
