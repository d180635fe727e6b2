"""The targets of fuzzing: a function for each reader of others' data, with the properties that must hold for any
data."""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, Callable
from xml.parsers import expat

from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.folder import folder_of
from estreamer.connection import pkcs12
from estreamer.errors import Problem
from estreamer.events import facts, repair
from estreamer.events.drop_rules import DropRules
from estreamer.outputs.xml_stream import XmlStream
from estreamer.protocol import wire
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import Misuse, Session

from bench.fuzz import reference
from standins.fmc.pki import shared_pki

STANZA = "estreamer_fqe://fuzz"
PASSWORD = "the-password-of-this-file"
PKCS12_SECONDS = 20.0
"""Limit for one file: two million rounds of key derivation, the most that is accepted, take a few seconds on a slow
machine."""


def session(data: bytes) -> None:
    """A server's bytes in pieces: the first four bytes are the lengths of the pieces."""
    sizes, stream = data[:4] or b"\0", data[4:]
    pieces = list(_pieces(stream, [1 + size for size in sizes]))
    wanted = _sorted(reference.read(stream))
    for cut in ([stream], pieces):
        outcome, held = _heard(cut)
        # A session keeps no message that it has read, only bytes of an incomplete one.
        assert held <= wanted.rest or outcome.problem, (held, wanted.rest)
        outcome.rest = wanted.rest
        assert outcome == wanted, (outcome, wanted)
    assert sum(len(payload) for _, _, payload in wanted.events) <= len(stream)


