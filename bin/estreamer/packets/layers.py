"""The bytes of a packet: which layers they hold, and where each begins.

Headers are read by dpkt, one at a time: its own way of going on from header to header lets errors of any kind through
where the bytes of a packet are hostile, and does not say where a header begins. A packet is whatever an attacker sent,
so whatever dpkt raises ends the decoding at that layer, with a sentence, and never more than that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable, Optional

import dpkt
from dpkt import arp, ethernet, icmp, icmp6, ip, ip6, tcp, udp

ETHERNET = 1
RAW_IP = 101
LINK_NAMES: Mapping[int, str] = {
    0: "BSD loopback",
    ETHERNET: "Ethernet",
    12: "raw IP",
    14: "raw IP",
    RAW_IP: "raw IP",
    113: "Linux cooked capture",
    228: "raw IPv4",
    229: "raw IPv6",
    276: "Linux cooked capture v2",
}
"""Link types by their numbers in PCAP files (https://www.tcpdump.org/linktypes.html)."""

_IP_LINKS = (12, 14, RAW_IP, 228, 229)

LONGEST = 262_144
"""Bytes of a packet: the longest that tcpdump and Wireshark take from a PCAP file."""


_VLAN_TYPES = {0x8100: "802.1Q", 0x88A8: "802.1ad", 0x9100: "802.1Q"}
_ETHER_NAMES = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", **_VLAN_TYPES}
_LONGEST_802_3 = 1500
_MOST_HEADERS = 24

_PROTOCOL_NAMES = {
    1: "ICMP",
    2: "IGMP",
    4: "IPv4",
    6: "TCP",
    17: "UDP",
    41: "IPv6",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    88: "EIGRP",
    89: "OSPF",
    132: "SCTP",
}
_EXTENSION_NAMES = {0: "Hop-by-Hop Options", 43: "Routing", 44: "Fragment", 51: "AH", 60: "Destination Options"}
_NO_NEXT_HEADER = 59

_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
_ARP_NAMES = {1: "request", 2: "reply"}
_ICMP_NAMES = {
    0: "echo reply",
    3: "destination unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
}
_ICMP6_NAMES = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
}
_ICMP_ECHO = {"ICMP": (0, 8), "ICMPv6": (128, 129)}

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layer:
    """One header of a packet: its name, where it begins and how long it is (bytes), and its fields as texts."""

    name: str
    offset: int
    length: int
    fields: Fields

    def value(self, name: str) -> str:
        """Return a field's value, "" if the layer has no such field."""
        return dict(self.fields).get(name, "")


@dataclass(frozen=True)
class Decoded:
    """The layers of a packet, and its payload: the bytes after the last of them that could be read.

    `payload_offset` and `payload_length` are bytes. Bytes after the end of the IP packet (the padding of a short
    Ethernet frame) are not payload. `problem` is a sentence when the packet could not be read to its end, else "".
    """

    layers: tuple[Layer, ...]
    payload_offset: int
    payload_length: int
    problem: str

    def layer(self, *names: str) -> Layer | None:
        """Return the first layer of one of these names."""
        return next((one for one in self.layers if one.name in names), None)


def link_type(content: bytes) -> int:
    """Return the link type that the bytes of a packet speak for: raw IP or Ethernet."""
    if len(content) >= 14:
        kind = int.from_bytes(content[12:14], "big")
        if kind in (0x0800, 0x86DD) and content[14:15] and _version(content[14:]) == (4 if kind == 0x0800 else 6):
            return ETHERNET
        if kind in (0x0806, *_VLAN_TYPES):
            return ETHERNET
    return RAW_IP if _is_ip(content) else ETHERNET


def looks_like_packet(content: bytes) -> bool:
    """Return whether the bytes begin as a frame with a well-known type does, or as a complete IP packet."""
    if _is_ip(content):
        return True
    kind = int.from_bytes(content[12:14], "big") if len(content) > 14 else 0
    if kind in (0x0800, 0x86DD):
        return _version(content[14:]) == (4 if kind == 0x0800 else 6)
    return kind in _ETHER_NAMES


def _version(content: bytes) -> int:
    return content[0] >> 4


