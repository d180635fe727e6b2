"""Inputs that a fuzzer begins with: valid ones of every kind, so that it need not find the formats by itself."""

from __future__ import annotations

import json
import struct

from standins.fmc import raw_messages

CONNECTION = (
    b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1700000000, "DeviceUUID":"u", "InstanceID":1, "A":"x"}'
)
INTRUSION = b'{"EventType":"IntrusionEvent", "EventSecond":1700000000, "EventMicrosecond":42, "ConnectionID":7}'
WRAPPED = b' {"FileEvent": {"EventSecond":"1700000000", "FileSHA256":"ab", "FileName":"a\\"b"}}\r\n\0'


def seeds(target: str) -> list[bytes]:
    """Return the inputs for a target."""
    return _SEEDS[target]


def _streams() -> list[bytes]:
    bare = raw_messages.event(CONNECTION) + raw_messages.event(INTRUSION, message_type=3, record_type=400, version=0)
    mixed = [
        bare,
        bare + raw_messages.event(b"{}", None) + raw_messages.message(0) * 2 + raw_messages.message(77, b"abc"),
        raw_messages.bundle(1, bare, raw_messages.event(b"", None, version=0)) + raw_messages.bundle(2) + bare,
        raw_messages.bundle(1, raw_messages.message(0)) + raw_messages.bundle(5, bare) + raw_messages.error(3, b"no\0"),
        raw_messages.bundle(1, raw_messages.bundle(2, bare)),
        raw_messages.message(4002, b"short"),
        struct.pack(">HHI", 1, 4, 16 * 1024 * 1024) + b"begins",
        struct.pack(">HHI", 1, 4, 16 * 1024 * 1024 + 1) + b"begins",
    ]
    return [sizes + stream for stream in mixed for sizes in (b"\0\0\0\0", b"\x07\x1f\x00\x63")]


def _state(source: str, written: int, settled: int, start: int = 1000) -> bytes:
    state = {"stanza": "s", "source": source, "start": start, "reader": "r", "written": written, "settled": settled}
    return _record(1, json.dumps({**state, "styles": {"a": "single"}}, separators=(",", ":")).encode())


def _record(kind: int, body: bytes) -> bytes:
    return bytes((kind, len(body))) + body


def _written(first: int, archival: int, count: int, identities: bool = False) -> bytes:
    body = struct.pack(">QII", first, archival, count) + struct.pack(f"<{count}Q", *range(count)) * (1 + identities)
    return _record(3 if identities else 2, body)


def _bookmarks() -> list[bytes]:
    settled = _record(4, struct.pack(">Q", 2))
    one = b"+" + _state("a", 0, 0) + _written(1, 1000, 3) + settled
    other = b"+" + _state("a", 3, 2) + _written(4, 1001, 2, identities=True) + _state("b", 5, 2, 900)
    versions = [b"SFE-BOOKMARK %d\n" % version for version in (1, 2, 3)]
    return [one, one + b"\xff|" + other, other, *versions, one + b"torn"]


_SEEDS = {
    "session": _streams(),
    "wire_error": [b"\0\0\0\x05\0\x03no\0", b"\xff", b"\xff\xff\xff\xff\0\x02\xc3\xa9"],
    "event": [
        bytes((0, kind)) + payload
        for kind, payload in (
            (71, CONNECTION),
            (0, INTRUSION),
            (2, WRAPPED),
            (2, b'{"PacketSecond":1, "PacketMicrosecond":2, "EventType" : "IntrusionPacket"}'),
            (0, b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1, "B":"\x01\xff\xef\xbf\xbf"}'),
            (0, b'{"DeviceUUID":"u", "InstanceID":1, "FirstPacketSecond":1, "ConnectionID":2}'),
            (0, b"[1]"),
            (0, b"{" * 40),
        )
    ],
    "output": [b"\xff|".join((CONNECTION, WRAPPED, b"a & b < c > d", b"\x01\xff\xef\xbf\xbe", b"]]>\xc3\xa9")), b""],
    "bookmark": _bookmarks(),
    "drop_rules": [
        b'ConnectionEvent: A=b|c*d, InitiatorIP=10.0.0.0/8\n# c\nFileEvent: T="x, \\"y\\\\", S<1000 ; IntrusionEvent:'
        b'\xff|{"A":"C1d", "InitiatorIP":"10.1.2.3"}',
        b'FileEvent: A!=2001:db8::/32, B>=-1\xff|{"FileEvent":{"A":"::1", "B":"5"}}',
        b"ConnectionEvent: A=",
    ],
    "pkcs12_file": [b"\1", b"\2", b"\0\x30\x80\x02\x01\x03", b"\1\0\1\4\x80", b"\1\xff\xf0\0\0", b"\2\0\x20\x04\xff"],
}

TARGETS = tuple(_SEEDS)
