"""What the add-on's REST handlers share: who may call them, and refusals in one bare sentence.

A handler is a class that splunkd runs through Splunk's own module `splunk.admin`, whose names are not ours.
"""

from __future__ import annotations

import functools
import json
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable

from splunk import admin
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

from .. import parameters, printable
from ..errors import Problem, SessionRefused
from ..splunkd import client, confs, log_file, names
from ..splunkd.stored_secrets import SecretStore

CAPABILITY = "edit_secure_firewall_estreamer"
"""What a user must have to read or change anything here; default/authorize.conf gives it to admin and sc_admin."""

LOG_NAME = "ta_secure_firewall_estreamer_rest"

ACCOUNTS = f"configs/conf-{names.ACCOUNT_CONF}"
INPUTS = f"data/inputs/{names.SCHEME}"

CONTEXT = "authentication/current-context"

LONGEST = parameters.length_limits(parameters.ACCOUNT, parameters.INPUT)
"""Characters of a parameter; others have the usual length. What else is wrong is found by parsing."""

LONGEST_NAME_SHOWN = 100
LONGEST_REFUSAL = 1000
"""Characters: what was sent may be quoted, and is of any length."""

LONGEST_SHOWN = 128 * 1024
"""Characters of a value in an answer: twice as many as drop rules may have. What is stored may be of any length."""

IN_LINES = parameters.in_lines(parameters.INPUT)
"""Parameters that users write in several lines."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")

_SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes that are not UTF-8, or of an escape of half a character."""

_UNEXPECTED: type[Exception] = admin.InternalException

_LOG_IN_AGAIN = "splunkd no longer accepts the session. Log in again."

_EXCEPTIONS: dict[int, type[Exception]] = {
    400: admin.ArgValidationException,
    404: admin.NotFoundException,
    409: admin.AlreadyExistsException,
}

Method = Callable[[Any, Any], None]

# Before any of the libraries has a client of its own.
client.route_libraries()


def refusing(method: Method) -> Method:
    """Let a method of a handler refuse as splunkd passes it on to the user: one sentence, and nothing around it.

    splunkd wraps exceptions that it does not know in a text of its own, with status 500. What the method answers and
    what it refuses with is printable: of a text that XML cannot hold, Splunk's library makes no answer at all.
    """

    @functools.wraps(method)
    def wrapper(self: Any, confInfo: Any) -> None:  # noqa: N803 - splunk.admin's name
        try:
            _check_text(self.callerArgs)
            method(self, Answer(confInfo))
        except admin.AdminManagerException as error:
            raise type(error)(printable.line(error, LONGEST_REFUSAL)) from None
        except Problem as problem:
            raise admin.ArgValidationException(printable.line(problem.text, LONGEST_REFUSAL)) from None
        except SessionRefused:
            raise admin.InternalException(_LOG_IN_AGAIN) from None
        except RestError as error:
            raise refusal_of(error) from None
        except client.Refused as refused:
            raise refusal_of(refused_as(refused)) from None
        except Exception as error:
            # Its text may quote what was sent, secrets included.
            raise admin.InternalException(failure(error)) from None

    return wrapper


def _check_text(caller: Any) -> None:
    """Raise ArgValidationException for what is not a text: it could be neither stored nor quoted."""
    given = {"name": [caller.id], **caller.data}
    for name, values in given.items():
        if any(_SURROGATE.search(value or "") for value in values or ()):
            raise admin.ArgValidationException(f"{name}: the value has bytes that are not UTF-8 text.")


def refusal_of(error: RestError) -> Exception:
    """Return what splunkd passes on to the user in place of an error of the library."""
    if "Traceback (most recent call last)" in error.message:
        log_file.log_failure(LOG_NAME, "RestError", error.message)
        return _UNEXPECTED(_see_log("RestError"))
    kind = _EXCEPTIONS[400] if error.status == 403 else _EXCEPTIONS.get(error.status, _UNEXPECTED)
    return kind(text_of(error))


def text_of(error: RestError) -> str:
    """Return the sentence for the user in an error of the library, without what it quotes of its own."""
    if error.status == 401:
        return _LOG_IN_AGAIN
    if error.status == 403:
        return f"splunkd does not let you do this. {client.RIGHTS}"
    return printable.line(error.message, LONGEST_REFUSAL)


def failure(error: Exception) -> str:
    """Log where something failed that was not to fail, and return the sentence for the user."""
    kind = type(error).__name__
    log_file.log_failure(LOG_NAME, kind, "".join(traceback.format_tb(error.__traceback__)))
    return _see_log(kind)


