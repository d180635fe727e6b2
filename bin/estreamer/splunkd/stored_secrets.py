"""The secrets of accounts in storage/passwords: read account by account, replaced completely or not at all, removed.

Format, which is that of solnlib and splunktaucclib: an account's secrets are one JSON object, cut into pieces, since
splunkd encrypts at most 255 characters. Piece N is an entry of the realm of this add-on's accounts whose user name is
`<account>` + SEPARATOR + `<N>`, N from 1; the piece after the last holds END. An entry whose user name is the account
alone holds all of it, and counts where pieces are missing: older versions of solnlib wrote it.

Constraints: splunkd lists an entry that it cannot decrypt without clear text, or with one that means nothing. Such an
entry, or one of an account that is gone, says nothing about any other account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import Problem, SessionRefused
from .client import SECRETS, Client, Entry, Refused, named

SEPARATOR = "``splunk_cred_sep``"
END = SEPARATOR.join(("", *"SPLUNK", ""))
PIECE = 255
"""Characters that splunkd encrypts in one entry."""

MASKS = ("******", "********")
"""What splunktaucclib shows in place of a secret, in this version and in older ones; never a secret itself."""

_PIECE_NAME = re.compile(rf"(?P<account>.+){re.escape(SEPARATOR)}(?P<number>[1-9][0-9]{{0,5}})\Z", re.DOTALL)

NOT_STORED = "its secrets are not in storage/passwords"
NOT_DECRYPTED = "Splunk cannot decrypt its secrets in storage/passwords, as after a change of etc/auth/splunk.secret"
NOT_COMPLETE = "its secrets in storage/passwords are not complete"


@dataclass(frozen=True)
class StoredSecrets:
    """What storage/passwords has for one account.

    `values` are its secrets, None where they cannot be read, and then `why` says so. `entries` are the clear texts by
    user names, None for those that splunkd does not give; `names` are the entries' own names, by user names.
    """

    values: Mapping[str, str] | None = field(repr=False)
    why: str = ""
    entries: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)


NOTHING = StoredSecrets(None, NOT_STORED)


class SecretStore:
    """Reads and writes the secrets of the accounts of a conf file `conf` of the app `app` through splunkd."""

    def __init__(self, client: Client, app: str, conf: str) -> None:
        self._client = client
        self._realm = f"__REST_CREDENTIAL__#{app}#configs/conf-{conf}"

    def all(self) -> dict[str, StoredSecrets]:
        """Return what is stored, by accounts. Raises what `Client` raises."""
        return read(self._client.entries(SECRETS, search=f"realm={self._realm}"), self._realm)

    def of(self, account: str) -> StoredSecrets:
        """Return what is stored of an account. Raises what `Client` raises."""
        return self.all().get(account, NOTHING)

    def replace(self, account: str, values: Mapping[str, str]) -> Replacement:
        """Store the secrets of an account, none where `values` is empty, in place of all that are there.

        Returns what takes it back. When splunkd fails on the way, what was there before is put back; then raises what
        failed, or Problem `secrets_half_stored` if it could not be put back. Pieces that stay the same are left alone.
        """
        before = self.of(account)
        steps = list(self._steps(before, pieces(account, values) if values else {}))
        replacement = Replacement(self._client, account)
        for step in steps:
            replacement.take(step)
        return replacement

    def _steps(self, before: StoredSecrets, wanted: Mapping[str, str]) -> Iterator[Step]:
        """Yield what brings the entries from what is stored to what is wanted.

        What is left over goes last: until then the end mark hides it.
        """
        for username, clear in wanted.items():
            create = Change("", {"name": username, "password": clear, "realm": self._realm})
            entry = named(SECRETS, before.names.get(username) or f"{self._realm}:{username}:")
            if username not in before.names:
                yield Step(create, Change(entry, None))
            elif before.entries[username] != clear:
                former = before.entries[username]
                undone = Change(entry, {"password": former} if former else None)
                yield Step(Change(entry, {"password": clear}), undone)
        for username, name in before.names.items():
            if username not in wanted:
                former = before.entries[username]
                back = Change("", {"name": username, "password": former, "realm": self._realm}) if former else None
                yield Step(Change(named(SECRETS, name), None), back)


class Change(NamedTuple):
    """A request that changes an entry: creates one (no `path`), changes it by a `form`, or removes it (no form)."""

    path: str
    form: Mapping[str, str] | None

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"Change({self.path!r})"

    def send(self, client: Client) -> None:
        """Send it. Raises what `Client` raises."""
        if self.form is not None:
            client.post(self.path or SECRETS, self.form)
        else:
            client.delete(self.path)

    @property
    def is_done_when(self) -> int | None:
        """The status of a refusal that says that nothing is to be done: it is there, or not there, already."""
        if self.form is None:
            return 404
        return None if self.path else 409


class Step(NamedTuple):
    """A change, and what takes it back: None where a text that could not be read has been removed.

    Where another text stands in place of one that could not be read, that one is removed: pieces of two files must not
    be read as one.
    """

    change: Change
    back: Change | None


class Replacement:
    """A change of an account's secrets, which can be taken back while the secrets before it are remembered here."""

    def __init__(self, client: Client, account: str) -> None:
        self._client = client
        self._account = account
        self._taken: list[Step] = []

    def take(self, step: Step) -> None:
        """Take a step; when splunkd fails, take back all. Raises as `SecretStore.replace` does."""
        try:
            self._taken.append(step)
            step.change.send(self._client)
        except Refused as refused:
            self._taken.pop()
            if refused.status == step.change.is_done_when == 404:
                return
            self.undo(refused.problem().text)
            raise
        except SessionRefused:
            self._taken.pop()
            self.undo("splunkd no longer accepts the session. Log in again.")
            raise
        except Problem as problem:
            # splunkd may have done it all the same.
            self.undo(problem.text)
            raise

    def undo(self, cause: str) -> None:
        """Put back what was stored before.

        Raises Problem `secrets_half_stored` where that fails; `cause` is the sentence about what failed before.
        """
        # What fails once may have met the same short trouble as the change.
        left = self._put_back(self._put_back(list(reversed(self._taken))))
        self._taken.clear()
        if left:
            raise Problem(
                "secrets_half_stored",
                f"{cause} Splunk does not take back the former secrets of the account {self._account!r} either: "
                "parts of two files are in storage/passwords. Upload the PKCS#12 file and enter its password again.",
            )

    def _put_back(self, steps: Iterable[Step]) -> list[Step]:
        """Take steps back; return those of which that fails."""
        return [step for step in steps if step.back is not None and not self._sent(step.back)]

    def _sent(self, change: Change) -> bool:
        try:
            change.send(self._client)
        except Refused as refused:
            return refused.status == change.is_done_when
        except (Problem, SessionRefused):
            return False
        return True


