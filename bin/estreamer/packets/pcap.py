"""Packets as a PCAP file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dpkt import pcap

from .layers import LONGEST

LAST_SECOND = (1 << 32) - 1


LAST_LINK = (1 << 16) - 1


MOST_LENGTH = (1 << 32) - 1
"""The greatest time (Unix seconds), link type and length on the wire (bytes) that a PCAP file holds."""


@dataclass(frozen=True)
class Captured:
    """A packet for a PCAP file: Unix time, how long it was on the wire (bytes), and as much of it as there is."""

    second: int
    microsecond: int
    length: int
    content: bytes


def pcap_file(packets: Iterable[Captured], link: int) -> bytes:
    """Return a PCAP file of packets, all of that link type, in the order in which they are given.

    Times outside of what the format can hold (1970 to 2106) become 1970-01-01.
    """
    header = bytes(pcap.LEFileHdr(snaplen=LONGEST, linktype=link))
    return header + b"".join(_pcap_record(packet) for packet in packets)


def _pcap_record(packet: Captured) -> bytes:
    content = packet.content[:LONGEST]
    second, microsecond = packet.second, packet.microsecond
    if not (0 <= second <= LAST_SECOND and 0 <= microsecond < 1_000_000):
        second = microsecond = 0
    length = min(max(packet.length, len(content)), MOST_LENGTH)
    return bytes(pcap.LEPktHdr(tv_sec=second, tv_usec=microsecond, caplen=len(content), len=length)) + content
