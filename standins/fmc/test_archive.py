"""The archive keeps its order, answers by seconds, and reads events from files."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path

import pytest

from standins.fmc.archive import NOW, Archive, GeneratedArchive
from standins.fmc.events import SAMPLES, Record


def _record(archival: int, payload: bytes = b"{}") -> Record:
    return Record(archival, 71, payload, None)


def test_a_whole_second_is_given_again() -> None:
    archive = Archive([_record(10, b"a"), _record(11, b"b"), _record(11, b"c"), _record(12, b"d")])
    assert [record.payload for record in archive.since(11)] == [b"b", b"c", b"d"]
    assert [record.payload for record in archive.since(0)] == [b"a", b"b", b"c", b"d"]
    assert archive.since(13) == []


def test_now_asks_only_for_what_comes() -> None:
    archive = Archive([_record(10)])
    position = archive.position_since(NOW)
    archive.append(_record(10, b"later"))
    assert [record.payload for record in archive.read(position, 10)] == [b"later"]


def test_records_of_the_server_itself_stay_where_they_were_put() -> None:
    archive = Archive([_record(10, b"a"), _record(0, b"notice"), _record(11, b"b")])
    assert [record.payload for record in archive.since(10)] == [b"a", b"notice", b"b"]
    assert [record.payload for record in archive.since(11)] == [b"b"]


def test_archival_timestamps_cannot_go_back() -> None:
    archive = Archive([_record(10)])
    with pytest.raises(ValueError, match="before 10"):
        archive.append(_record(9))
    assert len(archive) == 1


def test_in_an_archive_that_is_not_steady_they_may_and_resuming_begins_where_a_time_first_occurs() -> None:
    archive = Archive([_record(10, b"a"), _record(20, b"b"), _record(15, b"c"), _record(21, b"d")], steady=False)
    assert [record.payload for record in archive.since(12)] == [b"b", b"c", b"d"]
    assert [record.payload for record in archive.since(21)] == [b"d"]
    assert archive.since(22) == []


def test_who_listens_hears_of_appended_records_until_it_is_forgotten() -> None:
    for archive, grow in (
        (Archive(), lambda archive: archive.append(_record(1))),
        (GeneratedArchive(0), lambda archive: archive.grow(1)),
    ):
        heard: list[int] = []
        listener = lambda archive=archive, heard=heard: heard.append(len(archive))  # noqa: E731
        archive.listen(listener)
        grow(archive)
        archive.forget(listener)
        grow(archive)
        assert heard == [1]


def test_threads_may_append_and_read_at_once() -> None:
    archive = Archive()
    writers = [threading.Thread(target=lambda: [archive.append(_record(5)) for _ in range(500)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    while len(archive) < 2000:
        assert len(archive.since(5)) <= 2000
    for writer in writers:
        writer.join()
    assert len(archive.since(0)) == 2000


def test_a_file_of_events_keeps_their_bytes_and_gets_rising_timestamps(tmp_path: Path) -> None:
    lines = [(SAMPLES / f"{name}_event.json").read_bytes().rstrip() for name in ("intrusion", "connection", "file")]
    path = tmp_path / "events.json"
    path.write_bytes(b"\r\n".join(lines) + b"\r\n\r\n")
    records = Archive.from_file(path).since(0)
    assert [record.payload for record in records] == lines
    assert [record.archival for record in records] == [1744752707] * 3
    assert [record.record_type for record in records] == [400, 71, 502]


def test_wrapped_events_say_themselves_when_they_were_archived(tmp_path: Path) -> None:
    hostile = bytes(range(256))
    lines = [
        {"archival": 7, "payload": '{"EventType":"FileEvent"}'},
        {"archival": 8, "record_type": 999, "payload_base64": base64.b64encode(hostile).decode()},
    ]
    path = tmp_path / "events.json"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert Archive.from_file(path).since(0) == [
        Record(7, 502, b'{"EventType":"FileEvent"}', "FileEvent"),
        Record(8, 999, hostile, None),
    ]
