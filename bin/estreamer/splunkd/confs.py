"""The add-on's conf files with their secrets, as splunkd has them at this moment.

The libraries are imported where they are used: see `documents`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import Problem
from .documents import bad_document
from .names import ACCOUNT_CONF, APP, SETTINGS_CONF

if TYPE_CHECKING:
    from ..settings import Account
    from .client import Refused


LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""What the Logging tab offers."""


class Confs:
    """The add-on's conf files, with their secrets, read through splunkd's management port at `server_uri`.

    `for_user` says that the session is that of a user who makes a request, and not that of an input: what helps against
    a refusal differs. Raises Problem `stdin_invalid` when splunkd's address is unusable.
    """

    def __init__(self, server_uri: str, session_key: str, *, for_user: bool = False) -> None:
        from .client import Client  # noqa: PLC0415 - see the head of the module
        from .stored_secrets import SecretStore  # noqa: PLC0415

        self._for_user = for_user
        try:
            self._client = Client(server_uri, session_key, APP)
        except ValueError:
            raise bad_document("its server_uri is not an address") from None
        self._secrets = SecretStore(self._client, APP, ACCOUNT_CONF)

    def account(self, name: str) -> Account:
        """Return an account as it is stored at this moment.

        Raises Problem: `account_missing`, `account_unreadable`, why splunkd does not answer, or what is wrong in the
        account; and SessionRefused.
        """
        from ..settings import parse_account  # noqa: PLC0415 - see the head of the module

        stanza = self.stored_account(name)
        if stanza is None:
            raise Problem(
                "account_missing",
                f"The account {name!r} was not found. Create it on the add-on's Configuration page, or choose "
                "another one for this input.",
            )
        return parse_account(name, stanza)

    def stored_account(self, name: str) -> Mapping[str, str | None] | None:
        """Return the parameters of an account as they are stored, its secrets in clear, None if it is not found.

        Other accounts, and what is left of some that are gone, have no part in it. Raises Problem `account_unreadable`,
        or why splunkd does not answer; and SessionRefused.
        """
        from .client import Refused  # noqa: PLC0415 - see the head of the module
        from .stored_secrets import MASKS  # noqa: PLC0415

        try:
            stanza = self._stanza(ACCOUNT_CONF, name)
            masked = [parameter for parameter, value in (stanza or {}).items() if value in MASKS]
            if stanza is None or not masked:
                return stanza
            stored = self._secrets.of(name)
        except Refused as refused:
            raise _refusal(name, refused, self._for_user) from None
        if stored.values is None:
            raise unreadable(name, stored.why)
        lost = [parameter for parameter in masked if parameter not in stored.values]
        if lost:
            raise unreadable(name, f"{' and '.join(lost)} is not among its secrets in storage/passwords")
        return {**stanza, **{parameter: stored.values[parameter] for parameter in masked}}

    def log_level(self) -> str:
        """Return the log level that is set on the Logging tab, INFO when none can be read. Raises SessionRefused."""
        from .client import Refused  # noqa: PLC0415 - see the head of the module

        try:
            stanza = self._stanza(SETTINGS_CONF, "logging") or {}
        except (Problem, Refused):
            return "INFO"
        level = stanza.get("loglevel")
        return level if level in LOG_LEVELS else "INFO"

    def _stanza(self, conf: str, name: str) -> dict[str, str | None] | None:
        """Return a stanza as splunkd lists it, None when it is not found. Raises what `client.Client` raises."""
        from .client import Refused, named  # noqa: PLC0415 - see the head of the module

        try:
            found = self._client.entries(named(f"configs/conf-{conf}", name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        contents = [entry.content for entry in found if entry.name == name]
        return {key: _text(value) for key, value in contents[0].items()} if contents else None


def _text(value: object) -> str | None:
    """Return a value of a conf file, which splunkd may give as a number or a boolean."""
    if isinstance(value, bool):
        return str(int(value))
    return value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else None


def _refusal(name: str, refused: Refused, for_user: bool) -> Problem:
    """Return what it means that splunkd does not give an account, and what a user or an input can do about it."""
    if refused.status != 403:
        return refused.problem()
    if for_user:
        from .client import RIGHTS  # noqa: PLC0415 - see the head of the module

        return Problem(
            "account_unreadable",
            f"splunkd does not let you read the account {name!r} (HTTP status {refused.status}). {RIGHTS}",
        )
    return Problem(
        "account_unreadable",
        f"splunkd does not let this input read the account {name!r} (HTTP status {refused.status}). "
        "Disable the input and enable it again; if that does not help, restart Splunk.",
    )


def unreadable(name: str, why: str) -> Problem:
    """Return what it means that the secrets of an account cannot be had, and what to do."""
    return Problem(
        "account_unreadable",
        f"The account {name!r} cannot be read: {why}. Open it on the add-on's Configuration page, upload the PKCS#12 "
        "file and enter its password again.",
    )