def missing(what: str, name: str) -> Exception:
    """Return the refusal of a name that nothing has."""
    return _EXCEPTIONS[404](f"The {what} {name[:LONGEST_NAME_SHOWN]!r} was not found.")


def _see_log(kind: str) -> str:
    return f"The add-on failed ({kind}). Where is in {LOG_NAME}.log, in Splunk's log folder."


def require_capability(handler: Any) -> None:
    """Have splunkd ask for the capability on whatever way the handler is reached; restmap.conf covers one only."""
    handler.setReadCapability(CAPABILITY)
    handler.setWriteCapability(CAPABILITY)


def own_address() -> str:
    """Return the address of splunkd's management port, which Splunk's own library knows. Raises InternalException."""
    try:
        return str(get_splunkd_endpoint())
    except Exception as error:
        raise admin.InternalException(
            f"splunkd's management port cannot be found, since Splunk's own library failed ({type(error).__name__}). "
            "If requireClientCert is true in server.conf, set serverCert and privKeyPath in web.conf, [settings]."
        ) from None


class Answer:
    """The answer of a handler: names and values are printable, whoever has chosen them.

    It stands in front of Splunk's own, which has an entry for each name that it is asked for.
    """

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the entries."""
        return iter(list(self._answer))

    def __getitem__(self, name: str | None) -> Content:
        """Return the content of an entry, which is there from then on."""
        return Content(self._answer[printable.line(name or "", printable.LONGEST_NAME)])


class Content:
    """The content of one entry of an answer."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def __setitem__(self, name: str, value: object) -> None:
        """Add a value; None becomes an empty text."""
        self._content[printable.line(name)] = _shown(name, value)

    def get(self, name: str) -> Any:
        """Return a value, None if none has that name."""
        return self._content.get(name)

    def setMetadata(self, name: str, value: object) -> None:  # noqa: N802 - splunk.admin's name
        """Add what is not a value of the entry, such as who may change it."""
        self._content.setMetadata(name, value)


def _shown(name: str, value: object) -> object:
    """Return a value as an answer can hold it."""
    if isinstance(value, (list, tuple)):
        return [_shown(name, one) for one in value]
    if isinstance(value, dict):
        return {printable.line(key): _shown(name, one) for key, one in value.items()}
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return printable.lines(value, LONGEST_SHOWN) if name in IN_LINES else printable.line(value, LONGEST_SHOWN)


class _Handler:
    """What all handlers share, whatever class of splunk.admin they are."""

    _hidden: tuple[str, ...] = ()
    """Attributes that splunkd does not get, secrets among them: its library puts every public one into the answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Otherwise splunkd lists the entry again, and the findings of the save would never reach the page.
        self.shouldAutoList = False

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in self._hidden]


class StanzaHandler(_Handler, AdminExternalHandler):  # type: ignore[misc]
    """A generated endpoint for stanzas of a conf file. Subclasses check what is given, and say what is missing.

    `payload` has the parameters that were given; what a subclass leaves in it is stored. `renaming` says what to do in
    place of a new name, where users choose the names.
    """

    payload: dict[str, str]
    renaming = ""
    _hidden = ("endpoint", "handler", "payload", "renaming")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The library asks for it in the same way, without a word about what fails.
        own_address()
        super().__init__(*args, **kwargs)

    def setup(self) -> None:
        """Take the parameters of the form. No argument shows a secret: splunktaucclib's own is left out."""
        require_capability(self)
        if self.requestedAction in (admin.ACTION_CREATE, admin.ACTION_EDIT):
            for field in self._fields():
                self.supportedArgs.addOptArg(field.name)
        if self.renaming and self.requestedAction == admin.ACTION_EDIT:
            # Taken, so that it can be refused with a sentence that helps.
            self.supportedArgs.addOptArg("name")

    def refuse_renaming(self) -> None:
        """Raise ArgValidationException for an edit that gives another name; the present one passes."""
        if self.payload.pop("name", self.callerArgs.id) != self.callerArgs.id:
            raise admin.ArgValidationException(f"name: {self.renaming}")

    def _fields(self) -> list[Any]:
        try:
            fields: list[Any] = self.endpoint.model(self.callerArgs.id).fields
        except RestError as error:
            raise refusal_of(error) from None
        return fields

    @refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Return one stanza or all of them."""
        super().handleList(confInfo)


class OwnHandler(_Handler, admin.MConfigHandler):  # type: ignore[misc]
    """An endpoint of the add-on's own. `arguments` are those that it takes in a POST."""

    arguments: tuple[str, ...] = ()
    _hidden = ("arguments",)

    def setup(self) -> None:
        """Take the arguments."""
        require_capability(self)
        if self.requestedAction in (admin.ACTION_CREATE, admin.ACTION_EDIT):
            for name in self.arguments:
                self.supportedArgs.addOptArg(name)

    def given(self) -> dict[str, str]:
        """Return the arguments of the request."""
        return {name: (values[0] or "") if values else "" for name, values in self.callerArgs.data.items()}


