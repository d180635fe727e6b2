"""Accounts as splunktaucclib's handler stores them, with their secrets read and written account by account.

The library's own way lists and decrypts the secrets of all accounts at once, so that one that cannot be read takes all
of them down, and an edit that fails half-way leaves parts of two files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from splunklib.binding import HTTPError
from splunktaucclib.rest_handler.error import RestError
from splunktaucclib.rest_handler.handler import RestHandler

from .. import parameters
from ..errors import Problem, SessionRefused
from ..splunkd.client import NO_ANSWER, Refused
from ..splunkd.stored_secrets import MASKS, NOTHING, Replacement, SecretStore, StoredSecrets
from . import handlers

SECRETS = parameters.secrets(parameters.ACCOUNT)

UNREADABLE = "unreadable"
"""What an entry of an answer has in addition to its parameters: why its secrets cannot be read, "" if they can."""


class AccountStore(RestHandler):  # type: ignore[misc]
    """splunktaucclib's handler of a conf file's stanzas, for accounts."""

    def __init__(self, uri: str, session_key: str, endpoint: Any) -> None:
        super().__init__(uri, session_key, endpoint)
        self.rest_credentials = Credentials(handlers.Splunkd(session_key).secrets())

    def _encrypt_raw_credentials(self, data: list[dict[str, Any]]) -> None:
        """Look at the secrets of listed accounts; those in clear in the conf file go into storage/passwords.

        The name is the library's.
        """
        with _as_the_library_fails():
            stored = self.rest_credentials.all()
            for entry in data:
                masked = self.rest_credentials.look_at(entry["name"], entry["content"], stored)
                if masked:
                    self._mask(entry["name"], entry["content"], masked)

    def _mask(self, name: str, content: dict[str, Any], masked: dict[str, str]) -> None:
        try:
            self._client.post(self.path_segment(self._endpoint.internal_endpoint, name=name), body=masked)
        except HTTPError as error:
            content[UNREADABLE] = f"splunkd leaves its secrets in the conf file in clear (HTTP status {error.status})"


class Credentials:
    """The secrets of accounts, in the words in which splunktaucclib's handler asks for them."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets
        self._replacement: Replacement | None = None

    def all(self) -> dict[str, StoredSecrets]:
        """Return what is stored, by accounts."""
        return self._secrets.all()

    def decrypt_for_get(self, name: str, data: dict[str, Any]) -> dict[str, str]:
        """Look at one account that is listed; return what is to be written back into the conf file."""
        with _as_the_library_fails():
            return self.look_at(name, data, self._secrets.all())

    def look_at(self, name: str, content: dict[str, Any], stored: Mapping[str, StoredSecrets]) -> dict[str, str]:
        """Say in the content of an account whether its secrets can be read; return masks for those that are in clear.

        Secrets in clear are what an administrator has written into the conf file. They go into storage/passwords; where
        that fails, this account alone is unreadable.
        """
        found = stored.get(name, NOTHING)
        clear = {one: str(content[one]) for one in SECRETS if content.get(one) and content[one] not in MASKS}
        content[UNREADABLE] = why_unreadable(content, found)
        if not clear:
            return {}
        kept = {one: value for one, value in (found.values or {}).items() if content.get(one) in MASKS}
        try:
            self._secrets.replace(name, {**kept, **clear})
        except (Problem, Refused) as error:
            content[UNREADABLE] = _text(error)
            return {}
        return dict.fromkeys(clear, MASKS[0])

    def encrypt_for_update(self, name: str, data: dict[str, Any]) -> None:
        """Store the secrets that are given, keep those that are not, and leave masks for the conf file."""
        with _as_the_library_fails():
            stored = self._secrets.of(name).values or {}
            given = {one: data[one] for one in SECRETS if one in data}
            values = {one: value for one, value in {**stored, **given}.items() if one in SECRETS and value}
            self._replacement = self._secrets.replace(name, values)
        data.update({one: MASKS[0] if one in values else "" for one in {**values, **given}})

    @property
    def have_changed(self) -> bool:
        """Whether an update has stored secrets completely; what is written into the conf file follows them."""
        return self._replacement is not None

    def take_back(self, cause: str) -> None:
        """Put the secrets back that the last update has replaced, after `cause`. Raises as `Replacement.undo`."""
        if self._replacement is not None:
            self._replacement.undo(cause)


def why_unreadable(content: Mapping[str, Any], stored: StoredSecrets) -> str:
    """Return why the secrets of an account cannot be read, "" if they can."""
    masked = [one for one in SECRETS if content.get(one) in MASKS]
    if masked and stored.values is None:
        return stored.why
    lost = [one for one in masked if one not in (stored.values or {})]
    if lost:
        return f"{' and '.join(lost)} is not among its secrets in storage/passwords"
    return "" if content.get("pkcs12") else "no PKCS#12 file is stored for it"


def _text(error: Problem | Refused) -> str:
    return error.problem().text if isinstance(error, Refused) else error.text


@contextlib.contextmanager
def _as_the_library_fails() -> Iterator[None]:
    """Let what fails be an error of the library, which passes nothing else on as it is."""
    try:
        yield
    except Refused as refused:
        raise handlers.refused_as(refused) from None
    except Problem as problem:
        raise RestError(NO_ANSWER, problem.text) from None
    except SessionRefused:
        raise RestError(401, "") from None
