"""What it costs to decode classic records and to write them as JSON, against a plain reading of the tables.

    tools/run.sh bench.classic [--records N] [--rounds N] [--profile KIND]

Both decode the same records, made from the tables with values as real connections have them, and resolve the same
names; the bytes of their events are compared first. Each round measures one after the other, so that both see the same
machine; CPU time counts, the best of the rounds. In the mix, every tenth record is metadata, which is decoded and
learned. With `--profile` one kind is profiled instead.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Callable, NamedTuple

from estreamer.protocol.classic.names import KnownNames, entry
from estreamer.protocol.classic.records import decode
from estreamer.protocol.classic.text import Events

from bench import classic_naive
from standins.fmc.classic_records import Made, as_block, encoded, layouts

KINDS = ("connection 160", "connection 174", "intrusion", "file", "mix")
METADATA_EVERY = 10
POLICY = bytes(range(1, 17))
ZONES = [bytes([number] * 16) for number in (17, 18, 19, 20)]
BLANKS = {"uuid": 16, "ip16": 16, "ipv4": 4, "mac": 6, "bytes[20]": 20, "bytes[32]": 32}
NAMED = {
    55: "Chrome", 63: "HTTPS", 98: "ann@example.com", 109: "Google", 120: "Allow", 121: "Search", 122: "Trusted",
    123: "ftd-1.example.com", 510: "PDF",
}  # fmt: skip


class Wire(NamedTuple):
    """A record as it is sent."""

    number: int
    body: bytes


def main() -> None:
    """Measure and print the table, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", choices=KINDS)
    options = parser.parse_args()
    if options.profile:
        profile(records(options.profile, options.records))
        return
    print("| records | bytes | plain, events per CPU second | decoder, events per CPU second | microseconds | ratio |")
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        wires = records(kind, options.records)
        compare(wires[:200])
        plain, fast = best(wires, options.rounds)
        size = sum(len(wire.body) for wire in wires) / len(wires)
        print(f"| {kind} | {size:.0f} | {1 / plain:,.0f} | {1 / fast:,.0f} | {fast * 1e6:.1f} | {plain / fast:.2f} |")


