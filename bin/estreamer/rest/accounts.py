"""The REST endpoint for accounts: what the generated handler does, and a look into the PKCS#12 file before."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from splunk import admin
from splunktaucclib.rest_handler.error import RestError

from .. import printable, settings
from ..clock import CLOCK
from ..connection import pkcs12
from ..errors import Problem
from ..input import check
from ..splunkd import confs
from ..splunkd.stored_secrets import MASKS
from . import handlers
from .account_store import SECRETS, UNREADABLE, AccountStore

SWITCH = "check_connection"


class AccountHandler(handlers.StanzaHandler):
    """Creates, lists, edits and removes accounts; what their certificates say is stored with them."""

    renaming = (
        "an account cannot be renamed. Clone it under the new name, choose the clone in the inputs that use this one, "
        "and delete this one."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handler = AccountStore(handlers.own_address(), self.getSessionKey(), self.endpoint)

    @handlers.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Return accounts, with the days until the first certificate of each chain ends."""
        super().handleList(confInfo)
        _describe(confInfo)

    @handlers.refusing
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Create an account, if its file can be used and its Management Center takes it."""
        name = handlers.check_name("account", self.callerArgs.id)
        splunkd = handlers.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        if name in splunkd.stanzas(handlers.ACCOUNTS):
            raise _already_there(name)
        for secret in SECRETS:
            if self.payload.get(secret) in MASKS:
                raise admin.ArgValidationException(
                    f"{secret}: the asterisks stand for what cannot be read back, so a copy of an account needs it "
                    "again. Upload the PKCS#12 file and enter its password."
                )
        # Else the library would take up secrets that a former account of that name left behind.
        self.payload.setdefault("pkcs12_password", "")
        steps = self._examine({})
        self._claim(splunkd, name)
        try:
            self._save(confInfo, {})
        except Exception as error:
            # What the claim has got is this request's own: no other has stored anything under the name.
            self._drop(splunkd, name, _sentence(error))
            raise
        _describe(confInfo, steps)

    @staticmethod
    def _drop(splunkd: handlers.Splunkd, name: str, cause: str) -> None:
        """Remove the stanza of an account that could not be completed. Raises Problem if that fails after `cause`."""
        try:
            splunkd.drop(handlers.ACCOUNTS, name)
        except (RestError, Problem):
            if not _is_gone(splunkd, name):
                raise _half_made(
                    f"{cause} splunkd does not remove the account {name!r} again either: it is listed without a file."
                ) from None

    @staticmethod
    def _claim(splunkd: handlers.Splunkd, name: str) -> None:
        """Take the name, before any secret is stored under it: of two who create an account, one is first."""
        try:
            splunkd.claim(handlers.ACCOUNTS, name)
        except RestError as error:
            if error.status == 409:
                raise _already_there(name) from None
            raise
        except Problem as problem:
            raise _half_made(
                f"{problem.text} The account {name!r} may be listed without a file all the same."
            ) from None

    @handlers.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Change an account; what is not given stays, the file and its password too."""
        self.refuse_renaming()
        if self.payload.get("pkcs12") == "":
            del self.payload["pkcs12"]
        for secret in SECRETS:
            if self.payload.get(secret) in MASKS:
                del self.payload[secret]
        stanza = self._stanza()
        steps = self._examine(self._stored(stanza))
        self._save(confInfo, stanza)
        _describe(confInfo, steps)

    def _save(self, answer: Any, stanza: dict[str, Any]) -> None:
        """Store what is in the payload. When that fails, the stanza and its secrets are what they were before.

        What cannot be put back is reported with what failed: raises Problem `secrets_half_stored` or
        `account_half_stored`.
        """
        try:
            super().handleEdit(answer)
        except Exception as error:
            cause = _sentence(error)
            stored = self.handler.rest_credentials
            # splunkd may have changed the stanza all the same, unless it has said that it did not.
            if stanza and stored.have_changed and (not isinstance(error, RestError) or error.status >= 500):
                self._restore(stanza, cause)
            stored.take_back(cause)
            raise

    def _restore(self, stanza: dict[str, Any], cause: str) -> None:
        """Put back what the stanza had. Raises Problem `account_half_stored` where that fails after `cause`."""
        former = {one: str(stanza.get(one) or "") for one in self.payload}
        try:
            handlers.Splunkd(self.getSessionKey()).change(handlers.ACCOUNTS, self.callerArgs.id, former)
        except (RestError, Problem):
            # The secrets go back all the same: they are of no use without the settings, which can be entered.
            self.handler.rest_credentials.take_back(cause)
            raise Problem(
                "account_half_stored",
                f"{cause} Whether splunkd has changed the settings of the account all the same is not known, and it "
                "does not take back the former ones: look at them, and save the account again.",
            ) from None

    @handlers.refusing
    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Remove an account that no input uses."""
        name = self.callerArgs.id
        splunkd = handlers.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        for title, content in splunkd.stanzas(handlers.INPUTS).items():
            for parameter in ("account", "failover_account"):
                if (content.get(parameter) or "").strip() == name:
                    raise admin.ArgValidationException(
                        f"The account {name!r} is the {parameter} of the input {title!r}. Choose another one there, or "
                        "delete that input, before you delete the account."
                    )
        replacement = splunkd.secrets().replace(name, {})
        try:
            splunkd.drop(handlers.ACCOUNTS, name)
        except (RestError, Problem) as error:
            if isinstance(error, RestError) and error.status == 404:
                raise handlers.missing("account", name) from None
            if not _is_gone(splunkd, name):
                replacement.undo(_sentence(error))
                raise

    def _stanza(self) -> dict[str, Any]:
        """Return the stanza of the account."""
        name = self.callerArgs.id
        splunkd = handlers.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        stanza = splunkd.stanzas(handlers.ACCOUNTS).get(name)
        if stanza is None:
            raise handlers.missing("account", name)
        return stanza

    def _stored(self, stanza: dict[str, Any]) -> dict[str, Any]:
        """Return what is stored of the account. A new file makes up for secrets that cannot be had any more."""
        stored = handlers.Splunkd(self.getSessionKey()).secrets().of(self.callerArgs.id)
        masked = [secret for secret in SECRETS if stanza.get(secret) in MASKS]
        lost = [secret for secret in masked if secret not in (stored.values or {})]
        if "pkcs12" in lost and not self.payload.get("pkcs12"):
            raise confs.unreadable(self.callerArgs.id, stored.why or "its PKCS#12 file is not in storage/passwords")
        if lost:
            self.payload.setdefault("pkcs12_password", "")
        known = {parameter: value for parameter, value in stanza.items() if isinstance(value, str)}
        secrets = {secret: value for secret, value in (stored.values or {}).items() if secret in masked}
        return {**{parameter: value for parameter, value in known.items() if parameter not in lost}, **secrets}

    def _examine(self, stored: Any) -> list[check.Step]:
        """Check what is given on top of what is stored, and put what is to be stored into the payload.

        Returns the steps of the connection check, none if there was to be none.
        """
        given = self.payload
        if "pkcs12" in given:
            given["pkcs12"] = "".join(given["pkcs12"].split())
        handlers.check_lengths({name: value for name, value in given.items() if name != "pkcs12"})
        wanted = settings.parse_check_connection(given.pop(SWITCH, ""))
        account = settings.parse_account(self.callerArgs.id, {**stored, **given})
        if len(account.pkcs12) > settings.LARGEST_FILE:
            raise admin.ArgValidationException(
                f"pkcs12: the file is larger than {settings.LARGEST_FILE >> 10} KB, and a client's PKCS#12 file has a "
                "few thousand bytes. Upload the file of this client from the Management Center."
            )
        begun = CLOCK.monotonic()
        credentials = pkcs12.read(account.pkcs12, account.pkcs12_password, CLOCK.now(), account.legacy_certificates)
        steps = _connect(account, credentials, check.TIMEOUT - (CLOCK.monotonic() - begun)) if wanted else []
        given.update(
            host=account.host,
            port=str(account.port),
            fingerprint=account.fingerprint or "",
            legacy_certificates=str(int(account.legacy_certificates)),
            **_facts(credentials),
        )
        return steps


def _half_made(what: str) -> Problem:
    return Problem(
        "account_half_made", f"{what} Give it the PKCS#12 file and its password if it is listed, or delete it."
    )


def _already_there(name: str) -> Exception:
    return handlers.refusal_of(RestError(409, f"name: there is an account {name!r} already."))


def _sentence(error: Exception) -> str:
    """Return what failed in words; those of an error that was not expected may hold a secret."""
    if isinstance(error, Problem):
        return error.text
    if isinstance(error, RestError) and "Traceback" not in error.message:
        return handlers.text_of(error)
    return f"The add-on failed ({type(error).__name__})."


def _is_gone(splunkd: handlers.Splunkd, name: str) -> bool:
    """Return whether the account of that name is gone, False if that is not known."""
    try:
        return name not in splunkd.stanzas(handlers.ACCOUNTS)
    except (RestError, Problem):
        return False


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
        unreadable = entry.get(UNREADABLE) and confs.unreadable(name, entry.get(UNREADABLE)).text
        handlers.add(entry, **{UNREADABLE: unreadable or ""})
        # An account that was saved by version 0.1.0 has no end of its chain until it is saved again.
        end = entry.get("certificate_chain_not_after") or entry.get("certificate_not_after")
        handlers.add(entry, certificate_days_left=_days_left(end), **{SWITCH: True})
        if steps:
            handlers.add(entry, connection_check=[step_entry(step) for step in steps])


def _days_left(not_after: str | None) -> int | None:
    try:
        end = datetime.strptime(not_after or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return (end - CLOCK.now()).days


def step_entry(step: check.Step) -> dict[str, object]:
    """Return one step of a check in the form that replies have it."""
    return {
        "name": step.name,
        "ok": step.ok,
        "text": printable.line(step.text),
        "code": step.problem.code if step.problem else None,
    }
