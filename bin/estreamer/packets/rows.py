"""What the search command `sfwpackets` makes of events: a row for each packet, or rows of its dump or its layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from . import dump, find, layers, pcap
from .find import Found, NoPacket, whole_number

PACKETS = "packets"
DUMP = "dump"
LAYERS = "layers"

ALL = "*"
"""Stands for all packets where ids are expected: what an input of a dashboard holds before one is chosen."""

LONGEST_TEXT = 1024
"""Bytes of a payload that are shown as text."""

LONGEST_SHOWN = 40
"""Characters of what was given that a refusal quotes."""

LONGEST_DUMP = 66 * 1024
"""Bytes of a packet that are in its dump: the longest IP packet and the headers around it."""

MOST_ROWS = 20_000
"""Rows of dumps or layers for the events that splunkd hands over at once: the answer to them is held in memory."""

Cell = Union[str, list[str], None]
Row = dict[str, Cell]

PACKET_COLUMNS = (
    "packet_id",
    "packet_time",
    "packet_length",
    "packet_wire_length",
    "packet_field",
    "packet_encoding",
    "packet_link",
    "packet_link_type",
    "packet_layers",
    "packet_src_mac",
    "packet_dest_mac",
    "packet_vlan",
    "packet_src_ip",
    "packet_dest_ip",
    "packet_ttl",
    "packet_protocol",
    "packet_src_port",
    "packet_dest_port",
    "packet_tcp_flags",
    "packet_icmp_type",
    "packet_icmp_code",
    "packet_payload_offset",
    "packet_payload_length",
    "packet_payload",
    "packet_hex",
    "packet_problem",
)
"""The fields that a row for a packet has in addition to those of its event."""

DUMP_COLUMNS = ("_time", "packet_id", "offset", "hex", "text", "layer")
LAYER_COLUMNS = ("_time", "packet_id", "layer", "offset", "length", "field", "value")
"""The fields of a row of a dump, and of a row for a field of a layer, in their order."""

_PACKET_ID = re.compile(r"[0-9a-f]{16}\Z")
_MOST_IDS = 1000
_TRANSPORTS = ("TCP", "UDP", "ICMP", "ICMPv6")


@dataclass(frozen=True)
class Arguments:
    """The command's arguments: which rows to make, of which packets (none named: all), and how to find them."""

    rows: str = PACKETS
    wanted: frozenset[str] = frozenset()
    options: find.Options = field(default_factory=find.Options)


def parse(given: Mapping[str, str]) -> Arguments:
    """Check the arguments as they stand in a search. Raises ValueError with a sentence."""
    unknown = sorted(set(given) - {"rows", "packet", "field", "encoding", "link"})
    if unknown:
        raise ValueError(
            f"{shown(unknown[0])} is not an argument of this command. "
            "Its arguments are rows, packet, field, encoding, link."
        )
    rows = _one_of("rows", given.get("rows") or PACKETS, (PACKETS, DUMP, LAYERS))
    encoding = _one_of("encoding", given.get("encoding") or find.AUTO, find.ENCODINGS)
    options = find.Options(given.get("field") or "", encoding, _parse_link(given.get("link") or ""))
    return Arguments(rows, parse_ids(given.get("packet") or ""), options)


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(f"{name}={shown(value)} is not known. Choose among {', '.join(known)}.")
    return value


def _parse_link(text: str) -> int | None:
    if text in ("", find.AUTO):
        return None
    number = whole_number(text, pcap.LAST_LINK)
    if number is None:
        raise ValueError(
            f"link={shown(text)} is not a link type. Give the number that PCAP files have for it, 1 for Ethernet."
        )
    return number


def shown(text: str) -> str:
    """Return a text as a sentence can hold it: of bounded length, and in quotes if a character cannot be printed."""
    cut = text[:LONGEST_SHOWN]
    return cut if cut.isprintable() else repr(cut)


def parse_ids(text: str) -> frozenset[str]:
    """Return the packet ids in a comma-separated list, none of them for `*`. Raises ValueError with a sentence."""
    if text == ALL:
        return frozenset()
    ids = frozenset(filter(None, (one.strip() for one in text.split(","))))
    if len(ids) > _MOST_IDS:
        raise ValueError(f"packet= takes at most {_MOST_IDS} ids.")
    for one in sorted(ids):
        if not _PACKET_ID.match(one):
            raise ValueError(
                f"packet={shown(one)} is not a packet id. "
                "A packet id has 16 digits of 0-9 and a-f, as in the field packet_id."
            )
    return ids


