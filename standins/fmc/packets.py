"""Packets byte by byte: frames of each protocol after the RFCs, with correct lengths and checksums.

Nothing here is shared with the decoder that the add-on ships.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

INSIDE_MAC = bytes.fromhex("0a0000000001")
OUTSIDE_MAC = bytes.fromhex("0a0000000002")

TCP, UDP, ICMP, ICMP6, GRE = 6, 17, 1, 58, 47
SYN, PSH, ACK = 0x02, 0x08, 0x10


def checksum(content: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = content + b"\0" * (len(content) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(inner: bytes, kind: int, vlans: Sequence[tuple[int, int]] = ()) -> bytes:
    """An Ethernet frame; `vlans` are the types and the numbers of its tags, the outer first."""
    header = OUTSIDE_MAC + INSIDE_MAC
    for tag_type, number in vlans:
        header += struct.pack(">HH", tag_type, number)
    return header + struct.pack(">H", kind) + inner


def frame(packet: bytes, vlans: Sequence[tuple[int, int]] = ()) -> bytes:
    """An Ethernet frame around an IP packet, padded to the 60 bytes that Ethernet requires."""
    whole = ethernet(packet, 0x0800 if packet[0] >> 4 == 4 else 0x86DD, vlans)
    return whole + b"\0" * (60 - len(whole))


def ip(protocol: int, inner: bytes, source: str, destination: str, **options: int) -> bytes:
    """An IPv4 or IPv6 packet, by the version of its addresses. Options: `offset` and `more` of a fragment, `ttl`."""
    offset, more, ttl = options.get("offset", 0), options.get("more", 0), options.get("ttl", 64)
    ends = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if len(ends[0]) == 16:
        if offset or more:
            inner = struct.pack(">BBHI", protocol, 0, offset | more, 1) + inner
            protocol = 44
        return struct.pack(">IHBB", 6 << 28, len(inner), protocol, ttl) + b"".join(ends) + inner
    flags = offset // 8 | more << 13
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), 4711, flags, ttl, protocol, 0) + b"".join(ends)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + inner


def _summed(protocol: int, segment: bytes, position: int, source: str, destination: str) -> bytes:
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    pseudo = struct.pack(">IHBB", len(segment), 0, 0, protocol)
    if len(ends) == 8:
        pseudo = struct.pack(">BBH", 0, protocol, len(segment))
    found = checksum(ends + pseudo + segment)
    return segment[:position] + struct.pack(">H", found) + segment[position + 2 :]


def tcp(source: str, destination: str, ports: tuple[int, int], payload: bytes, options: bytes = b"") -> bytes:
    """An IP packet with a TCP segment that pushes its payload; the options are of a multiple of 4 bytes."""
    offset = (20 + len(options)) // 4 << 4
    header = struct.pack(">HHIIBBHHH", *ports, 1001, 2002, offset, PSH | ACK, 4096, 0, 0)
    return ip(TCP, _summed(TCP, header + options + payload, 16, source, destination), source, destination)


def udp(source: str, destination: str, ports: tuple[int, int], payload: bytes) -> bytes:
    """An IP packet with a UDP datagram."""
    header = struct.pack(">HHHH", *ports, 8 + len(payload), 0)
    return ip(UDP, _summed(UDP, header + payload, 6, source, destination), source, destination)


def echo(source: str, destination: str, payload: bytes) -> bytes:
    """An IP packet with an echo request of ICMP or ICMPv6, by the version of its addresses."""
    if ":" in source:
        message = struct.pack(">BBHHH", 128, 0, 0, 77, 3) + payload
        return ip(ICMP6, _summed(ICMP6, message, 2, source, destination), source, destination)
    message = struct.pack(">BBHHH", 8, 0, 0, 77, 3) + payload
    return ip(ICMP, message[:2] + struct.pack(">H", checksum(message)) + message[4:], source, destination)


def arp(source: str, destination: str) -> bytes:
    """A frame with an ARP request."""
    ends = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    question = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + INSIDE_MAC + ends[0] + b"\0" * 6 + ends[1]
    return ethernet(question, 0x0806)
