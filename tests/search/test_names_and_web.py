"""Network_Resolution and Web: connections that asked for a name, and those in which HTTP was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import Knowledge
from tests.package.confs import read_conf
from tests.search.case import ABSENT, Case, case, connection, differences

TRAFFIC = ("communicate", "network")
ASKED = {"URL": ABSENT, "DNS_Query": "www.example.com"}
NO_NAME = {"query": ABSENT, "query_count": ABSENT, "message_type": ABSENT, "record_type": ABSENT, "reply_code": ABSENT}
AGENT = "Mozilla/5.0 (Test)"
NO_WEB = {"http_user_agent": ABSENT, "http_user_agent_length": ABSENT, "status": ABSENT, "site": ABSENT}


def asked(told: str, record_type: str, known: str = "yes") -> Case:
    raw = connection(**ASKED, DNS_RecordDescription=told)
    return case(f"the record {told!r} is {record_type}", raw, record_type=record_type, sfw_dns_record_known=known)


def answered(told: str, code: str, number: str | None, known: str = "yes") -> Case:
    raw = connection(**ASKED, DNS_ResponseType=told)
    wanted = {"reply_code": code, "reply_code_id": number, "sfw_dns_reply_known": known, "message_type": "Response"}
    return case(f"{told!r} is {code}", raw, **wanted)


_TYPES = """
A NS CNAME SOA WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY PX GPOS AAAA LOC NXT EID
NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM
TLSA SMIMEA HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS SPF NID L32 L64 LP EUI48
EUI64 TKEY TSIG IXFR AXFR MAILB MAILA URI CAA AVC DOA AMTRELAY TA DLV MD MF MB MG MR NULL
"""
TYPES = _TYPES.split()

MEANINGS = {
    "a host address": "A",
    "an authoritative name server": "NS",
    "a mail destination": "MD",
    "a mail forwarder": "MF",
    "the canonical name for an alias": "CNAME",
    "marks the start of a zone of authority": "SOA",
    "a mailbox domain name": "MB",
    "a mail group member": "MG",
    "a mail rename domain name": "MR",
    "a null RR": "NULL",
    "a well known service description": "WKS",
    "a domain name pointer": "PTR",
    "host information": "HINFO",
    "mailbox or mail list information": "MINFO",
    "mail exchange": "MX",
    "text strings": "TXT",
    "for Responsible Person": "RP",
    "for AFS Data Base location": "AFSDB",
    "for X.25 PSDN address": "X25",
    "for ISDN address": "ISDN",
    "for Route Through": "RT",
    "for NSAP address": "NSAP",
    "for domain name pointer": "NSAP-PTR",
    "for security signature": "SIG",
    "for security key": "KEY",
    "X.400 mail mapping information": "PX",
    "Geographical Position": "GPOS",
    "IP6 Address": "AAAA",
    "Location Information": "LOC",
    "Next Domain": "NXT",
    "Endpoint Identifier": "EID",
    "Nimrod Locator": "NIMLOC",
    "Server Selection": "SRV",
    "ATM Address": "ATMA",
    "Naming Authority Pointer": "NAPTR",
    "Key Exchanger": "KX",
    "Delegation Signer": "DS",
    "SSH Key Fingerprint": "SSHFP",
    "S/MIME cert association": "SMIMEA",
    "Host Identity Protocol": "HIP",
    "Trust Anchor LINK": "TALINK",
    "Child DS": "CDS",
    "OpenPGP Key": "OPENPGPKEY",
    "Child-To-Parent Synchronization": "CSYNC",
    "an EUI-48 address": "EUI48",
    "an EUI-64 address": "EUI64",
    "Transaction Key": "TKEY",
    "Transaction Signature": "TSIG",
    "incremental transfer": "IXFR",
    "transfer of an entire zone": "AXFR",
    "Certification Authority Restriction": "CAA",
    "Application Visibility and Control": "AVC",
    "Digital Object Architecture": "DOA",
    "Automatic Multicast Tunneling Relay": "AMTRELAY",
    "DNSSEC Trust Authorities": "TA",
    "DNSSEC Lookaside Validation": "DLV",
}
"""The registry of DNS parameters at IANA tells the types of records by these words; a server writes names or words."""

REPLIES = {
    "No Error": ("No Error", "0"),
    "NOERROR": ("No Error", "0"),
    "Format Error": ("Format Error", "1"),
    "FORMERR": ("Format Error", "1"),
    "Server Failure": ("Server Failure", "2"),
    "SERVFAIL": ("Server Failure", "2"),
    "Non-Existent Domain": ("Non-Existent Domain", "3"),
    "NXDOMAIN": ("Non-Existent Domain", "3"),
    "NotImp": ("NotImp", "4"),
    "Not Implemented": ("NotImp", "4"),
    "Refused": ("Refused", "5"),
    "Query Refused": ("Refused", "5"),
    "YXDomain": ("YXDomain", "6"),
    "Name Exists when it should not": ("YXDomain", "6"),
    "YXRRSet": ("YXRRSet", "7"),
    "RR Set Exists when it should not": ("YXRRSet", "7"),
    "NXRRSet": ("NXRRSet", "8"),
    "RR Set that should exist does not": ("NXRRSet", "8"),
    "NotAuth": ("NotAuth", "9"),
    "Not Authorized": ("NotAuth", "9"),
    "Server Not Authoritative for zone": ("NotAuth", "9"),
    "NotZone": ("NotZone", "10"),
    "Name not contained in zone": ("NotZone", "10"),
    "DSOTYPENI": ("DSOTYPENI", "11"),
    "DSO-TYPE Not Implemented": ("DSOTYPENI", "11"),
    "BADVERS": ("BADVERS", "16"),
    "Bad OPT Version": ("BADVERS", "16"),
    "BADKEY": ("BADKEY", "17"),
    "Key not recognized": ("BADKEY", "17"),
    "BADTIME": ("BADTIME", "18"),
    "Signature out of time window": ("BADTIME", "18"),
    "BADMODE": ("BADMODE", "19"),
    "Bad TKEY Mode": ("BADMODE", "19"),
    "BADNAME": ("BADNAME", "20"),
    "Duplicate key name": ("BADNAME", "20"),
    "BADALG": ("BADALG", "21"),
    "Algorithm not supported": ("BADALG", "21"),
    "BADTRUNC": ("BADTRUNC", "22"),
    "Bad Truncation": ("BADTRUNC", "22"),
    "BADCOOKIE": ("BADCOOKIE", "23"),
    "Bad/missing Server Cookie": ("BADCOOKIE", "23"),
}

NAMES = [
    Case(
        "a connection that asked for a name",
        connection(**ASKED),
        {"query": "www.example.com", "query_count": "1", "message_type": "Query", "record_type": ABSENT},
        ("sfw_connection", "sfw_dns"),
        ("communicate", "dns", "network", "resolution"),
    ),
    Case("an empty name", connection(DNS_Query=""), NO_NAME, ("sfw_connection",), TRAFFIC),
    Case("one that asked for none", connection(), NO_NAME, ("sfw_connection",), TRAFFIC),
    case(
        "a name that is none",
        connection(**{**ASKED, "DNS_Query": "Unknown"}, DNS_RecordType="A", DNS_ResponseType="No Error"),
        **NO_NAME,
        sfw_dns_record=ABSENT,
        sfw_dns_response=ABSENT,
    ),
    case("an answer in small letters", connection(**ASKED, DNS_ResponseType="nxdomain"), reply_code_id="3"),
    case("no word for an answer is none", connection(**ASKED, DNS_ResponseType="Unknown"), message_type="Query"),
    case("no answer without a query", connection(DNS_ResponseType="No Error"), reply_code=ABSENT, message_type=ABSENT),
    case("no record without a query", connection(DNS_RecordType="A"), record_type=ABSENT, sfw_dns_record=ABSENT),
    case(
        "what the lookups read",
        connection(**ASKED, DNS_RecordType="A", DNS_ResponseType="NOERROR"),
        sfw_dns_record="A",
        sfw_dns_response="NOERROR",
    ),
    case(
        "the name of a type before its description",
        connection(**ASKED, DNS_RecordType="MX", DNS_RecordDescription="a host address"),
        record_type="MX",
    ),
    *(asked(name, name) for name in TYPES),
    *(asked(meaning, name) for meaning, name in MEANINGS.items()),
    asked("A HOST ADDRESS", "A"),
    asked("a mail forwarder (OBSOLETE - use MX)", "MF"),
    asked("ANY", "*"),
    asked("Some Value Of Tomorrow", "unknown", known="no"),
    *(answered(told, *meant) for told, meant in REPLIES.items()),
    answered("SINKHOLE", "SINKHOLE", ABSENT),
    answered("Some Value Of Tomorrow", "unknown", ABSENT, known="no"),
]

WEB = [
    Case(
        "an answer over HTTP",
        connection(HTTP_Response=200, UserAgent=AGENT, ReferencedHost="a.example", URL_Category="News"),
        {
            "status": "200",
            "http_user_agent": AGENT,
            "http_user_agent_length": "18",
            "site": "a.example",
            "category": "News",
        },
        ("sfw_connection", "sfw_web"),
        (*TRAFFIC, "web"),
    ),
    Case("a request without an answer", connection(UserAgent=AGENT), {"status": ABSENT}, ("sfw_connection", "sfw_web")),
    Case("an answer to nobody", connection(HTTP_Response=200), {"status": "200"}, ("sfw_connection", "sfw_web")),
    case("an answer of number 0 is none", connection(HTTP_Response=0, UserAgent=AGENT), status=ABSENT),
    Case("a URL that is the name of a TLS server only", connection(), NO_WEB, ("sfw_connection",), TRAFFIC),
    Case("an empty URL", connection(URL="", UserAgent=AGENT), {"url": ABSENT}, ("sfw_connection",), TRAFFIC),
    Case("an empty user agent", connection(UserAgent=""), NO_WEB, ("sfw_connection",), TRAFFIC),
    Case("no URL", connection(URL=ABSENT, UserAgent=AGENT), {"url": ABSENT}, ("sfw_connection",), TRAFFIC),
]

CASES = [*NAMES, *WEB]


def test_each_event_type_has_the_tags_of_its_model_by_itself(addon: Path) -> None:
    """Who switches the tags of one off keeps those of another."""
    tags = read_conf(addon / "default/tags.conf")
    wanted = {"sfw_connection": TRAFFIC, "sfw_dns": ("network", "resolution", "dns"), "sfw_web": ("web",)}
    found = {name: set(tags[f"eventtype={name}"]) for name in wanted}
    assert found == {name: set(of_model) for name, of_model in wanted.items()}


@pytest.mark.parametrize("one", CASES, ids=str)
def test_names_and_web(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []
