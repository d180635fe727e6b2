"""What stands for an event: nobody can aim at it, its key is lost without loss, and older bookmarks are still known."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest
from estreamer.bookmark import digests as keyed
from estreamer.bookmark.bookmark import Bookmark, folder_of
from estreamer.bookmark.digests import Digests, old_digest, old_identity, siphash
from estreamer.bookmark.duplicates import DuplicateFilter

from tests.bookmark import version_1
from tests.bookmark.collisions import forged

STANZA = "estreamer_fqe://main"
BENIGN = b'{"EventType":"ConnectionEvent", "ConnectionID":1, "URL":"http://a.example/%b"}' % (b"-" * 64)


def malicious(target: bytes) -> bytes:
    """An event that had the digest of the target in version 1."""
    before = b'{"EventType":"ConnectionEvent", "ConnectionID":2, "URL":"http://b.example/'
    return forged(before, b'"}', old_digest(target) & 0xFFFFFFFF)


def opened(where: Path, reader: str = "splunkd-1") -> Bookmark:
    return Bookmark.open(str(where), STANZA, reader=reader, settle=30)


def begun(where: Path, source: str = "fmc") -> Bookmark:
    bookmark = opened(where)
    bookmark.begin(source, 1000, "splunkd-1", STANZA)
    return bookmark


def record(bookmark: Bookmark, archival: int, payload: bytes, identity: bytes | None = None) -> None:
    bookmark.delivered(bookmark.entry([archival], [payload], None if identity is None else [identity]))


def known_to(bookmark: Bookmark, source: str = "fmc") -> DuplicateFilter:
    found = bookmark.resume(source)
    assert found is not None
    assert found.duplicates is not None
    return found.duplicates


def key_file(where: Path) -> Path:
    return Path(folder_of(str(where), STANZA), keyed.KEY_NAME)


def test_an_event_made_to_collide_under_version_1_has_a_digest_of_its_own():
    assert old_digest(malicious(BENIGN)) == old_digest(BENIGN)
    benign, other = Digests(os.urandom(32)).of([BENIGN, malicious(BENIGN)])
    assert benign != other


def test_digests_depend_on_the_key_and_on_nothing_else():
    keys = [bytes([number]) * 32 for number in range(2)]
    first, again, other = (Digests(key).of([BENIGN, b""]).tolist() for key in (keys[0], keys[0], keys[1]))
    assert first == again
    assert not set(first) & set(other)
    assert Digests(keys[0]).name != Digests(keys[1]).name


def test_the_digest_of_an_identity_is_not_that_of_a_payload_with_the_same_text():
    digests = Digests(bytes(32))
    assert digests.of([b"text"])[0] != digests.of_identities([b"text", None])[0]
    assert digests.of_identities([b"text", None])[1] == 0


def test_an_event_made_to_collide_is_not_hidden_by_one_that_is_sent_again_after_it(tmp_path: Path):
    bookmark = begun(tmp_path)
    record(bookmark, 5000, BENIGN)
    known = known_to(bookmark)
    assert not known.is_duplicate(5000, malicious(BENIGN), None)
    assert known.is_duplicate(5000, BENIGN, None)
    bookmark.close()


def test_an_event_made_to_collide_is_not_hidden_by_one_that_is_rendered_again(tmp_path: Path):
    bookmark = begun(tmp_path)
    record(bookmark, 5000, BENIGN)
    known = known_to(bookmark)
    assert not known.is_duplicate(5000, BENIGN.replace(b"---", b"new"), None)
    assert not known.is_duplicate(5000, malicious(BENIGN), None)
    bookmark.close()


def test_a_packet_made_to_collide_is_not_hidden_after_a_failover(tmp_path: Path):
    bookmark = begun(tmp_path, "one")
    record(bookmark, 5000, BENIGN)
    assert not known_to(bookmark, "two").is_duplicate(5007, malicious(BENIGN), None)
    bookmark.close()


def test_neither_key_nor_payload_can_be_read_from_the_journals(tmp_path: Path):
    bookmark = begun(tmp_path)
    record(bookmark, 5000, BENIGN, b"identity of it")
    bookmark.close()
    key = key_file(tmp_path).read_bytes()
    for journal in key_file(tmp_path).parent.glob("*.journal"):
        content = journal.read_bytes()
        assert key not in content
        assert key.hex().encode() not in content
        assert b"a.example" not in content
        assert b"identity of it" not in content


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes: the folder's rights count there")
def test_only_the_user_who_runs_splunk_can_read_the_key(tmp_path: Path):
    before = os.umask(0)
    try:
        begun(tmp_path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes of files")
def test_a_key_that_was_copied_with_rights_for_others_loses_them(tmp_path: Path):
    begun(tmp_path).close()
    key_file(tmp_path).chmod(0o644)
    opened(tmp_path).close()
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600


def test_two_inputs_have_two_keys(tmp_path: Path):
    for name in ("a", "b"):
        begun(tmp_path / name).close()
    assert key_file(tmp_path / "a").read_bytes() != key_file(tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "another", "longer"])
def test_without_its_key_a_bookmark_keeps_its_position_and_says_that_events_double(tmp_path: Path, damage: str):
    bookmark = begun(tmp_path)
    record(bookmark, 5000, BENIGN)
    bookmark.close()
    key = key_file(tmp_path)
    content = {"empty": b"", "cut": key.read_bytes()[:31], "another": os.urandom(32), "longer": key.read_bytes() + b"x"}
    if damage == "missing":
        key.unlink()
    else:
        key.write_bytes(content[damage])
    again = opened(tmp_path)
    assert again.recovery.key_lost is not None
    assert again.recovery.key_lost.code == "bookmark_key_lost"
    assert again.position == 5000
    assert not known_to(again).is_duplicate(5000, BENIGN, None)
    record(again, 5000, BENIGN)
    again.close()
    later = opened(tmp_path)
    assert later.recovery.key_lost is None
    assert known_to(later).is_duplicate(5000, BENIGN, None)
    later.close()


def test_a_bookmark_of_version_1_is_taken_over_and_its_events_are_recognized_until_they_expire(tmp_path: Path):
    state = version_1.state(STANZA, "fmc", 1000, "splunkd-1")
    version_1.write(tmp_path, STANZA, state, version_1.written(1, 5000, [BENIGN, b"b", b"b"]), version_1.settled(2))
    bookmark = opened(tmp_path)
    assert bookmark.recovery.key_lost is None
    assert (bookmark.position, bookmark.sequence) == (5000, 3)
    record(bookmark, 5001, b"since")
    again = known_to(bookmark)
    sent = [(5000, BENIGN), (5000, b"b"), (5000, b"b"), (5000, b"b"), (5001, b"since"), (5001, b"other")]
    assert [again.is_duplicate(archival, payload, None) for archival, payload in sent] == [
        *[True] * 3,
        False,
        True,
        False,
    ]
    bookmark.close()
    assert opened_by_another(tmp_path).recovery.unsettled == 2


def opened_by_another(where: Path) -> Bookmark:
    bookmark = opened(where, "splunkd-2")
    bookmark.close()
    return bookmark


def test_identities_of_version_1_are_recognized_after_a_failover(tmp_path: Path):
    written = version_1.written(1, 5000, [BENIGN, b"b"], [b"id", None])
    version_1.write(tmp_path, STANZA, version_1.state(STANZA, "one", 1000, "splunkd-1"), written)
    assert old_identity(b"id") == version_1.identity(b"id")
    bookmark = opened(tmp_path)
    known = known_to(bookmark, "two")
    assert known.is_duplicate(5003, b"rendered otherwise", b"id")
    assert known.is_duplicate(5003, b"b", None)
    assert not known.is_duplicate(5003, BENIGN, b"another id")
    bookmark.close()


def test_what_follows_on_a_bookmark_of_version_1_says_its_version_in_the_first_line(tmp_path: Path):
    """What is written after the takeover is of the present version, which the older one refuses by its first line."""
    state = version_1.state(STANZA, "fmc", 1000, "splunkd-1")
    version_1.write(tmp_path, STANZA, state, version_1.written(1, 5000, [b"a"]))
    opened(tmp_path).close()
    first_lines = [path.read_bytes()[:15] for path in sorted(key_file(tmp_path).parent.glob("*.journal"))]
    assert first_lines == [b"SFE-BOOKMARK 1\n", b"SFE-BOOKMARK 2\n"]


def test_the_slow_hash_is_the_one_that_this_python_has_built_in():
    assert keyed._ROUNDS in keyed._KNOWN_ROUNDS
    digests = Digests(b"k" * 32)
    own = keyed.OtherDigests(b"k" * 32, *keyed._ROUNDS)
    texts = [bytes(range(length)) for length in range(256)] + [os.urandom(2000)]
    assert [own.of(text) for text in texts] == digests.of(texts).tolist()
    assert own.of_identity(b"id") == digests.of_identities([b"id"])[0]


def test_a_change_of_python_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The files are those that a Python with the other kind of hash leaves behind."""
    (other,) = (rounds for rounds in keyed._KNOWN_ROUNDS if rounds != keyed._ROUNDS)
    with monkeypatch.context() as another:
        another.setattr(keyed, "_ROUNDS", other)
        another.setattr("_imp.source_hash", lambda _, text: struct.pack("<Q", siphash(text, *other)))
        bookmark = begun(tmp_path, "one")
        record(bookmark, 5000, BENIGN)
        record(bookmark, 5001, b"b", b"id")
        bookmark.close()
    again = opened(tmp_path)
    assert again.recovery.key_lost is None
    record(again, 5002, b"since")
    known = known_to(again, "one")
    sent = [(5000, BENIGN), (5000, BENIGN), (5001, b"b"), (5002, b"since"), (5002, b"other")]
    assert [known.is_duplicate(archival, payload, None) for archival, payload in sent] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert known_to(again, "two").is_duplicate(5003, b"rendered otherwise", b"id")
    again.close()