def check_name(what: str, name: str | None) -> str:
    """Return the name of a new account or input. Raises ArgValidationException."""
    if not name or len(name) > LONGEST["name"] or not _NAME.match(name):
        raise admin.ArgValidationException(
            f"name: begin the name of the {what} with a letter, followed by letters, digits, underscores or hyphens, "
            f"at most {LONGEST['name']} in all."
        )
    if name == "default":
        raise admin.ArgValidationException("name: the name default is reserved by Splunk. Choose another one.")
    return name


def check_lengths(given: Mapping[str, str]) -> None:
    """Raise ArgValidationException for a parameter that is too long for anything sensible."""
    for name, value in given.items():
        longest = LONGEST.get(name, parameters.USUAL_LENGTH)
        if len(value) > longest:
            raise admin.ArgValidationException(f"{name}: at most {longest} characters are accepted.")


def add(entry: Any, **values: object) -> None:
    """Add values to an entry of the answer; splunkd knows texts only, so what has a structure becomes JSON."""
    for name, value in values.items():
        entry[name] = json.dumps(value) if isinstance(value, (dict, list, tuple)) else value


class Splunkd:
    """What handlers ask splunkd for, as the user whose request they serve.

    Methods raise Problem where splunkd gives no usable answer, and SessionRefused.
    """

    def __init__(self, session_key: str) -> None:
        self._session_key = session_key
        self._uri = own_address()
        self._client = client.Client(self._uri, session_key, names.APP)

    def stanzas(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the entities of a collection by their names. Raises RestError."""
        try:
            return {entry.name: entry.content for entry in self._client.entries(path)}
        except client.Refused as refused:
            raise refused_as(refused) from None

    def claim(self, path: str, name: str) -> None:
        """Create an entity that has a name and nothing else. Raises RestError, 409 if there is one of that name.

        Of several that claim a name at the same time, splunkd lets one succeed.
        """
        self._change(path, {"name": name})

    def change(self, path: str, name: str, values: Mapping[str, str]) -> None:
        """Set values of an entity. Raises RestError."""
        self._change(client.named(path, name), values)

    def drop(self, path: str, name: str) -> None:
        """Remove an entity. Raises RestError."""
        try:
            self._client.delete(client.named(path, name))
        except client.Refused as refused:
            raise refused_as(refused) from None

    def require_secrets(self) -> None:
        """Raise RestError 403 when the user may not read and store secrets, as far as that can be known beforehand.

        It spares what would be in vain, no more: where splunkd does not say what the user may do, the requests
        themselves will show it.
        """
        try:
            contexts = self.stanzas(CONTEXT).values()
            owned = {str(one) for context in contexts for one in context.get("capabilities") or ()}
        except (RestError, Problem, TypeError):
            return
        if owned and "admin_all_objects" not in owned and not owned.issuperset(client.SECRET_CAPABILITIES):
            raise RestError(403, CONTEXT)

    def confs(self) -> confs.Confs:
        """Return the conf files of the add-on, with their secrets as far as the user may read them."""
        return confs.Confs(self._uri, self._session_key, for_user=True)

    def secrets(self) -> SecretStore:
        """Return the secrets of accounts."""
        return SecretStore(self._client, names.APP, names.ACCOUNT_CONF)

    def _change(self, path: str, form: Mapping[str, str]) -> None:
        try:
            self._client.post(path, form)
        except client.Refused as refused:
            raise refused_as(refused) from None


def refused_as(refused: client.Refused) -> RestError:
    """Return a refusal by splunkd as the library has it, with what it means and what to do."""
    return RestError(refused.status, refused.problem().text)


def checkpoint_folder() -> Path:
    """Return the folder that splunkd gives to the inputs for their bookmarks."""
    database = os.environ.get("SPLUNK_DB") or Path(os.environ["SPLUNK_HOME"], "var", "lib", "splunk")
    return Path(database, "modinputs", names.SCHEME)