def _is_ip(content: bytes) -> bool:
    """Return whether this is a complete IP packet; a cut one is not distinguished from other bytes."""
    if len(content) >= 20 and _version(content) == 4:
        return content[0] & 15 >= 5 and int.from_bytes(content[2:4], "big") == len(content)
    return len(content) >= 40 and _version(content) == 6 and int.from_bytes(content[4:6], "big") + 40 == len(content)


def decode(content: bytes, link: int = ETHERNET) -> Decoded:
    """Return the layers of a packet of that link type. Never raises."""
    walk = _Walk(content)
    if link == ETHERNET:
        walk.run(_ethernet)
    elif link in _IP_LINKS:
        walk.run(_ip)
    else:
        name = LINK_NAMES.get(link, "unknown")
        walk.problem = f"Link type {link} ({name}) is not decoded here. Wireshark reads the type from the PCAP file."
    return Decoded(tuple(walk.layers), walk.offset, max(walk.end - walk.offset, 0), walk.problem)


Step = Optional[Callable[["_Walk"], "Step"]]


@dataclass
class _Walk:
    """The way through a packet: what was read so far, where the next header begins, and where the packet ends."""

    content: bytes
    offset: int = 0
    layers: list[Layer] = field(default_factory=list)
    problem: str = ""
    end: int = -1

    def __post_init__(self) -> None:
        self.end = len(self.content)

    @property
    def rest(self) -> bytes:
        return self.content[self.offset : self.end]

    def run(self, step: Step) -> None:
        """Read header after header until one names no next, or cannot be read."""
        while step is not None:
            if len(self.layers) == _MOST_HEADERS:
                self.problem = f"The packet has more than {_MOST_HEADERS} headers."
                return
            step = step(self)

    def need(self, name: str, size: int) -> bool:
        """Return whether there are so many bytes; if not, say so."""
        there = len(self.rest)
        if there < size:
            self.problem = f"The packet ends within its {name} header: {there} of {size} bytes are there."
        return there >= size

    def read(self, name: str, kind: Callable[[bytes], dpkt.Packet], size: int) -> dpkt.Packet | None:
        """Read a header of `size` bytes by a class of dpkt; None, with the reason noted, when that cannot be done."""
        if not self.need(name, size):
            return None
        try:
            return kind(self.rest[:size])
        except Exception:
            # Hostile bytes make dpkt raise errors of many kinds; all of them mean the same here.
            self.problem = f"The {name} header cannot be read."
            return None

    def add(self, name: str, length: int, *fields: tuple[str, object]) -> None:
        """Note a layer, and go on behind it."""
        told = tuple((key, str(value)) for key, value in fields)
        self.layers.append(Layer(name, self.offset, length, told))
        self.offset += length

    def first_fragment(self, found: bool) -> None:
        """Say that this is the first fragment of a packet, if it is: its end is in others."""
        if found and not self.problem:
            self.problem = "The first fragment of a larger packet: the rest of that is in later fragments."

    def end_after(self, name: str, length: int) -> None:
        """Let the packet end `length` bytes behind the offset; say so when there are fewer."""
        there = len(self.rest)
        if length > there and not self.problem:
            self.problem = f"The packet was cut: by its {name} header it has {length} bytes from there, {there} came."
        self.end = min(self.end, self.offset + length)


class _Ethernet(ethernet.Ethernet):  # type: ignore[misc]
    """An Ethernet header alone: what follows is read here."""

    _typesw: Mapping[int, type] = {}

    def unpack(self, buf: bytes) -> None:
        """Read the header."""
        dpkt.Packet.unpack(self, buf)


class _Ip(ip.IP):  # type: ignore[misc]
    _protosw: Mapping[int, type] = {}


class _Icmp(icmp.ICMP):  # type: ignore[misc]
    _typesw: Mapping[int, type] = {}


class _Icmp6(icmp6.ICMP6):  # type: ignore[misc]
    _typesw: Mapping[int, type] = {}


def _mac(address: bytes) -> str:
    return address.hex(":")


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def _ethernet(walk: _Walk) -> Step:
    header = walk.read("Ethernet", _Ethernet, 14)
    if header is None:
        return None
    addresses = (("destination", _mac(header.dst)), ("source", _mac(header.src)))
    if header.type <= _LONGEST_802_3:
        walk.add("Ethernet", 14, *addresses, ("length", header.type))
        walk.end_after("Ethernet", header.type)
        walk.problem = walk.problem or "A frame of IEEE 802.3: what it carries (LLC) is not decoded here."
        return None
    walk.add("Ethernet", 14, *addresses, ("type", _ether_name(header.type)))
    return _by_ether_type(walk, header.type)


