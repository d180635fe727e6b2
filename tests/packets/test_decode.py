"""Each protocol is decoded to exact fields and offsets, and no bytes break the decoder."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from estreamer.packets import dump, layers
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc import packets as made
from tests.patterns.growth import is_linear

FOUR = ("192.0.2.10", "198.51.100.7")
SIX = ("2001:db8::10", "2001:db8:ffff::7")
PORTS = (50123, 443)
HELLO = b"Hello, world. " * 3


def names(decoded: layers.Decoded) -> list[tuple[str, int, int]]:
    return [(layer.name, layer.offset, layer.length) for layer in decoded.layers]


def told(decoded: layers.Decoded, layer: str) -> dict[str, str]:
    found = decoded.layer(layer)
    assert found is not None
    return dict(found.fields)


def payload(decoded: layers.Decoded, content: bytes) -> bytes:
    return content[decoded.payload_offset :][: decoded.payload_length]


def test_tcp_over_ipv4_over_ethernet() -> None:
    frame = made.frame(made.tcp(*FOUR, PORTS, HELLO))
    decoded = layers.decode(frame)
    assert names(decoded) == [("Ethernet", 0, 14), ("IPv4", 14, 20), ("TCP", 34, 20)]
    assert (decoded.payload_offset, payload(decoded, frame), decoded.problem) == (54, HELLO, "")
    assert told(decoded, "Ethernet") == {
        "destination": "0a:00:00:00:00:02",
        "source": "0a:00:00:00:00:01",
        "type": "0x0800 (IPv4)",
    }
    assert told(decoded, "IPv4") == {
        "source": "192.0.2.10",
        "destination": "198.51.100.7",
        "protocol": "6 (TCP)",
        "TTL": "64",
        "total length": "82",
        "identification": "4711",
        "flags": "none",
        "fragment offset": "0",
        "type of service": "0x00",
        "checksum": f"0x{int.from_bytes(frame[24:26], 'big'):04x}",
    }
    assert told(decoded, "TCP") == {
        "source port": "50123",
        "destination port": "443",
        "flags": "PSH, ACK",
        "sequence number": "1001",
        "acknowledgement number": "2002",
        "window": "4096",
        "options": "none",
        "urgent pointer": "0",
        "checksum": f"0x{int.from_bytes(frame[50:52], 'big'):04x}",
    }


def test_tcp_options_move_the_payload() -> None:
    frame = made.frame(made.tcp(*SIX, PORTS, HELLO, bytes.fromhex("020405b401010402")))
    decoded = layers.decode(frame)
    assert names(decoded) == [("Ethernet", 0, 14), ("IPv6", 14, 40), ("TCP", 54, 28)]
    assert (decoded.payload_offset, payload(decoded, frame)) == (82, HELLO)
    assert told(decoded, "TCP")["options"] == "020405b401010402"


def test_udp_over_ipv6_and_two_vlan_tags() -> None:
    frame = made.frame(made.udp(*SIX, (50123, 53), HELLO), [(0x88A8, 7), (0x8100, 100)])
    decoded = layers.decode(frame)
    assert names(decoded) == [
        ("Ethernet", 0, 14),
        ("802.1ad", 14, 4),
        ("802.1Q", 18, 4),
        ("IPv6", 22, 40),
        ("UDP", 62, 8),
    ]
    assert (decoded.payload_offset, payload(decoded, frame), decoded.problem) == (70, HELLO, "")
    assert told(decoded, "802.1ad") == {
        "VLAN": "7",
        "priority": "0",
        "drop eligible": "0",
        "type": "0x8100 (802.1Q)",
    }
    assert told(decoded, "802.1Q")["VLAN"] == "100"
    assert told(decoded, "IPv6") == {
        "source": "2001:db8::10",
        "destination": "2001:db8:ffff::7",
        "next header": "17 (UDP)",
        "hop limit": "64",
        "payload length": "50",
        "traffic class": "0x00",
        "flow label": "0x00000",
    }
    assert told(decoded, "UDP") == {
        "source port": "50123",
        "destination port": "53",
        "length": "50",
        "checksum": f"0x{int.from_bytes(frame[68:70], 'big'):04x}",
    }


@pytest.mark.parametrize(
    ("ends", "name", "kind", "begin"),
    [(FOUR, "ICMP", "8 (echo request)", 34), (SIX, "ICMPv6", "128 (echo request)", 54)],
)
def test_icmp_of_either_version(ends: tuple[str, str], name: str, kind: str, begin: int) -> None:
    frame = made.frame(made.echo(*ends, HELLO))
    decoded = layers.decode(frame)
    assert names(decoded)[-1] == (name, begin, 8)
    assert (decoded.payload_offset, payload(decoded, frame), decoded.problem) == (begin + 8, HELLO, "")
    fields = told(decoded, name)
    assert fields.pop("checksum") == f"0x{int.from_bytes(frame[begin + 2 : begin + 4], 'big'):04x}"
    assert fields == {"type": kind, "code": "0", "identifier": "77", "sequence number": "3"}


def test_icmp_error_has_no_identifier() -> None:
    message = struct.pack(">BBHI", 3, 1, 0, 0) + b"quoted"
    decoded = layers.decode(made.ip(made.ICMP, message, *FOUR), layers.RAW_IP)
    assert told(decoded, "ICMP") == {"type": "3 (destination unreachable)", "code": "1", "checksum": "0x0000"}
    assert (decoded.payload_offset, decoded.payload_length) == (28, 6)


def test_an_arp_request_tells_its_operation_and_both_ends() -> None:
    decoded = layers.decode(made.arp(*FOUR))
    assert names(decoded) == [("Ethernet", 0, 14), ("ARP", 14, 28)]
    assert told(decoded, "ARP") == {
        "operation": "1 (request)",
        "sender MAC": "0a:00:00:00:00:01",
        "sender IP": "192.0.2.10",
        "target MAC": "00:00:00:00:00:00",
        "target IP": "198.51.100.7",
    }
    assert (decoded.payload_length, decoded.problem) == (0, "")


@pytest.mark.parametrize("link", [12, 14, 101])
def test_raw_ip_begins_with_the_ip_header(link: int) -> None:
    packet = made.udp(*FOUR, PORTS, HELLO)
    decoded = layers.decode(packet, link)
    assert names(decoded) == [("IPv4", 0, 20), ("UDP", 20, 8)]
    assert (decoded.payload_offset, payload(decoded, packet)) == (28, HELLO)


def test_padding_of_a_short_frame_is_no_payload() -> None:
    frame = made.frame(made.udp(*FOUR, PORTS, b"ab"))
    decoded = layers.decode(frame)
    assert (len(frame), decoded.payload_offset, decoded.payload_length) == (60, 42, 2)


def test_tunnelled_ip_is_followed() -> None:
    inner = made.udp(*SIX, PORTS, HELLO)
    packet = made.ip(41, inner, *FOUR)
    decoded = layers.decode(packet, layers.RAW_IP)
    assert names(decoded) == [("IPv4", 0, 20), ("IPv6", 20, 40), ("UDP", 60, 8)]
    assert payload(decoded, packet) == HELLO


def test_extension_headers_of_ipv6_are_passed() -> None:
    options = bytes([made.UDP, 0, 1, 4, 0, 0, 0, 0])
    datagram = made.udp(*SIX, PORTS, HELLO)[40:]
    packet = made.ip(0, options + datagram, *SIX)
    decoded = layers.decode(packet, layers.RAW_IP)
    assert names(decoded) == [("IPv6", 0, 40), ("IPv6 Hop-by-Hop Options", 40, 8), ("UDP", 48, 8)]
    assert (payload(decoded, packet), decoded.problem) == (HELLO, "")


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_fragments_say_what_they_are(ends: tuple[str, str]) -> None:
    datagram = made.udp(*ends, PORTS, bytes(2000))[20 if ends == FOUR else 40 :]
    first = layers.decode(made.ip(made.UDP, datagram[:1400], *ends, more=1), layers.RAW_IP)
    later = layers.decode(made.ip(made.UDP, datagram[1400:], *ends, offset=1400), layers.RAW_IP)
    assert first.layers[-1].name == "UDP"
    assert first.problem == "The first fragment of a larger packet: the rest of that is in later fragments."
    assert first.payload_length == 1392
    assert later.layer("UDP") is None
    where = "the header of its protocol 17 (UDP) is in the first fragment."
    assert later.problem == f"A later fragment, from byte 1400 of the packet on: {where}"
    assert later.payload_length == 608


@pytest.mark.parametrize(
    ("content", "link", "problem"),
    [
        (made.ethernet(HELLO, 0x88CC), 1, "The frame's type 0x88cc is not decoded here."),
        (made.ethernet(HELLO, 42), 1, "A frame of IEEE 802.3: what it carries (LLC) is not decoded here."),
        (made.ip(made.GRE, HELLO, *FOUR), 101, "Protocol 47 (GRE) is not decoded here."),
        (made.ip(253, HELLO, *SIX), 101, "Protocol 253 is not decoded here."),
        (b"\x50" + bytes(30), 101, "The packet is to begin with an IP header, but has version 5 in its place."),
        (b"", 101, "The packet ends within its IP header: 0 of 1 bytes are there."),
        (bytes(13), 1, "The packet ends within its Ethernet header: 13 of 14 bytes are there."),
        (
            HELLO,
            113,
            "Link type 113 (Linux cooked capture) is not decoded here. Wireshark reads the type from the PCAP file.",
        ),
        (made.ethernet(b"\x60" + bytes(30), 0x0800), 1, "An IPv4 header is to follow, but has version 6."),
        (made.ethernet(b"\x42" + bytes(30), 0x0800), 1, "The IPv4 header cannot be read."),
    ],
)
def test_what_is_not_decoded_says_why(content: bytes, link: int, problem: str) -> None:
    decoded = layers.decode(content, link)
    assert decoded.problem == problem


def test_a_cut_packet_is_decoded_as_far_as_it_goes() -> None:
    frame = made.frame(made.tcp(*FOUR, PORTS, HELLO))
    within = layers.decode(frame[:40])
    assert names(within) == [("Ethernet", 0, 14), ("IPv4", 14, 20)]
    assert within.problem == "The packet ends within its TCP header: 6 of 20 bytes are there."
    behind = layers.decode(frame[:60])
    assert (behind.payload_offset, behind.payload_length) == (54, 6)
    assert behind.problem == "The packet was cut: by its IPv4 header it has 82 bytes from there, 46 came."


WHOLE = [
    made.frame(made.tcp(*FOUR, PORTS, HELLO, bytes(8)), [(0x8100, 1)]),
    made.frame(made.udp(*SIX, PORTS, HELLO)),
    made.frame(made.ip(0, bytes([44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1]) + HELLO, *SIX)),
    made.frame(made.echo(*SIX, HELLO)),
    made.arp(*FOUR),
]


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Mere noise, or a true packet with some bytes changed, cut anywhere."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for position, value in draw(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=6)):
        content[position % len(content)] = value
    return bytes(content[: draw(st.integers(0, len(content)))])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(hostile(), st.sampled_from([1, 1, 1, 101, 0, 147, 65535]))
def test_no_bytes_break_the_decoder(content: bytes, link: int) -> None:
    decoded = layers.decode(content, link)
    end = 0
    for layer in decoded.layers:
        assert layer.offset == end
        end += layer.length
    assert decoded.payload_offset == end <= len(content)
    assert 0 <= decoded.payload_length <= len(content) - end
    rows = list(dump.dump(content, decoded))
    assert bytes.fromhex("".join(row.hex for row in rows)) == content
    assert [row.offset for row in rows] == list(range(0, len(content), 16))
    assert layers.link_type(content) in (layers.ETHERNET, layers.RAW_IP)


def test_many_nested_headers_come_to_an_end() -> None:
    content = b""
    for _ in range(100):
        content = made.ip(4, content, *FOUR)
    assert layers.decode(content, layers.RAW_IP).problem == "The packet has more than 24 headers."


EXTENSION = bytes([60, 255]) + bytes(2046)
"""Destination options of the greatest length, all of it padding of one byte, followed by more of the same."""

LONG = {
    "noise": lambda size: bytes(size),
    "IP in IP": lambda size: bytes.fromhex("4500000000000000400400000a0000010a000002") * (size // 20),
    "extensions": lambda size: made.ethernet(
        bytes.fromhex("60000000ffff3c40") + bytes(32) + EXTENSION * (size // len(EXTENSION)), 0x86DD
    ),
    "tags": lambda size: made.ethernet(bytes.fromhex("00648100") * (size // 4), 0x8100),
    "options": lambda size: made.ethernet(
        bytes.fromhex("4f00000000000000400600000a0000010a000002") + bytes(size), 0x0800
    ),
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("link", [layers.ETHERNET, layers.RAW_IP])
def test_the_time_and_memory_of_hostile_packets_are_bounded(kind: str, link: int) -> None:
    """Of the longest packet too: a header is read by itself, and there are at most 24 of them."""
    content = LONG[kind](layers.LONGEST)
    tracemalloc.start()
    try:
        decoded = layers.decode(content, link)
        assert tracemalloc.get_traced_memory()[1] < 8 * layers.LONGEST
    finally:
        tracemalloc.stop()
    assert len(decoded.layers) <= 24
    assert sum(len(value) for layer in decoded.layers for _, value in layer.fields) < 10_000
    assert is_linear(lambda size: layers.decode(LONG[kind](size), link), 16_384)


def test_the_rows_of_a_dump_name_the_layers_that_begin_there() -> None:
    frame = made.frame(made.udp(*FOUR, PORTS, b"\x00\x7fAb~\xff"))
    rows = list(dump.dump(frame, layers.decode(frame)))
    assert [row.layers for row in rows] == [("Ethernet", "IPv4"), (), ("UDP", "Payload"), ()]
    assert rows[0].hex == frame[:16].hex(" ")
    assert rows[2].text[-6:] == "..Ab~."


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_link_type_is_told_from_the_bytes(ends: tuple[str, str]) -> None:
    packet = made.udp(*ends, PORTS, HELLO)
    assert layers.link_type(packet) == layers.RAW_IP
    assert layers.link_type(made.frame(packet)) == layers.ETHERNET
    assert layers.link_type(made.frame(packet, [(0x8100, 5)])) == layers.ETHERNET
    assert layers.link_type(made.ethernet(HELLO, 0x88CC)) == layers.ETHERNET