def _pieces(stream: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = turn = 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        yield stream[position : position + size]
        position, turn = position + size, turn + 1


def _heard(pieces: list[bytes]) -> tuple[reference.Outcome, int]:
    """Return the outcome of a session that reads pieces, and the number of bytes that it holds at the end."""
    under_test = Session(FullyQualified(b"{}", 0), 0.0)
    without = _bytes_in(vars(under_test))
    heard = reference.Outcome()
    for piece in pieces:
        received = under_test.receive(piece, 1.0)
        heard.events += received.events
        heard.acknowledgements += received.acknowledgements
        assert len(under_test.acknowledge(received.acknowledgements)) == 8 * received.acknowledgements
        _refuses(lambda: under_test.acknowledge(1))
        if received.problem is not None:
            heard.problem = received.problem.code
            _refuses(lambda: under_test.receive(b"", 2.0))
            break
    counts = under_test.counts
    assert counts.events == len(heard.events)
    heard.gaps = counts.bundle_gaps
    heard.unknown = sorted(counts.unknown_messages.elements())
    return _sorted(heard), _bytes_in(vars(under_test)) - without


def _sorted(outcome: reference.Outcome) -> reference.Outcome:
    outcome.unknown.sort()
    return outcome


def _refuses(call: Callable[[], object]) -> None:
    try:
        call()
    except Misuse:
        return
    raise AssertionError("misuse was not refused")


def _bytes_in(value: Any) -> int:
    """Return the number of bytes in an object's byte strings, also those in its attributes and lists."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_bytes_in, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_bytes_in, value))
    return 0


def wire_error(data: bytes) -> None:
    """An error message from the server, and one to the server."""
    error = wire.decode_error(data)
    assert -(2**31) <= error.code < 2**31
    assert len(error.text) <= 0xFFFF
    sent = wire.encode_error(error.text, error.code)
    assert struct.unpack_from(">HHI", sent) == (1, 1, len(sent) - 8)
    again = wire.decode_error(sent[8:])
    assert again.code == error.code
    # The text is cut at 65,535 bytes, possibly within a character.
    assert error.text.startswith(again.text.rstrip("\ufffd")) or "\ufffd" in error.text


def event(data: bytes) -> None:
    """A payload: the first two bytes are its record type."""
    record_type, payload = int.from_bytes(data[:2], "big"), data[2:]
    kind, moment, shape = described = facts.describe(payload, record_type)
    describer = facts.Describer()
    for _ in range(2):
        assert describer.describe([payload, payload], [record_type, record_type]) == [described, described]
    assert re.fullmatch(r"\w{0,64}", kind)
    assert re.fullmatch(rb"(\d{1,10}(\.\d{6})?)?", moment)
    assert shape == facts.UNSOUND or (payload[:1] == b"{" and payload[-1:] == b"}")
    assert 0 <= facts.second_of(payload, record_type) < 2**32
    if shape == facts.UNNAMED:
        named = facts.with_event_type(payload, kind)
        assert facts.describe(named, 0) == (kind, moment, facts.SOUND)
        assert repair.mend(payload)[1] or not repair.mend(named)[1]
    identity = facts.identity(payload, kind)
    assert identity is None or identity.startswith(kind.encode())
    mended, problems = repair.mend(payload, record_type)
    assert repair.legal_text(mended) is not None
    # The wrapper of a payload that is too long makes it longer than the limit.
    assert repair.TOO_LONG in problems or repair.mend(mended) == (mended, ()), "mending is not finished by once"
    assert repair.Inspector().unsound([mended]) == [] or b"\n" in mended or b"\r" in mended or b"\t" in mended
    assert len(mended) <= facts.MAX_LENGTH + 1000 or repair.legal_text(payload) is None
    if problems:
        assert json.loads(mended)[repair.PROBLEM_KEY] == ", ".join(problems)
    else:
        assert mended == payload.strip(b"\0\r\n\t ")


_READER, _WRITER = os.pipe()


def output(data: bytes) -> None:
    """Payloads, separated by `\\xff|`, as XML."""
    payloads = data.split(b"\xff|")
    written = XmlStream(_WRITER, source="s<>&", sourcetype="t", host="h\x00", index="i")
    chunk = written.encode([b"%d" % place for place in range(len(payloads))], payloads, range(1, 1 + len(payloads)))
    found = _texts(b"<stream>" + chunk.data + b"</stream>")
    assert len(found) == len(payloads)
    for text, payload in zip(found, payloads):
        # All are inspected in full, since they are the first. XML has only one kind of line end.
        mended, problems = repair.mend(payload)
        legal = (mended if problems or text != _one_line_end(payload) else payload).decode()
        assert text == _one_line_end(legal.encode()), (text, legal)
    for length in range(0, len(chunk.data) + 1, 7):
        assert chunk.data[:length].count(b"</event>") == chunk.complete_events(length)


def _one_line_end(text: bytes) -> str:
    return text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _texts(stream: bytes) -> list[str]:
    """Return the texts of all `<data>`, as a strict parser reads them."""
    found: list[list[str]] = []
    parser = expat.ParserCreate("UTF-8")
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        assert not attributes
        assert name in ("stream", "event", "source", "sourcetype", "host", "index", "time", "data"), name
        inside.append(name)
        if name == "data":
            found.append([])

    def text(characters: str) -> None:
        if inside[-1] == "data":
            found[-1].append(characters)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: inside.pop()
    parser.CharacterDataHandler = text
    parser.Parse(stream, True)
    return ["".join(pieces) for pieces in found]


BOOKMARK_CODES = frozenset(("bookmark_unreadable", "bookmark_newer"))


def bookmark(data: bytes) -> None:
    """Two generations of a bookmark, separated by `\\xff|`.

    A generation that begins with `+` is built from records with correct checksums, so that the reader gets past these.
    """
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it has a name of its own
    with tempfile.TemporaryDirectory(prefix="estreamer-fuzz-", dir=shared if shared.is_dir() else None) as where:
        folder = Path(folder_of(where, STANZA))
        folder.mkdir()
        for place, content in enumerate(data.split(b"\xff|", 1)):
            file = folder / f"{place + 1:010d}.journal"
            file.write_bytes(_journal(content[1:]) if content[:1] == b"+" else content)
        try:
            opened = Bookmark.open(where, STANZA, reader="r", settle=30)
        except Problem as problem:
            assert problem.code in BOOKMARK_CODES, problem.code
            return
        _use(opened)
        again = Bookmark.open(where, STANZA, reader="r", settle=30)
        assert again.recovery.unsettled == 0
        _use(again)


def _use(opened: Bookmark) -> None:
    """Resume, and deliver an event, which the bookmark must know afterwards."""
    try:
        assert opened.state is not None, "a bookmark was taken for none"
        assert opened.position >= 0
        assert 0 <= opened.state.settled <= opened.state.written
        account = opened.state.account
        resume = opened.resume(account)
        assert resume is not None
        assert 0 <= resume.timestamp < 2**32
        opened.begin("another", resume.timestamp, "r", STANZA)
        opened.begin(account, resume.timestamp, "r", STANZA)
        opened.delivered(opened.entry([2**32 - 1], [b"x"], None))
        known = opened.resume(account)
        assert known is not None
        assert known.duplicates is not None
        assert known.duplicates.is_duplicate(2**32 - 1, b"x", None)
        opened.settled(opened.sequence)
    finally:
        opened.close()


def _journal(content: bytes) -> bytes:
    """Return a generation from bytes: for each record its kind and its length, one byte each, then its body."""
    journal = b"SFE-BOOKMARK %d\n" % (1 + len(content) % 2)
    while len(content) >= 2:
        kind, length = content[0] % 10, content[1]
        body, content = content[2 : 2 + length], content[2 + length :]
        checksum = zlib.crc32(body, zlib.crc32(bytes([kind])))
        journal += struct.pack(">IIB", checksum, len(body), kind) + body
    return journal + content


def drop_rules(data: bytes) -> None:
    """Rules, and a payload after `\\xff|`."""
    text, _, payload = data.partition(b"\xff|")
    try:
        rules = DropRules.parse(text.decode("utf-8", "replace"))
    except Problem as problem:
        assert problem.code == "drop_rules_invalid"
        assert len(problem.text) < 1000
        return
    assert DropRules.parse(str(rules)) == rules
    for event_type in ("ConnectionEvent", "IntrusionEvent", "IntrusionPacket", "FileEvent", ""):
        dropped = rules.drops(event_type, payload)
        assert dropped is None or 0 <= dropped < len(rules)
        assert event_type in rules.event_types() or dropped is None


def pkcs12_file(data: bytes) -> None:
    """A PKCS#12 file: the given bytes after a zero; otherwise a file that is made here, with changes of four bytes
    each.

    So the corpus holds no key, and the checksums of unchanged parts are correct.
    """
    file = data[1:] if data[:1] in (b"", b"\0") else _changed(_file(data[0] % 2), data[1:])
    begun = time.monotonic()
    with suppress(Problem):
        try:
            found = pkcs12.read(file, PASSWORD, datetime.now(timezone.utc), allow_legacy=True)
        except Problem as problem:
            assert problem.code.startswith(("pkcs12_", "certificate_")), problem.code
            assert PASSWORD not in problem.text
            raise
        assert found.ca_certificates
        assert PASSWORD not in repr(found)
        assert b"ENCRYPTED" in found.encrypted_key(b"x")
    assert time.monotonic() - begun < PKCS12_SECONDS


@cache
def _file(number: int) -> bytes:
    return shared_pki().pkcs12(password=PASSWORD, encryption=("aes-256", "3des")[number])


def _changed(file: bytes, changes: bytes) -> bytes:
    """Return the file with bytes changed, inserted or removed, or with its end cut off."""
    changed = bytearray(file)
    for place in range(0, len(changes) - 3, 4):
        position = int.from_bytes(changes[place : place + 2], "big") % (len(changed) + 1)
        how, value = changes[place + 2] % 16, changes[place + 3]
        if how == 0:
            del changed[position:]
        elif how == 1:
            changed.insert(position, value)
        elif how == 2:
            del changed[position : position + value]
        else:
            changed[position : position + 1] = bytes((value,))
    return bytes(changed)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (session, wire_error, event, output, bookmark, drop_rules, pkcs12_file)
}