def rows_of(events: Iterable[Mapping[str, Cell]], arguments: Arguments) -> Iterator[Row]:
    """Yield the rows of events that splunkd has handed over at once. Never raises.

    Of dumps and layers, no other event is begun when there are `MOST_ROWS` of them; a last row says how many packets
    are not shown.
    """
    count = left_out = 0
    for event in events:
        if arguments.rows == PACKETS:
            yield from rows(event, arguments)
        elif count >= MOST_ROWS:
            left_out += _has_wanted(event, arguments)
        else:
            for row in rows(event, arguments):
                count += 1
                yield row
    if left_out:
        text = (
            f"{left_out} more packets are not shown: this part of the search has {count} rows already. Ask for fewer "
            "packets by head or packet=."
        )
        yield _completed(arguments.rows, None, _dump_note(0, text) if arguments.rows == DUMP else _layer_note(0, text))


def rows(event: Mapping[str, Cell], arguments: Arguments) -> Iterator[Row]:
    """Yield the rows of an event, each with all columns of its kind, None where there is nothing. Never raises.

    An event without a packet gives a row that says why, and no rows of a dump or of layers.
    """
    try:
        found = _wanted(event, arguments)
    except NoPacket as reason:
        if arguments.rows == PACKETS and not arguments.wanted:
            yield {**event, **dict.fromkeys(PACKET_COLUMNS), "packet_problem": str(reason)}
        return
    if found is None:
        return
    decoded = layers.decode(found.content, found.link)
    if arguments.rows == PACKETS:
        yield {**event, **_packet(found, decoded)}
    else:
        make = _dump if arguments.rows == DUMP else _layers
        for row in make(found, decoded):
            yield _completed(arguments.rows, event.get("_time"), {"packet_id": found.identity, **row})


def _completed(kind: str, time: Cell, row: Row) -> Row:
    """Return a row of a dump or of layers with all its columns in their order."""
    cells: Row = {"_time": time, "packet_id": None, **row}
    return {name: cells[name] for name in (DUMP_COLUMNS if kind == DUMP else LAYER_COLUMNS)}


def _wanted(event: Mapping[str, Cell], arguments: Arguments) -> Found | None:
    """Return the packet of an event, None for one that is not asked for. Raises NoPacket."""
    found = _find(event, arguments.options)
    return None if arguments.wanted and found.identity not in arguments.wanted else found


def _has_wanted(event: Mapping[str, Cell], arguments: Arguments) -> bool:
    try:
        return _wanted(event, arguments) is not None
    except NoPacket:
        return False


def _find(event: Mapping[str, Cell], options: find.Options) -> Found:
    """Look into the event's text, where all of it is, and only without one into fields.

    Fields with the names of this command's may be the event's own: Splunk makes a field of each member. Where the text
    of the event is there, they count for nothing, and neither do its members of these names: the packet is found again.
    Rows without the text come from a command such as table or stats behind an earlier run of this command, which has
    replaced all these fields.
    """
    raw = event.get("_raw")
    if not raw and options == find.Options():
        earlier = _found_before(event)
        if earlier is not None:
            return earlier
    time = _number(event.get("_time"))
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        inside, whole = find.members(raw)
        inside = {name: one for name, one in inside.items() if name == options.field or name not in PACKET_COLUMNS}
        # A field that the search has made is to be found as well when it is named.
        if options.field in event and options.field not in inside:
            inside = {**inside, options.field: event[options.field]}
        return find.find(inside, options, time, whole)
    own = {*PACKET_COLUMNS, "_raw"} - {options.field}
    return find.find({name: one for name, one in event.items() if name not in own}, options, time)


def _found_before(event: Mapping[str, Cell]) -> Found | None:
    """Return the packet that an earlier run has put into fields; None where one of them is not as it makes them."""
    digits = event.get("packet_hex")
    second, _, microsecond = str(event.get("packet_time")).partition(".")
    moment = whole_number(second, pcap.LAST_SECOND), whole_number(microsecond, 999_999)
    link = whole_number(event.get("packet_link_type"), pcap.LAST_LINK)
    if not isinstance(digits, str) or len(digits) > 2 * layers.LONGEST:
        return None
    if moment[0] is None or moment[1] is None or link is None:
        return None
    try:
        content = bytes.fromhex(digits)
    except ValueError:
        return None
    told = event.get("packet_field"), event.get("packet_encoding")
    field_name, encoding = (one if isinstance(one, str) else "" for one in told)
    return Found(
        field=field_name or "packet_hex",
        encoding=encoding or find.HEX,
        link=link,
        content=content,
        length=max(whole_number(event.get("packet_wire_length"), layers.LONGEST) or 0, len(content)),
        second=moment[0],
        microsecond=moment[1],
        notes=(),
    )


