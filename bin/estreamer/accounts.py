"""The REST endpoint for accounts: what the generated handler does, and a look into the PKCS#12 file before."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from splunk import admin
from splunktaucclib.rest_handler.error import RestError

from . import check, pkcs12, printable, rest, settings
from .errors import Problem

SWITCH = "check_connection"
SECRETS = ("pkcs12", "pkcs12_password")


class AccountHandler(rest.StanzaHandler):
    """Creates, lists, edits and removes accounts; what their certificates say is stored beside them."""

    renaming = (
        "an account cannot be renamed. Clone it under the new name, choose the clone in the inputs that use this one, "
        "and delete this one."
    )

    @rest.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Return accounts, with the days until the first certificate of each chain ends."""
        super().handleList(confInfo)
        _describe(confInfo)

    @rest.refusing
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Create an account, if its file can be used and its Management Center takes it."""
        name = rest.check_name("account", self.callerArgs.id)
        splunkd = rest.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        if name in splunkd.stanzas(rest.ACCOUNTS):
            raise _already_there(name)
        for secret in SECRETS:
            if self.payload.get(secret) in rest.MASKS:
                raise admin.ArgValidationException(
                    f"{secret}: the asterisks stand for what cannot be read back, so a copy of an account needs it "
                    "again. Upload the PKCS#12 file and enter its password."
                )
        # Else the library would take up what an account of that name may have left behind.
        self.payload.setdefault("pkcs12_password", "")
        steps = self._examine({})
        self._claim(splunkd, name)
        try:
            super().handleEdit(confInfo)
        except Exception:
            # What the claim has got is this request's own: no other has stored anything under the name.
            with suppress(Exception):
                self.handler.rest_credentials.delete(name)
            with suppress(Exception):
                splunkd.drop(rest.ACCOUNTS, name)
            raise
        _describe(confInfo, steps)

    @staticmethod
    def _claim(splunkd: rest.Splunkd, name: str) -> None:
        """Take the name, before any secret is stored under it: of two who create an account, one comes first."""
        try:
            splunkd.claim(rest.ACCOUNTS, name)
        except RestError as error:
            if error.status == 409:
                raise _already_there(name) from None
            raise

    @rest.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Change an account; what is not given stays, the file and its password too."""
        self.refuse_renaming()
        if self.payload.get("pkcs12") == "":
            del self.payload["pkcs12"]
        for secret in SECRETS:
            if self.payload.get(secret) in rest.MASKS:
                del self.payload[secret]
        steps = self._examine(self._stored())
        super().handleEdit(confInfo)
        _describe(confInfo, steps)

    @rest.refusing
    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Remove an account that no input uses."""
        name = self.callerArgs.id
        splunkd = rest.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        for title, content in splunkd.stanzas(rest.INPUTS).items():
            for parameter in ("account", "failover_account"):
                if (content.get(parameter) or "").strip() == name:
                    raise admin.ArgValidationException(
                        f"The account {name!r} is the {parameter} of the input {title!r}. Choose another one there, or "
                        "delete that input, before you delete the account."
                    )
        super().handleRemove(confInfo)

    def _stored(self) -> dict[str, Any]:
        """Return what is stored of the account. A new file makes up for secrets that cannot be had any more."""
        name = self.callerArgs.id
        splunkd = rest.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        stanza = splunkd.stanzas(rest.ACCOUNTS).get(name)
        if stanza is None:
            raise rest.missing("account", name)
        try:
            stored = splunkd.confs().stored_account(name) or stanza
        except Problem as problem:
            if problem.code != "account_unreadable" or not self.payload.get("pkcs12"):
                raise
            stored = stanza
        lost = [secret for secret in SECRETS if stored.get(secret) in rest.MASKS]
        if "pkcs12_password" in lost:
            # Left alone, the library would take the asterisks for the password.
            self.payload.setdefault("pkcs12_password", "")
        return {parameter: value for parameter, value in stored.items() if parameter not in lost}

    def _examine(self, stored: Any) -> list[check.Step]:
        """Check what is given on top of what is stored, and put what is to be stored into the payload.

        Returns the steps of the connection check, none if there was to be none.
        """
        given = self.payload
        if "pkcs12" in given:
            given["pkcs12"] = "".join(given["pkcs12"].split())
        rest.check_lengths({name: value for name, value in given.items() if name != "pkcs12"})
        wanted = settings.parse_check_connection(given.pop(SWITCH, ""))
        account = settings.parse_account(self.callerArgs.id, {**stored, **given})
        if len(account.pkcs12) > pkcs12.MAX_STORED_SIZE:
            raise admin.ArgValidationException(
                f"pkcs12: the file is larger than {pkcs12.MAX_STORED_SIZE >> 10} KB, and a client's PKCS#12 file has a "
                "few thousand bytes. Upload the file of this client from the Management Center."
            )
        begun = time.monotonic()
        now = datetime.now(timezone.utc)
        credentials = pkcs12.read(account.pkcs12, account.pkcs12_password, now, account.legacy_certificates)
        steps = _connect(account, credentials, check.TIMEOUT - (time.monotonic() - begun)) if wanted else []
        given.update(
            host=account.host,
            port=str(account.port),
            fingerprint=account.fingerprint or "",
            legacy_certificates=str(int(account.legacy_certificates)),
            **_facts(credentials),
        )
        return steps


def _already_there(name: str) -> Exception:
    return rest.refusal_of(RestError(409, f"name: there is an account {name!r} already."))


def _connect(account: settings.Account, credentials: pkcs12.Credentials, timeout: float) -> list[check.Step]:
    steps = check.run(account, credentials=credentials, timeout=max(0.0, timeout))
    last = steps[-1]
    if last.problem is not None:
        done = ", ".join(step.name for step in steps if step.ok)
        raise Problem(
            last.problem.code,
            f"Not saved, because the connection check failed at the step {last.name!r} (after {done}): {last.text} "
            f"To save all the same, switch the check off ({SWITCH}=0).",
        )
    return list(steps)


def _facts(credentials: pkcs12.Credentials) -> dict[str, str]:
    facts, end = credentials.facts, credentials.end
    return {
        "certificate_subject": _inert(facts.common_name or facts.subject),
        "certificate_issuer": _inert(facts.issuer),
        "certificate_not_before": _moment(facts.not_before),
        "certificate_not_after": _moment(facts.not_after),
        "certificate_chain_not_after": _moment(end.not_after),
        "certificate_ends_first": _inert(end.first),
        "certificate_fingerprint": facts.fingerprint,
    }


def _inert(text: str) -> str:
    """Return a text that a conf file can hold: a backslash at the end would join the next line to it."""
    return text.rstrip("\\ ")


def _moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _describe(answer: Any, steps: list[check.Step] | None = None) -> None:
    """Add to each account of an answer what is not stored."""
    for name in list(answer):
        entry = answer[name]
        # An account that was saved by version 0.1.0 has no end of its chain until it is saved again.
        end = entry.get("certificate_chain_not_after") or entry.get("certificate_not_after")
        rest.add(entry, certificate_days_left=_days_left(end), **{SWITCH: True})
        if steps:
            rest.add(entry, connection_check=[step_entry(step) for step in steps])


def _days_left(not_after: str | None) -> int | None:
    try:
        end = datetime.strptime(not_after or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return (end - datetime.now(timezone.utc)).days


def step_entry(step: check.Step) -> dict[str, object]:
    """Return one step of a check in the form that replies have it."""
    return {
        "name": step.name,
        "ok": step.ok,
        "text": printable.line(step.text),
        "code": step.problem.code if step.problem else None,
    }