def _ether_name(kind: int) -> str:
    known = _ETHER_NAMES.get(kind)
    return f"0x{kind:04x} ({known})" if known else f"0x{kind:04x}"


def _by_ether_type(walk: _Walk, kind: int) -> Step:
    if kind in _VLAN_TYPES:
        return lambda walk: _vlan(walk, _VLAN_TYPES[kind])
    found: Step = {0x0800: _ip4, 0x86DD: _ip6, 0x0806: _arp}.get(kind)
    if found is None:
        walk.problem = f"The frame's type {_ether_name(kind)} is not decoded here."
    return found


def _vlan(walk: _Walk, name: str) -> Step:
    tag = walk.read(name, ethernet.VLANtag8021Q, 4)
    if tag is None:
        return None
    walk.add(
        name, 4, ("VLAN", tag.id), ("priority", tag.pri), ("drop eligible", tag.cfi), ("type", _ether_name(tag.type))
    )
    return _by_ether_type(walk, tag.type)


def _arp(walk: _Walk) -> Step:
    header = walk.read("ARP", arp.ARP, 28)
    if header is not None:
        walk.add(
            "ARP",
            28,
            ("operation", _named(header.op, _ARP_NAMES)),
            ("sender MAC", _mac(header.sha)),
            ("sender IP", _address(header.spa)),
            ("target MAC", _mac(header.tha)),
            ("target IP", _address(header.tpa)),
        )
    return None


def _named(number: int, names: Mapping[int, str]) -> str:
    return f"{number} ({names[number]})" if number in names else str(number)


def _ip(walk: _Walk) -> Step:
    if not walk.need("IP", 1):
        return None
    version = _version(walk.rest)
    if version not in (4, 6):
        walk.problem = f"The packet is to begin with an IP header, but has version {version} in its place."
    return {4: _ip4, 6: _ip6}.get(version)


def _has_version(walk: _Walk, wanted: int) -> bool:
    version = _version(walk.rest)
    if version != wanted:
        walk.problem = f"An IPv{wanted} header is to follow, but has version {version}."
    return version == wanted


def _ip4(walk: _Walk) -> Step:
    if not walk.need("IPv4", 20):
        return None
    if not _has_version(walk, 4):
        return None
    size = (walk.rest[0] & 15) * 4
    header = walk.read("IPv4", _Ip, max(size, 20))
    if header is None:
        return None
    # Length 0 is left to the network card to fill in where packets are taken before they are sent.
    total = header.len or len(walk.rest)
    if total < size:
        walk.problem = (
            f"The IPv4 header of {size} bytes is longer than the total length of the packet in that header, {total}."
        )
        return None
    walk.end_after("IPv4", total)
    walk.first_fragment(header.mf and not header.offset)
    walk.add(
        "IPv4",
        size,
        ("source", _address(header.src)),
        ("destination", _address(header.dst)),
        ("protocol", _named(header.p, _PROTOCOL_NAMES)),
        ("TTL", header.ttl),
        ("total length", header.len),
        ("identification", header.id),
        ("flags", _ip4_flags(header)),
        ("fragment offset", header.offset * 8),
        ("type of service", f"0x{header.tos:02x}"),
        ("checksum", f"0x{header.sum:04x}"),
    )
    return _by_protocol(walk, header.p, header.offset * 8)


def _ip4_flags(header: ip.IP) -> str:
    return ", ".join(name for name, bit in (("DF", header.df), ("MF", header.mf)) if bit) or "none"


def _ip6(walk: _Walk) -> Step:
    header = walk.read("IPv6", _bare_ip6, 40)
    if header is None or not _has_version(walk, 6):
        return None
    # Length 0 is a jumbogram's, or left to the network card to fill in.
    walk.end_after("IPv6", 40 + header.plen if header.plen else len(walk.rest))
    walk.add(
        "IPv6",
        40,
        ("source", _address(header.src)),
        ("destination", _address(header.dst)),
        ("next header", _named(header.nxt, {**_PROTOCOL_NAMES, **_EXTENSION_NAMES})),
        ("hop limit", header.hlim),
        ("payload length", header.plen),
        ("traffic class", f"0x{header.fc:02x}"),
        ("flow label", f"0x{header.flow:05x}"),
    )
    return _by_next_header(walk, header.nxt, 0)