def pieces(account: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the entries that hold an account's secrets: clear texts by user names."""
    text = json.dumps(dict(values))
    cut = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    return {f"{account}{SEPARATOR}{number}": piece for number, piece in enumerate([*cut, END], 1)}


def read(listed: Iterable[Entry], realm: str) -> dict[str, StoredSecrets]:
    """Return what entries of storage/passwords say, by accounts; what is of another realm is left out."""
    entries: dict[str, dict[str, str | None]] = {}
    names: dict[str, dict[str, str]] = {}
    for entry in listed:
        username, clear = entry.content.get("username"), entry.content.get("clear_password")
        if entry.content.get("realm") != realm or not isinstance(username, str) or not username:
            continue
        match = _PIECE_NAME.match(username)
        account = match["account"] if match else username
        # No secret is empty.
        entries.setdefault(account, {})[username] = clear if isinstance(clear, str) and clear else None
        names.setdefault(account, {})[username] = entry.name
    return {account: _assemble(account, found, names[account]) for account, found in entries.items()}


def _assemble(account: str, entries: Mapping[str, str | None], names: Mapping[str, str]) -> StoredSecrets:
    """Return the secrets that the entries of one account hold together."""
    clears: list[str | None] = []
    while (username := f"{account}{SEPARATOR}{len(clears) + 1}") in entries and entries[username] != END:
        clears.append(entries[username])
    if account in entries and all(username == account for username in entries):
        clears = [entries[account]]
    values = _values("".join(clear or "" for clear in clears)) if None not in clears else None
    if values is not None:
        return StoredSecrets(values, "", entries, names)
    if not clears:
        return StoredSecrets(None, NOT_COMPLETE, entries, names)
    undecrypted = any(clear is None or not clear.isprintable() for clear in clears)
    return StoredSecrets(None, NOT_DECRYPTED if undecrypted else NOT_COMPLETE, entries, names)


def _values(text: str) -> dict[str, str] | None:
    """Return the secrets of a text, None if it is not what `pieces` makes of any."""
    try:
        values: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        return None
    # A mask that was stored as if it were a secret: the library did that to an account whose secrets were lost.
    found = {name: value for name, value in values.items() if value not in MASKS}
    return found or None
