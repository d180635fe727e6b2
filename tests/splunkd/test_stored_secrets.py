"""Secrets of accounts in storage/passwords: read account by account, replaced completely or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from estreamer.errors import Problem, SessionRefused
from estreamer.splunkd.client import Entry, Refused, named
from estreamer.splunkd.stored_secrets import END, MASKS, PIECE, SEPARATOR, SecretStore, pieces, read
from hypothesis import given
from hypothesis import strategies as st

from standins.places import APP
from tests.splunkd.management import ACCOUNT_CONF, REALM, UNREADABLE

SECRETS = {"pkcs12": "QUJD" * 300, "pkcs12_password": "not-a-real-password"}
SHORTER = {"pkcs12": "REVG" * 100, "pkcs12_password": "another-password"}
LONGER = {"pkcs12": "R0hJ" * 900, "pkcs12_password": "third-password"}


class Splunkd:
    """storage/passwords in memory, where the request of a number, and those after it, can be made to fail."""

    def __init__(self, *accounts: tuple[str, dict[str, str]]) -> None:
        self.stored: dict[str, str | None] = {}
        self.changes = 0
        self.fails_at: dict[int, Exception] = {}
        self.carries_out = False
        for account, values in accounts:
            self.stored.update(pieces(account, values))

    def entries(self, path: str, **query: str) -> list[Entry]:
        assert (path, query) == ("storage/passwords", {"search": f"realm={REALM}"})
        return [
            Entry(f"{REALM}:{username}:", {"realm": REALM, "username": username, "clear_password": clear})
            for username, clear in self.stored.items()
        ]

    def post(self, path: str, form: dict[str, str]) -> None:
        assert 0 < len(form["password"]) <= PIECE
        if path == "storage/passwords":
            username = form["name"]
            assert form["realm"] == REALM
            refused = Refused(path, 409, "") if username in self.stored else None
        else:
            username = self._username(path)
            refused = None if username in self.stored else Refused(path, 404, "")
        self._change(refused, lambda: self.stored.update({username: form["password"]}))

    def delete(self, path: str) -> None:
        username = self._username(path)
        refused = None if username in self.stored else Refused(path, 404, "")
        self._change(refused, lambda: self.stored.pop(username))

    def _change(self, refused: Refused | None, carry_out: Any) -> None:
        self.changes += 1
        fault = self.fails_at.get(self.changes)
        if fault is None and refused is not None:
            raise refused
        if fault is None or self.carries_out:
            carry_out()
        if fault is not None:
            raise fault

    @staticmethod
    def _username(path: str) -> str:
        begin = named("storage/passwords", f"{REALM}:")
        assert path.startswith(begin)
        assert path.endswith(":")
        return path[len(begin) : -1]


def store(splunkd: Splunkd) -> SecretStore:
    return SecretStore(splunkd, APP, ACCOUNT_CONF)  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from(["pkcs12", "pkcs12_password"]), st.text(min_size=1, max_size=900), min_size=1))
def test_what_is_stored_is_read(values: dict[str, str]) -> None:
    if any(value in MASKS for value in values.values()):
        return
    splunkd = Splunkd(("other", SECRETS))
    store(splunkd).replace("fmc", values)
    assert store(splunkd).of("fmc").values == values
    assert store(splunkd).of("other").values == SECRETS


@pytest.mark.parametrize("variant", UNREADABLE)
@pytest.mark.parametrize("place", ["before", "after"])
def test_an_entry_that_cannot_be_read_says_nothing_about_another_account(variant: dict[str, str], place: str) -> None:
    healthy = Splunkd(("healthy", SECRETS), ("old-er", SHORTER), ("ol", LONGER)).entries(
        "storage/passwords", search=f"realm={REALM}"
    )
    orphan = [Entry("an orphan", dict(variant))]
    found = read([*orphan, *healthy] if place == "before" else [*healthy, *orphan], REALM)
    assert [found[name].values for name in ("healthy", "old-er", "ol")] == [SECRETS, SHORTER, LONGER]
    assert found["old"].values is None
    assert found["old"].why


ODD: dict[str, list[dict[str, Any]]] = {
    "no names": [{}],
    "names that are none": [{"realm": REALM, "username": None}, {"realm": REALM, "username": 5}],
    "another realm": [{"realm": "other", "username": f"fmc{SEPARATOR}1", "clear_password": "{}"}],
    "a number beyond all": [{"realm": REALM, "username": f"fmc{SEPARATOR}{10**9}", "clear_password": "x"}],
    "a number that is none": [{"realm": REALM, "username": f"fmc{SEPARATOR}x", "clear_password": "x"}],
    "pieces beyond the end mark": [{"realm": REALM, "username": f"fmc{SEPARATOR}99", "clear_password": "x"}],
    "an old entry beside": [{"realm": REALM, "username": "fmc", "clear_password": "not json"}],
    "a clear text that is none": [{"realm": REALM, "username": "fmc", "clear_password": ["x"]}],
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_entries_change_nothing_for_an_account_that_is_complete(odd: str) -> None:
    entries = Splunkd(("fmc", SECRETS)).entries("storage/passwords", search=f"realm={REALM}")
    found = read([*(Entry("odd", one) for one in ODD[odd]), *entries], REALM)
    assert found["fmc"].values == SECRETS


def without(number: int) -> dict[str, str | None]:
    whole: dict[str, str | None] = {**pieces("fmc", SECRETS)}
    del whole[f"fmc{SEPARATOR}{number}"]
    return whole


BROKEN: dict[str, dict[str, str | None]] = {
    "nothing decrypted": dict.fromkeys(pieces("fmc", SECRETS)),
    "a piece not decrypted": {**pieces("fmc", SECRETS), f"fmc{SEPARATOR}2": None},
    "the first piece missing": without(1),
    "a piece missing": without(3),
    "no object": {f"fmc{SEPARATOR}1": "[]", f"fmc{SEPARATOR}2": END},
    "members that are no texts": {f"fmc{SEPARATOR}1": '{"pkcs12": 1}', f"fmc{SEPARATOR}2": END},
    "masks in place of secrets": {**pieces("fmc", {"pkcs12": "******", "pkcs12_password": "********"})},
    "an old entry that is not JSON": {"fmc": "not json"},
    "the end mark alone": {f"fmc{SEPARATOR}1": END},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_not_complete_is_unreadable_and_can_be_replaced_and_removed(kind: str) -> None:
    splunkd = Splunkd()
    splunkd.stored.update(BROKEN[kind])
    found = store(splunkd).of("fmc")
    assert found.values is None
    assert ("cannot decrypt" in found.why) == ("decrypted" in kind)
    store(splunkd).replace("fmc", SHORTER)
    assert splunkd.stored == pieces("fmc", SHORTER)
    splunkd.stored = dict(BROKEN[kind])
    store(splunkd).replace("fmc", {})
    assert splunkd.stored == {}


def test_an_entry_of_an_old_version_is_read_and_replaced() -> None:
    splunkd = Splunkd()
    splunkd.stored["fmc"] = json.dumps({"pkcs12": "QUJD"})
    assert store(splunkd).of("fmc").values == {"pkcs12": "QUJD"}
    store(splunkd).replace("fmc", SHORTER)
    assert splunkd.stored == pieces("fmc", SHORTER)


def test_a_shorter_secret_leaves_no_piece_of_the_longer_one() -> None:
    splunkd = Splunkd(("fmc", LONGER), ("fmc2", SECRETS))
    store(splunkd).replace("fmc", SHORTER)
    assert splunkd.stored == {**pieces("fmc2", SECRETS), **pieces("fmc", SHORTER)}


def test_a_secret_that_stays_the_same_is_not_written() -> None:
    splunkd = Splunkd(("fmc", SECRETS))
    store(splunkd).replace("fmc", SECRETS)
    assert splunkd.changes == 0


FAULTS: dict[str, tuple[Exception, bool]] = {
    "refused": (Refused("storage/passwords", 500, ""), False),
    "license": (Refused("storage/passwords", 402, ""), False),
    "no answer": (Problem("splunkd_timeout", "No answer came."), False),
    "done without an answer": (Problem("splunkd_answer_cut", "The connection ended."), True),
    "session gone": (SessionRefused(), False),
}
CHANGES = {
    "shorter": (LONGER, SHORTER),
    "longer": (SHORTER, LONGER),
    "removed": (SECRETS, {}),
    "first": ({}, SECRETS),
}


def count(before: dict[str, str], after: dict[str, str]) -> int:
    splunkd = Splunkd(*([("fmc", before)] if before else []))
    store(splunkd).replace("fmc", after)
    return splunkd.changes


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_fails_at_any_request_is_the_old_secret_or_the_new_one(change: str, fault: str) -> None:
    before, after = CHANGES[change]
    error, carries_out = FAULTS[fault]
    requests = count(before, after)
    assert requests > 3
    for number in range(1, requests + 1):
        splunkd = Splunkd(*([("fmc", before)] if before else []), ("other", SECRETS))
        splunkd.fails_at, splunkd.carries_out = {number: error}, carries_out
        with pytest.raises(type(error)) as caught:
            store(splunkd).replace("fmc", after)
        assert caught.value is error
        expected = {**(pieces("fmc", before) if before else {}), **pieces("other", SECRETS)}
        assert splunkd.stored == expected, number


def test_a_short_trouble_is_over_when_the_old_secret_is_put_back() -> None:
    splunkd = Splunkd(("fmc", LONGER))
    splunkd.fails_at = {number: Problem("splunkd_timeout", "No answer came.") for number in (3, 4)}
    with pytest.raises(Problem, match="No answer came"):
        store(splunkd).replace("fmc", SHORTER)
    assert splunkd.stored == pieces("fmc", LONGER)


def test_an_old_secret_that_splunkd_does_not_take_back_is_told_with_the_cause() -> None:
    splunkd = Splunkd(("fmc", LONGER))
    splunkd.fails_at = {number: Refused("storage/passwords", 402, "") for number in range(3, 99)}
    with pytest.raises(Problem) as caught:
        store(splunkd).replace("fmc", SHORTER)
    assert caught.value.code == "secrets_half_stored"
    assert "because of its license" in caught.value.text
    assert "parts of two files are in storage/passwords" in caught.value.text
    for secret in (*LONGER.values(), *SHORTER.values()):
        assert secret[:8] not in caught.value.text


def test_a_change_that_is_refused_at_once_has_changed_nothing_and_says_no_more() -> None:
    splunkd = Splunkd(("fmc", LONGER))
    splunkd.fails_at = {number: Refused("storage/passwords", 403, "") for number in range(1, 99)}
    with pytest.raises(Refused):
        store(splunkd).replace("fmc", SHORTER)
    assert splunkd.changes == 1
    assert splunkd.stored == pieces("fmc", LONGER)


def test_pieces_of_two_files_are_never_read_as_one_where_the_old_one_cannot_be_put_back() -> None:
    broken = {**pieces("fmc", LONGER), f"fmc{SEPARATOR}1": None}
    for number in range(1, 6):
        splunkd = Splunkd()
        splunkd.stored.update(broken)
        splunkd.fails_at = {number: Problem("splunkd_timeout", "No answer came.")}
        splunkd.carries_out = True
        with pytest.raises(Problem):
            store(splunkd).replace("fmc", SHORTER)
        assert store(splunkd).of("fmc").values is None


def test_nothing_secret_is_in_what_is_printed_of_it() -> None:
    splunkd = Splunkd(("fmc", SECRETS))
    shown = repr(store(splunkd).all()) + repr(store(splunkd).replace("fmc", SHORTER).__dict__)
    for secret in (*SECRETS.values(), *SHORTER.values()):
        assert secret[:12] not in shown
