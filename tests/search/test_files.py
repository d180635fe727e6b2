"""Malware, and files that are none."""

from __future__ import annotations

import pytest

from standins.search import Knowledge
from tests.search.case import ABSENT, Case, case, connection, differences, file

MALWARE = ("sfw_file", "sfw_malware", "sfw_malware_download")
SENT = ("sfw_file", "sfw_malware", "sfw_malware_upload")
HARMLESS = ("sfw_file",)


def decided(verdict: str | None, action: str, known: str = "yes") -> Case:
    wanted = {"action": action, "vendor_action": verdict, "sfw_action_known": known}
    return case(f"{verdict} is {action}", file(FileAction=verdict), **wanted)


def scored(score: int | None, severity: str, read_as: str) -> Case:
    return case(f"score {score} is {severity}", file(ThreatScore=score), severity=severity, sfw_threat_score=read_as)


def disposed(disposition: str | None, category: str | None, types: tuple[str, ...], known: str | None = "yes") -> Case:
    wanted = {"category": category, "sfw_disposition_known": known}
    return Case(f"{disposition} is {category}", file(SHA_Disposition=disposition), wanted, types, ())


ACTIONS = [
    decided("Detect", "allowed"),
    decided("Block", "blocked"),
    decided("Malware Cloud Lookup", "allowed"),
    decided("Malware Block", "blocked"),
    decided("Malware Whitelist", "allowed"),
    decided("Cloud Lookup Timeout", "allowed"),
    decided("Custom Detection", "allowed"),
    decided("Custom Detection Block", "blocked"),
    decided("Archive Block (Depth Exceeded)", "blocked"),
    decided("Archive Block (Encrypted)", "blocked"),
    decided("N/A", "unknown"),
    decided(ABSENT, "unknown"),
    decided("Block with a smile", "blocked", known="no"),
    decided("Some Value Of Tomorrow", "unknown", known="no"),
    case("an empty action is an absent one", file(FileAction=""), action="unknown", sfw_verdict="absent"),
]

DISPOSITIONS = [
    disposed("Malware", "malware", MALWARE),
    disposed("Custom Detection", "custom detection", MALWARE),
    disposed("MALWARE", "malware", MALWARE),
    disposed("Clean", "clean", HARMLESS),
    disposed("Unknown", "undetermined", HARMLESS),
    disposed("Unavailable", "unavailable", HARMLESS),
    disposed("N/A", "not examined", HARMLESS),
    disposed("Some Value Of Tomorrow", "other", HARMLESS, known="no"),
    disposed(ABSENT, ABSENT, HARMLESS, known=ABSENT),
]

SCORES = [
    scored(100, "critical", "76"),
    scored(76, "critical", "76"),
    scored(75, "high", "51"),
    scored(51, "high", "51"),
    scored(50, "medium", "26"),
    scored(26, "medium", "26"),
    scored(25, "low", "0"),
    scored(0, "low", "0"),
    scored(ABSENT, "low", "absent"),
    case("a score that is no number", file(ThreatScore="N/A"), severity="low", sfw_threat_score="absent"),
]

SIGNATURES = [
    case("the threat's name", file(), signature="EICAR"),
    case("without one the disposition", file(ThreatName=ABSENT), signature="Malware"),
    case("a filler is no name", file(ThreatName="None"), signature="Malware"),
    case("an unknown threat of an unknown file", file(ThreatName="", SHA_Disposition="Unknown"), signature=ABSENT),
]

FILES = [
    case(
        "name, hash and size",
        file(),
        file_name="csm-eicar.gif",
        file_hash="275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        file_size="68",
    ),
    case("the path is its URI", file(), file_path="/csm-eicar.gif"),
    case("without one its name", file(URI=ABSENT), file_path="csm-eicar.gif"),
    case("an unknown URI is none", file(URI="Unknown"), file_path="csm-eicar.gif"),
    case("neither", file(URI=ABSENT, FileName=ABSENT), file_path=ABSENT, file_name=ABSENT),
    case("an unknown name", file(URI=ABSENT, FileName="Unknown"), file_path=ABSENT, file_name=ABSENT),
    case("no hash", file(FileSHA256="N/A"), file_hash=ABSENT),
    case("quotes and characters beyond ASCII", file(FileName='Über "a".pdf'), file_name='Über "a".pdf'),
]

ENDS = [
    Case(
        "malware that was received has no tags",
        file(),
        {"receiver": "172.16.3.158", "sender": "85.215.35.144"},
        MALWARE,
        (),
    ),
    Case(
        "malware that was sent",
        file(FileDirection="Upload"),
        {"sender": "172.16.3.158", "receiver": "85.215.35.144"},
        SENT,
        ("attack", "malware"),
    ),
    Case("without a direction it was received", file(FileDirection=ABSENT), {"receiver": "172.16.3.158"}, MALWARE, ()),
    Case("a harmless file that was sent", file(FileDirection="Upload", SHA_Disposition="Clean"), {}, HARMLESS, ()),
    Case(
        "a file of one's own list that was sent",
        file(FileDirection="Upload", SHA_Disposition="Custom Detection"),
        {},
        SENT,
        ("attack", "malware"),
    ),
    Case(
        "a copy for the data model",
        '1743500734, search_name="x", dest="192.0.2.1"',
        {},
        ("sfw_malware_affected",),
        ("attack", "malware"),
        source="sfw_malware_affected",
    ),
    case("nobody sends or receives a connection", connection(), sender=ABSENT, receiver=ABSENT),
]

CASES = [*ACTIONS, *DISPOSITIONS, *SCORES, *SIGNATURES, *FILES, *ENDS]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_files(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []
