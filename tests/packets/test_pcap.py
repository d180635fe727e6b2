"""A PCAP file is read by tcpdump as it was meant."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from estreamer.packets import layers, pcap
from estreamer.packets.pcap import Captured

from standins.fmc import packets as made

FOUR = ("192.0.2.10", "198.51.100.7")
SIX = ("2001:db8::10", "2001:db8:ffff::7")


def tcpdump(folder: Path, content: bytes, *options: str) -> list[str]:
    """What tcpdump, which has nothing in common with the library that wrote the file, says of it."""
    file = folder / "file.pcap"
    file.write_bytes(content)
    command = ["tcpdump", "-nn", "-tt", "-r", str(file), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.splitlines()


def test_frames_come_back_with_their_times_lengths_and_right_checksums(tmp_path: Path) -> None:
    frames = [
        made.frame(made.tcp(*FOUR, (50123, 443), b"hello")),
        made.frame(made.udp(*SIX, (50123, 5353), b"hello!"), [(0x8100, 100)]),
        made.frame(made.echo(*FOUR, bytes(20))),
    ]
    captured = [Captured(1744752707 + n, 999_999 - n, len(one), one) for n, one in enumerate(frames)]
    lines = tcpdump(tmp_path, pcap.pcap_file(captured, layers.ETHERNET), "-e", "-v")
    text = "\n".join(lines)
    assert text.startswith(
        "1744752707.999999 0a:00:00:00:00:01 > 0a:00:00:00:00:02, ethertype IPv4 (0x0800), length 60"
    )
    assert "192.0.2.10.50123 > 198.51.100.7.443: Flags [P.], cksum" in text
    assert text.count("(correct)") == 1
    assert "1744752708.999998 " in text
    assert "vlan 100, p 0, ethertype IPv6" in text
    assert "2001:db8::10.50123 > 2001:db8:ffff::7.5353: [udp sum ok]" in text
    assert "1744752709.999997 " in text
    assert "192.0.2.10 > 198.51.100.7: ICMP echo request, id 77, seq 3, length 28" in text
    assert "bad" not in text
    assert "incorrect" not in text


def test_bytes_come_back_as_they_were(tmp_path: Path) -> None:
    frame = made.frame(made.udp(*FOUR, (50123, 9999), bytes(range(256))))
    lines = tcpdump(tmp_path, pcap.pcap_file([Captured(1, 0, len(frame), frame)], layers.ETHERNET), "-xx")
    digits = "".join(line.partition(":")[2] for line in lines if line.startswith("\t"))
    assert bytes.fromhex(digits) == frame


def test_raw_ip_is_told_by_the_link_type(tmp_path: Path) -> None:
    packet = made.tcp(*SIX, (50123, 80), b"GET / HTTP/1.1\r\n\r\n")
    (line,) = tcpdump(tmp_path, pcap.pcap_file([Captured(7, 5, len(packet), packet)], layers.RAW_IP))
    assert line.startswith("7.000005 IP6 2001:db8::10.50123 > 2001:db8:ffff::7.80: Flags [P.]")


def test_cut_packet_keeps_its_length_on_the_wire(tmp_path: Path) -> None:
    frame = made.frame(made.tcp(*FOUR, (50123, 443), bytes(1000)))
    content = pcap.pcap_file([Captured(7, 0, len(frame), frame[:100])], layers.ETHERNET)
    (line,) = tcpdump(tmp_path, content, "-e")
    assert f"length {len(frame)}:" in line


@pytest.mark.parametrize(("second", "microsecond"), [(-1, 0), (1 << 32, 0), (5, 1_000_000)])
def test_times_that_a_file_cannot_hold_become_the_epoch(second: int, microsecond: int) -> None:
    content = pcap.pcap_file([Captured(second, microsecond, 4, b"abcd")], layers.ETHERNET)
    assert struct.unpack("<IIII", content[24:40]) == (0, 0, 4, 4)


def test_no_packet_is_longer_than_readers_take() -> None:
    content = pcap.pcap_file([Captured(0, 0, 1 << 40, bytes(300_000))], layers.ETHERNET)
    assert struct.unpack("<IIII", content[24:40]) == (0, 0, 262_144, (1 << 32) - 1)
    assert len(content) == 24 + 16 + 262_144
