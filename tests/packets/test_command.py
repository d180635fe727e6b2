"""The command runs as splunkd runs it: from the installed package, by the chunked protocol."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from standins.fmc import packets as made
from tests.packets.command import Command, children_memory, chunk, pieces, read_chunk, to_csv

pytestmark = pytest.mark.package

FRAME = made.frame(made.tcp("192.0.2.10", "198.51.100.7", (50123, 443), b"hello"), [(0x88A8, 7), (0x8100, 100)])
LONG = made.frame(made.tcp("2001:db8::10", "2001:db8:ffff::7", (50123, 80), bytes(60_000)))


def event(content: bytes, **fields: Any) -> dict[str, str]:
    return {"_time": "1744752707.5", "_raw": json.dumps({"PacketData": content.hex(), **fields})}


def test_packets_of_several_chunks_are_decoded(command: Command) -> None:
    encoded = {"_time": "1.5", "_raw": json.dumps({"packet": base64.b64encode(FRAME).decode()})}
    answer = command.run([], [event(FRAME, PacketSecond=7), encoded], [event(LONG)], [])
    assert (answer.status, answer.stderr, answer.messages) == (0, "", [])
    assert [len(chunk.rows) for chunk in answer.chunks] == [2, 1, 0]
    first, second, third = answer.rows
    assert first["_raw"] == event(FRAME, PacketSecond=7)["_raw"]
    assert first["packet_layers"] == ["Ethernet", "802.1ad", "802.1Q", "IPv4", "TCP"]
    assert first["packet_vlan"] == ["7", "100"]
    assert (first["packet_time"], first["packet_payload_offset"], first["packet_payload"]) == (
        "7.000000",
        "62",
        "hello",
    )
    assert (second["packet_encoding"], second["packet_time"]) == ("base64", "1.500000")
    assert third["packet_hex"] == LONG.hex()


def test_command_runs_on_the_search_head_on_events_in_pieces(command: Command) -> None:
    answer = command.run([], [event(FRAME)])
    assert (answer.configuration["type"], answer.configuration["maxinputs"]) == ("stateful", 50)


def test_dump_and_layers_are_rows_of_their_own(command: Command) -> None:
    dump = command.run(["rows=dump"], [event(FRAME)])
    assert [row["offset"] for row in dump.rows] == ["0000", "0010", "0020", "0030", "0040"]
    assert bytes.fromhex("".join(row["hex"] for row in dump.rows)) == FRAME
    layers = command.run(["rows=layers", f"packet={dump.rows[0]['packet_id']}"], [event(FRAME), event(LONG)])
    assert ("TCP", "42", "20", "destination port", "443") in [
        tuple(row[name] for name in ("layer", "offset", "length", "field", "value")) for row in layers.rows
    ]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("rows=all", "sfwpackets: rows=all is not known. Choose among packets, dump, layers."),
        (
            "link=x",
            "sfwpackets: link=x is not a link type. Give the number that PCAP files have for it, 1 for Ethernet.",
        ),
        ("PacketData", "sfwpackets: PacketData is not understood: arguments are written as name=value."),
        ("colour=red", "Unrecognized option: colour=red"),
        ("rows={0}", "sfwpackets: rows={0} is not known. Choose among packets, dump, layers."),
        ("encoding={x!r}{", "sfwpackets: encoding={x!r}{ is not known. Choose among auto, hex, base64."),
        (
            "packet=\x1b[2J",
            "sfwpackets: packet='\\x1b[2J' is not a packet id. A packet id has 16 digits of 0-9 and a-f, "
            "as in the field packet_id.",
        ),
    ],
)
def test_wrong_argument_ends_the_search_with_a_sentence(command: Command, argument: str, sentence: str) -> None:
    answer = command.run([argument], [event(FRAME)])
    assert (answer.status, answer.messages, answer.rows) == (1, [["ERROR", sentence]], [])
    assert "Traceback" not in answer.stderr


def test_noise_does_not_break_the_command(command: Command) -> None:
    texts = ["", "{", "null", '{"PacketData":"zz"}', '{"PacketData":"\\ud800"}', "[1]", '"', "{}", "\x00\x07"]
    answer = command.run([], [{"_time": "soon", "_raw": text} for text in texts])
    assert (answer.status, len(answer.rows), answer.messages) == (0, len(texts), [])
    assert all(
        row["packet_problem"].startswith("No packet was recognized in any field of the event.") for row in answer.rows
    )


def test_many_events_do_not_raise_memory(command: Command) -> None:
    """8,000 packets, in pieces as splunkd cuts them, take little more than one piece does."""
    body = to_csv([event(FRAME, PacketSecond=second) for second in range(1000)])
    command.run([], [event(FRAME, PacketSecond=second) for second in range(1000)])
    one = children_memory()
    process = command.start()
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(command.getinfo([]))
        process.stdin.flush()
        assert read_chunk(process.stdout)
        count = 0
        for number in range(1, 9):
            process.stdin.write(chunk({"action": "execute", "finished": number == 8}, body))
            process.stdin.flush()
            answer = read_chunk(process.stdout)
            assert answer
            count += len(answer.rows)
        assert count == 8_000
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert children_memory() - one < 16 << 20


def test_dump_of_many_long_packets_is_bounded_and_says_so(command: Command) -> None:
    """What splunkd hands over at once is answered at once, from memory: a long packet has thousands of rows."""
    answer = command.run(["rows=dump"], [event(LONG, PacketSecond=second) for second in range(20)], [event(LONG)])
    first, second = (chunk.rows for chunk in answer.chunks)
    rows_of_one = -(-len(LONG) // 16)
    shown, rest = divmod(len(first) - 1, rows_of_one)
    assert (shown, rest) == (-(-20_000 // rows_of_one), 0)
    assert first[-1]["text"] == (
        f"{20 - shown} more packets are not shown: this part of the search has {len(first) - 1} rows already. Ask for "
        "fewer packets by head or packet=."
    )
    assert (first[-1]["layer"], len(second)) == ("Note", rows_of_one)


def test_start_imports_nothing_heavy(command: Command) -> None:
    process = command.start("-X", "importtime")
    sent = b"".join([command.getinfo([]), *pieces([[event(FRAME)]])])
    _, errors = process.communicate(sent, timeout=60)
    imported = {line.rpartition("|")[2].strip() for line in errors.decode().splitlines()}
    assert "dpkt.ethernet" in imported
    heavy = ("cryptography", "solnlib", "splunktaucclib", "requests", "asyncio", "xml.dom")
    assert [name for name in imported if name.startswith(heavy)] == []