def best(wires: Sequence[Wire], rounds: int) -> tuple[float, float]:
    """Return the CPU seconds for a record, of a plain reading and of the decoder: the best of the rounds."""
    few = wires[: max(len(wires) // 5, 1)]
    taken = [(seconds(plain_way(), few), seconds(decoder_way(), wires)) for _ in range(rounds)]
    return min(plain for plain, _ in taken), min(fast for _, fast in taken)


def seconds(way: Callable[[Wire], object], wires: Sequence[Wire]) -> float:
    """Return the CPU seconds for a record, once everything is compiled."""
    for wire in wires[:50]:
        way(wire)
    gc.collect()
    begun = time.process_time()
    for wire in wires:
        way(wire)
    return (time.process_time() - begun) / len(wires)


def decoder_way() -> Callable[[Wire], bytes]:
    """Return what decodes a record, learns metadata, and writes an event."""
    names = KnownNames()
    for made in metadata():
        names.learn(entry(decode(made.number, made.body)))
    events = Events(names)

    def way(wire: Wire) -> bytes:
        decoded = decode(wire.number, wire.body, 1700000000)
        if decoded.kind == "metadata":
            names.learn(entry(decoded))
            return b""
        return events.text(decoded)

    return way


def plain_way() -> Callable[[Wire], bytes]:
    """Return the same by a plain reading of the tables."""
    known: dict[tuple[int, Any], tuple[Any, ...]] = {}

    def way(wire: Wire) -> bytes:
        if wire.number in classic_naive.metadata():
            known.update(classic_naive.learned(wire.number, wire.body))
            return b""
        return classic_naive.event(wire.number, wire.body, known)

    for made in metadata():
        way(made)
    return way


def compare(wires: Sequence[Wire]) -> None:
    """Hold both to the same events."""
    plain, fast = plain_way(), decoder_way()
    for wire in wires:
        assert plain(wire) == fast(wire)


def profile(wires: Sequence[Wire]) -> None:
    """Print where the time goes."""
    way = decoder_way()
    profiler = cProfile.Profile()
    profiler.enable()
    for wire in wires:
        way(wire)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def records(kind: str, count: int) -> list[Wire]:
    """Return records of a kind, the same ones each time."""
    random = Random(1)  # noqa: S311 - values for a measurement
    named = list(metadata())
    if kind == "mix":
        kinds = ("connection 160", "connection 174", "intrusion", "file")
        return [
            random.choice(named) if number % METADATA_EVERY == 0 else event(kinds[number % 4], random)
            for number in range(count)
        ]
    return [event(kind, random) for _ in range(count)]


def event(kind: str, random: Random) -> Wire:
    """Return an event of a kind with values at random."""
    if kind == "intrusion":
        return Wire(400, as_block(blank("B2.85", **intrusion(random))))
    if kind == "file":
        return Wire(500, as_block(blank("B2.79", **file(random))))
    block = "B1." + kind.rpartition(" ")[2]
    header = blank("discovery_header", device_id=3, has_ipv6=1, event_type=1003, event_subtype=1, file_number=77)
    return Wire(71, encoded(header) + as_block(blank(block, **connection(random))))


def blank(container: str, /, **values: Any) -> Made:
    """Return a container in which what is not given says nothing; values for other containers are ignored."""
    found: dict[str, Any] = {}
    for field, kind in layouts()[container]:
        size = BLANKS.get(kind, 0)
        found[field] = values.get(field, bytes(size) if size or kind == "string_block" else 0)
    return Made(container, found)


def ip(random: Random, first: bytes) -> bytes:
    return bytes(10) + b"\xff\xff" + first + bytes([0, random.randrange(8), random.randrange(200)])


def connection(random: Random) -> dict[str, Any]:
    first = 1700000000 + random.randrange(1000)
    text = f"https://www.example{random.randrange(100)}.com/path?a={random.random()}\0".encode()
    return {
        "device_id": 3, "ingress_zone": ZONES[0], "egress_zone": ZONES[1], "ingress_interface": ZONES[2],
        "egress_interface": ZONES[3], "initiator_ip_address": ip(random, b"\x0a"),
        "responder_ip_address": ip(random, b"\x5d"), "policy_revision": POLICY, "rule_id": 268435456,
        "rule_action": 2, "initiator_port": random.randrange(1024, 65536), "responder_port": 443, "tcp_flags": 27,
        "protocol": 6, "instance_id": 1, "connection_counter": random.randrange(65536),
        "first_packet_timestamp": first, "last_packet_timestamp": first + random.randrange(120),
        "initiator_transmitted_packets": random.randrange(100), "responder_transmitted_packets": 12,
        "initiator_transmitted_bytes": random.randrange(100000), "responder_transmitted_bytes": 81234,
        "user_id": 7, "application_protocol_id": 1122, "url_category": 28, "url_reputation": 5,
        "client_application_id": 638, "web_application_id": 184, "client_app_url": text,
        "client_application_version": b"120.0\0", "responder_country": 840, "initiator_country": 528,
        "referenced_host": b"www.example.com\0", "user_agent": b"Mozilla/5.0 (X11; Linux x86_64)\0",
        "network_analysis_policy_revision": POLICY, "ssl_flow_status": 2, "ssl_actual_action": 1,
        "ssl_expected_action": 1, "ssl_server_name": b"www.example.com\0", "nat_initiator_port": 40000,
        "nat_initiator_ip_address": ip(random, b"\xc0"), "ingress_vrf_name": b"Global\0",
        "egress_vrf_name": b"Global\0", "eve_process": b"chrome\0", "eve_process_confidence": 97,
    }  # fmt: skip


def intrusion(random: Random) -> dict[str, Any]:
    return {
        "device_id": 3, "event_id": random.randrange(1 << 32), "event_second": 1700000000,
        "event_microsecond": random.randrange(1000000), "rule_id": 2000, "generator_id": 1, "rule_revision": 3,
        "classification_id": 5, "priority_id": 1, "source_ip_address": ip(random, b"\x5d"),
        "destination_ip_address": ip(random, b"\x0a"), "source_port_icmp_type": 80,
        "destination_port_icmp_code": random.randrange(65536), "ip_protocol": 6, "impact_flags": 7, "impact": 2,
        "blocked": 1, "policy_uuid": POLICY, "web_application_id": 184, "client_application_id": 638,
        "application_protocol_id": 1122, "access_control_rule_id": 268435456, "access_control_policy_uuid": POLICY,
        "ingress_interface_uuid": ZONES[2], "egress_interface_uuid": ZONES[3], "ingress_zone_uuid": ZONES[0],
        "egress_zone_uuid": ZONES[1], "connection_timestamp": 1700000000, "connection_instance_id": 1,
        "connection_counter": random.randrange(65536), "source_country": 840, "network_analysis_policy_uuid": POLICY,
        "http_response": 200, "ingress_vrf_name": b"Global\0", "egress_vrf_name": b"Global\0", "snort_version": 3,
        "http_hostname": b"www.example.com\0", "http_uri": b"/index.html?a=1&b=2\0",
    }  # fmt: skip


def file(random: Random) -> dict[str, Any]:
    digest = bytes(random.getrandbits(8) for _ in range(32))
    return {
        "device_id": 3, "connection_instance": 1, "connection_counter": random.randrange(65536),
        "connection_timestamp": 1700000000, "file_event_timestamp": 1700000001,
        "source_ip_address": ip(random, b"\x5d"), "destination_ip_address": ip(random, b"\x0a"), "disposition": 1,
        "file_storage_status": 1, "file_analysis_status": 1, "threat_score": 10, "action": 3, "sha256": digest,
        "file_type_id": 285, "file_name": b"invoice 2024.pdf\0", "file_size": random.randrange(1 << 20),
        "direction": 1, "application_id": 1122, "user_id": 7, "uri": b"/download/invoice.pdf\0",
        "signature": digest.hex().encode() + b"\0", "source_port": 80, "destination_port": random.randrange(65536),
        "protocol": 6, "access_control_policy_uuid": POLICY, "source_country": 840, "web_application_id": 184,
        "client_application_id": 638, "http_response": 200, "ingress_vrf_name": b"Global\0",
        "egress_vrf_name": b"Global\0",
    }  # fmt: skip


def metadata() -> Iterator[Wire]:
    """Yield the names that the events use."""
    keys = {55: 638, 63: 1122, 98: 7, 109: 184, 120: 2, 121: 28, 122: 5, 123: 3, 510: 285}
    for number, title in NAMED.items():
        if number == 98:
            yield Wire(98, as_block(blank("B2.57", user_id=7, name=title.encode())))
            continue
        yield Wire(number, encoded(Made(f"R{number}", listed(keys[number], title))))
    for number, uuid, text in ((115, 0, b"inside"), (115, 1, b"outside"), (116, 2, b"eth1"), (116, 3, b"eth2")):
        yield Wire(number, as_block(blank("B2.14", uuid=ZONES[uuid], name=text)))
    for number, text in ((118, b"Balanced Security and Connectivity"), (700, b"Balanced")):
        yield Wire(number, as_block(blank("B2.14", uuid=POLICY, name=text)))
    yield Wire(119, as_block(blank("B2.15", policy_revision_uuid=POLICY, rule_id=268435456, name=b"Permit web")))
    yield Wire(145, as_block(blank("B2.64", policy_uuid=POLICY, device_id=3, name=b"Main policy")))
    for number, text in ((840, b"united states"), (528, b"netherlands")):
        yield Wire(520, as_block(blank("B2.28", country_code=number, country=text)))
    message = b"SERVER-WEBAPP attempt"
    rule = {"generator_id": 1, "rule_id": 2000, "rule_revision": 3, "rendered_signature_id": 2000}
    yield Wire(66, encoded(Made("R66", {
        **rule, "message_length": len(message), "rule_uuid": POLICY, "rule_revision_uuid": POLICY, "message": message,
    })))  # fmt: skip


def listed(key: int, text: str) -> dict[str, Any]:
    return {"id": key, "name_length": len(text.encode()), "name": text.encode()}


if __name__ == "__main__":
    main()