def _bare_ip6(header: bytes) -> dpkt.Packet:
    """Read an IPv6 header without the extension headers that its class would look for behind it."""
    parsed = ip6.IP6()
    dpkt.Packet.unpack(parsed, header)
    return parsed


def _by_next_header(walk: _Walk, number: int, fragment: int) -> Step:
    if number in _EXTENSION_NAMES and not fragment:
        return lambda walk: _extension(walk, number)
    if number == _NO_NEXT_HEADER:
        return None
    return _by_protocol(walk, number, fragment)


def _extension(walk: _Walk, number: int) -> Step:
    name = f"IPv6 {_EXTENSION_NAMES[number]}"
    if not walk.need(name, 8):
        return None
    following, units = walk.rest[0], walk.rest[1]
    size = {44: 8, 51: (units + 2) * 4}.get(number, (units + 1) * 8)
    header = walk.read(name, ip6.EXT_HDRS_CLS[number], size)
    if header is None:
        return None
    names = {**_PROTOCOL_NAMES, **_EXTENSION_NAMES}
    fragment = header.frag_off * 8 if number == 44 else 0
    more = (("fragment offset", fragment), ("more fragments", header.m_flag)) if number == 44 else ()
    walk.first_fragment(number == 44 and header.m_flag and not fragment)
    walk.add(name, size, ("next header", _named(following, names)), *more)
    return _by_next_header(walk, following, fragment)


def _by_protocol(walk: _Walk, number: int, fragment: int) -> Step:
    if fragment:
        walk.problem = walk.problem or (
            f"A later fragment, from byte {fragment} of the packet on: the header of its protocol "
            f"{_named(number, _PROTOCOL_NAMES)} is in the first fragment."
        )
        return None
    if number in (1, 58):
        name, kind, names = ("ICMP", _Icmp, _ICMP_NAMES) if number == 1 else ("ICMPv6", _Icmp6, _ICMP6_NAMES)
        return lambda walk: _icmp(walk, name, kind, names)
    found: Step = {4: _ip4, 6: _tcp, 17: _udp, 41: _ip6}.get(number)
    if found is None:
        walk.problem = walk.problem or f"Protocol {_named(number, _PROTOCOL_NAMES)} is not decoded here."
    return found


def _tcp(walk: _Walk) -> Step:
    if not walk.need("TCP", 20):
        return None
    size = (walk.rest[12] >> 4) * 4
    header = walk.read("TCP", tcp.TCP, max(size, 20))
    if header is None:
        return None
    flags = ", ".join(name for bit, name in enumerate(_TCP_FLAGS) if header.flags >> bit & 1)
    walk.add(
        "TCP",
        size,
        ("source port", header.sport),
        ("destination port", header.dport),
        ("flags", flags or "none"),
        ("sequence number", header.seq),
        ("acknowledgement number", header.ack),
        ("window", header.win),
        ("options", header.opts.hex() or "none"),
        ("urgent pointer", header.urp),
        ("checksum", f"0x{header.sum:04x}"),
    )
    return None


def _udp(walk: _Walk) -> Step:
    header = walk.read("UDP", udp.UDP, 8)
    if header is None:
        return None
    # Length 0 is a jumbogram's.
    if header.ulen:
        walk.end_after("UDP", max(header.ulen, 8))
    walk.add(
        "UDP",
        8,
        ("source port", header.sport),
        ("destination port", header.dport),
        ("length", header.ulen),
        ("checksum", f"0x{header.sum:04x}"),
    )
    return None


def _icmp(walk: _Walk, name: str, kind: Callable[[bytes], dpkt.Packet], names: Mapping[int, str]) -> Step:
    header = walk.read(name, kind, 8)
    if header is None:
        return None
    fields: list[tuple[str, object]] = [
        ("type", _named(header.type, names)),
        ("code", header.code),
        ("checksum", f"0x{header.sum:04x}"),
    ]
    if header.type in _ICMP_ECHO[name]:
        identifier, sequence = walk.rest[4:6], walk.rest[6:8]
        fields += [("identifier", int.from_bytes(identifier, "big"))]
        fields += [("sequence number", int.from_bytes(sequence, "big"))]
    walk.add(name, 8, *fields)
    return None
