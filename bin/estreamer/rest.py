"""What the add-on's REST handlers share: who may call them, and refusals in one bare sentence.

A handler is a class that splunkd runs through Splunk's own module `splunk.admin`, whose names are not ours.
"""

from __future__ import annotations

import functools
import json
import os
import re
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

from solnlib import log
from solnlib.splunk_rest_client import SplunkRestClient
from splunk import admin
from splunklib.binding import HTTPError
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

from . import splunk
from .errors import Problem

CAPABILITY = "edit_secure_firewall_estreamer"
"""What a user must have to read or change anything here; default/authorize.conf gives it to admin and sc_admin."""

LOG_NAME = "ta_secure_firewall_estreamer_rest"

ACCOUNTS = f"configs/conf-{splunk.ACCOUNT_CONF}"
INPUTS = f"data/inputs/{splunk.SCHEME}"

MASKS = ("******", "********")
"""What splunktaucclib shows in place of a secret, in this version and in older ones."""

LONGEST = {
    "name": 100,
    "host": 253,
    "port": 9,
    "pkcs12_password": 1024,
    "drop_rules": 65536,
    "connection_fields": 8192,
    "intrusion_fields": 8192,
    "packet_fields": 8192,
    "file_fields": 8192,
}
"""Characters of a parameter, for those that may be longer than others; what else is wrong is found by parsing."""

LONGEST_OTHER = 1024

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z")

_UNEXPECTED: type[Exception] = admin.InternalException

_EXCEPTIONS: dict[int, type[Exception]] = {
    400: admin.ArgValidationException,
    404: admin.NotFoundException,
    409: admin.AlreadyExistsException,
}

Method = Callable[[Any, Any], None]


def refusing(method: Method) -> Method:
    """Let a method of a handler refuse as splunkd passes it on to the user: one sentence, and nothing around it.

    splunkd wraps exceptions that it does not know in a text of its own, with status 500.
    """

    @functools.wraps(method)
    def wrapper(self: Any, confInfo: Any) -> None:  # noqa: N803 - splunk.admin's name
        try:
            method(self, confInfo)
        except admin.AdminManagerException:
            raise
        except Problem as problem:
            raise admin.ArgValidationException(problem.text) from None
        except splunk.SessionRefused:
            raise admin.InternalException("splunkd no longer accepts the session. Log in again.") from None
        except RestError as error:
            raise _refusal(error) from None
        except Exception as error:
            # Its text may quote what was sent, secrets included.
            _log_frames(type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            raise admin.InternalException(_see_log(type(error).__name__)) from None

    return wrapper


def _refusal(error: RestError) -> Exception:
    if "Traceback (most recent call last)" in error.message:
        _log_frames("RestError", error.message)
        return _UNEXPECTED(_see_log("RestError"))
    return _EXCEPTIONS.get(error.status, _UNEXPECTED)(error.message)


def _log_frames(kind: str, text: str) -> None:
    """Log where it happened, without the text of an exception and without lines of source."""
    places = [f"{file}:{line}" for file, line in re.findall(r'File "[^"]*?([^"/\\]+)", line (\d+)', text)]
    # A log that cannot be written is no reason to answer otherwise.
    with suppress(OSError, ImportError):
        log.Logs().get_logger(LOG_NAME).error('action=unexpected_error error=%s at="%s"', kind, " ".join(places))


def _see_log(kind: str) -> str:
    return f"The add-on failed ({kind}). Where is in {LOG_NAME}.log, in Splunk's log folder."


def require_capability(handler: Any) -> None:
    """Have splunkd ask for the capability on whatever way the handler is reached; restmap.conf covers one only."""
    handler.setReadCapability(CAPABILITY)
    handler.setWriteCapability(CAPABILITY)


class StanzaHandler(AdminExternalHandler):  # type: ignore[misc]
    """A generated endpoint for stanzas of a conf file. Subclasses check what is given, and say what is missing.

    `payload` has the parameters that were given; what a subclass leaves in it is stored.
    """

    payload: dict[str, str]

    def setup(self) -> None:
        """Take the parameters of the form. No argument shows a secret: splunktaucclib's own is left out."""
        require_capability(self)
        if self.requestedAction in (admin.ACTION_CREATE, admin.ACTION_EDIT):
            for field in self._fields():
                self.supportedArgs.addOptArg(field.name)

    def _fields(self) -> list[Any]:
        try:
            fields: list[Any] = self.endpoint.model(self.callerArgs.id).fields
        except RestError as error:
            raise _refusal(error) from None
        return fields

    @refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Return one stanza or all of them."""
        super().handleList(confInfo)


class SettingsHandler(StanzaHandler):
    """The generated endpoint for the settings of the add-on."""

    @refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Change a stanza."""
        level = self.payload.get("loglevel", splunk.LOG_LEVELS[0])
        if level not in splunk.LOG_LEVELS:
            raise admin.ArgValidationException(f"loglevel: choose among {', '.join(splunk.LOG_LEVELS)}.")
        super().handleEdit(confInfo)


class OwnHandler(admin.MConfigHandler):  # type: ignore[misc]
    """An endpoint of the add-on's own. `arguments` are those that it takes in a POST."""

    arguments: tuple[str, ...] = ()

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
    if not name or not _NAME.match(name):
        raise admin.ArgValidationException(
            f"name: begin the name of the {what} with a letter, followed by letters, digits, underscores or hyphens, "
            "at most 100 in all."
        )
    return name


def check_lengths(given: Mapping[str, str]) -> None:
    """Raise ArgValidationException for a parameter that is too long for anything sensible."""
    for name, value in given.items():
        longest = LONGEST.get(name, LONGEST_OTHER)
        if len(value) > longest:
            raise admin.ArgValidationException(f"{name}: at most {longest} characters are accepted.")


def add(entry: Any, **values: object) -> None:
    """Add values to an entry of the answer; splunkd knows texts only, so what has a structure becomes JSON."""
    for name, value in values.items():
        entry[name] = json.dumps(value) if isinstance(value, (dict, list, tuple)) else _plain(value)


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


class Splunkd:
    """What handlers ask splunkd for, as the user whose request they serve."""

    def __init__(self, session_key: str) -> None:
        self._session_key = session_key
        self._uri = get_splunkd_endpoint()

    def stanzas(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the entities of a collection by their names. Raises RestError."""
        address = urlsplit(self._uri)
        client = SplunkRestClient(
            self._session_key, splunk.APP, scheme=address.scheme, host=address.hostname, port=address.port
        )
        try:
            answer = json.loads(client.get(path, output_mode="json", count=0).body.read())
        except HTTPError as error:
            raise RestError(
                error.status, f"splunkd does not let you read {path} (HTTP status {error.status})."
            ) from None
        return {entry["name"]: entry["content"] for entry in answer["entry"]}

    def confs(self) -> splunk.Confs:
        """Return the conf files of the add-on, with their secrets as far as the user may read them."""
        return splunk.Confs(splunk.Task("", {}, self._uri, self._session_key, ""))


def checkpoint_folder() -> Path:
    """Return the folder that splunkd gives to the inputs for their bookmarks."""
    database = os.environ.get("SPLUNK_DB") or Path(os.environ["SPLUNK_HOME"], "var", "lib", "splunk")
    return Path(database, "modinputs", splunk.SCHEME)