def _number(value: Cell) -> float:
    try:
        # Times beyond what a PCAP file can hold are refused here, infinity and no number among them.
        number = float(value) if isinstance(value, str) else 0.0
    except ValueError:
        return 0.0
    return number if 0 <= number < 1 << 32 else 0.0


def _packet(found: Found, decoded: layers.Decoded) -> Row:
    link = decoded.layer("Ethernet")
    address = decoded.layer("IPv4", "IPv6")
    transport = decoded.layer(*_TRANSPORTS)
    payload = found.content[decoded.payload_offset : decoded.payload_offset + decoded.payload_length]
    notes = [*found.notes, *([decoded.problem] if decoded.problem else [])]
    cells: Row = {
        "packet_id": found.identity,
        "packet_time": f"{found.second}.{found.microsecond:06d}",
        "packet_length": str(len(found.content)),
        "packet_wire_length": str(found.length),
        "packet_field": found.field,
        "packet_encoding": found.encoding,
        "packet_link": layers.LINK_NAMES.get(found.link, "unknown"),
        "packet_link_type": str(found.link),
        "packet_layers": [layer.name for layer in decoded.layers] or None,
        "packet_src_mac": _value(link, "source"),
        "packet_dest_mac": _value(link, "destination"),
        "packet_vlan": [tag for tag in (layer.value("VLAN") for layer in decoded.layers) if tag] or None,
        "packet_src_ip": _value(address, "source"),
        "packet_dest_ip": _value(address, "destination"),
        "packet_ttl": _value(address, "TTL", "hop limit"),
        "packet_protocol": transport.name.lower() if transport else None,
        "packet_src_port": _value(transport, "source port"),
        "packet_dest_port": _value(transport, "destination port"),
        "packet_tcp_flags": _value(transport, "flags"),
        "packet_icmp_type": _value(transport, "type"),
        "packet_icmp_code": _value(transport, "code"),
        "packet_payload_offset": str(decoded.payload_offset),
        "packet_payload_length": str(decoded.payload_length),
        "packet_payload": dump.text_of(payload[:LONGEST_TEXT]) or None,
        "packet_hex": found.content.hex(),
        "packet_problem": " ".join(notes) or None,
    }
    return {name: cells[name] for name in PACKET_COLUMNS}


def _value(layer: layers.Layer | None, *names: str) -> str | None:
    if layer is None:
        return None
    return next((value for value in map(layer.value, names) if value), None)


def _dump(found: Found, decoded: layers.Decoded) -> Iterator[Row]:
    for row in dump.dump(found.content[:LONGEST_DUMP], decoded):
        layer = ", ".join(row.layers)
        yield {"offset": f"{row.offset:04x}", "hex": row.hex, "text": row.text, "layer": layer or None}
    rest = len(found.content) - LONGEST_DUMP
    if rest > 0:
        yield _dump_note(LONGEST_DUMP, f"{rest} more bytes are not shown; all are in packet_hex and in the PCAP file.")


def _dump_note(offset: int, text: str) -> Row:
    return {"offset": f"{offset:04x}", "hex": None, "text": text, "layer": "Note"}


def _layers(found: Found, decoded: layers.Decoded) -> Iterator[Row]:
    for layer in decoded.layers:
        for name, value in layer.fields:
            yield _layer(layer.name, layer.offset, layer.length, name, value)
    if decoded.payload_length:
        begin, length = decoded.payload_offset, decoded.payload_length
        text = dump.text_of(found.content[begin : begin + min(length, LONGEST_TEXT)])
        yield _layer("Payload", begin, length, "text", text)
    begin = decoded.payload_offset + decoded.payload_length
    rest = len(found.content) - begin
    if rest > 0:
        yield _layer("Padding", begin, rest, "hex", found.content[begin : begin + LONGEST_TEXT].hex(" "))
    for problem in (*found.notes, decoded.problem):
        if problem:
            yield _layer_note(decoded.payload_offset, problem)


def _layer_note(offset: int, text: str) -> Row:
    return _layer("Note", offset, 0, "problem", text)


def _layer(layer: str, offset: int, length: int, field_name: str, value: str) -> Row:
    return {"layer": layer, "offset": str(offset), "length": str(length), "field": field_name, "value": value}
