"""Everything towards splunkd: what it writes to our stdin, its conf files and passwords, its log folder.

Reads of stdin are strict, since the document holds a session key and decides what runs. The libraries are imported
where they are used: splunkd asks every input for its scheme at each start, and that must be quick.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from .errors import Problem

if TYPE_CHECKING:
    from .settings import Account

APP = "TA_secure_firewall_estreamer"
SCHEME = "estreamer_fqe"
ACCOUNT_CONF = "ta_secure_firewall_estreamer_account"
SETTINGS_CONF = "ta_secure_firewall_estreamer_settings"
LOG_NAME = "ta_secure_firewall_estreamer_" + SCHEME

LARGEST_DOCUMENT = 1024 * 1024
"""Bytes of stdin that are read: all drop rules together have at most 64 KiB."""

_ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Argument(NamedTuple):
    """An argument of the scheme, as splunkd wants to know it."""

    name: str
    title: str
    description: str
    required: bool = False


ARGUMENTS = (
    Argument("account", "Account", "The Management Center to receive events from.", required=True),
    Argument("failover_account", "Failover account", "The other Management Center of a high-availability pair."),
    Argument("event_types", "Event types", "ConnectionEvent, IntrusionEvent, IntrusionPacket, FileEvent, or some."),
    Argument("connection_fields", "Connection fields", "Field sets and fields of connection events."),
    Argument("intrusion_fields", "Intrusion fields", "Field sets and fields of intrusion events."),
    Argument("packet_fields", "Packet fields", "Field sets and fields of intrusion packets."),
    Argument("file_fields", "File fields", "Field sets and fields of file events."),
    Argument("start_from", "Start from", "Where the first start begins: now, oldest, or an ISO 8601 time."),
    Argument("drop_rules", "Drop rules", "Events that are counted and not written."),
    Argument("request_style", "Request style", "auto, single or two-step."),
    Argument("settle", "Settle", "Seconds that Splunk has to process what it has read."),
)
"""What an input has beyond what every input of Splunk has (name, index, interval and so on)."""


def main(arguments: Sequence[str], stdin: BinaryIO) -> int:
    """Do what splunkd asks for: `--scheme`, `--validate-arguments`, or without argument run; return the exit code."""
    if list(arguments) == ["--scheme"]:
        sys.stdout.write(scheme())
        return 0
    if list(arguments) == ["--validate-arguments"]:
        return validate_arguments(stdin)
    if arguments:
        return _complain(f"Unknown arguments {' '.join(arguments)}: use --scheme, --validate-arguments, or none.", 2)
    return run(stdin)


def scheme() -> str:
    """Return the scheme of the input as XML."""
    listed = "".join(
        f'<arg name="{argument.name}"><title>{escape(argument.title)}</title>'
        f"<description>{escape(argument.description)}</description><data_type>string</data_type>"
        f"<required_on_create>{str(argument.required).lower()}</required_on_create>"
        "<required_on_edit>false</required_on_edit></arg>"
        for argument in ARGUMENTS
    )
    return (
        "<scheme><title>Cisco Secure Firewall eStreamer</title>"
        "<description>Fully-qualified events from a Secure Firewall Management Center.</description>"
        "<use_external_validation>true</use_external_validation><use_single_instance>false</use_single_instance>"
        f"<streaming_mode>xml</streaming_mode><endpoint><args>{listed}</args></endpoint></scheme>\n"
    )


def validate_arguments(stdin: BinaryIO) -> int:
    """Check the arguments of an input that is about to be saved; return the exit code, 0 when they are right."""
    try:
        from splunklib.modularinput import ValidationDefinition  # noqa: PLC0415 - see the head of the module

        from .settings import parse_input  # noqa: PLC0415

        definition = _parse(ValidationDefinition, read_document(stdin))
        name = definition.metadata.get("name")
        if not name:
            raise _bad_document("it has no item")
        parse_input(name, definition.parameters)
    except Problem as problem:
        text = escape(_ILLEGAL_IN_XML.sub("\ufffd", problem.text))
        sys.stdout.write(f"<error><message>{text}</message></error>\n")
        return 1
    return 0


def run(stdin: BinaryIO) -> int:
    """Run the input that stdin describes until it is told to stop; return the exit code."""
    stream_descriptor = _keep_stdout_for_the_stream()
    # solnlib logs through the root logger, whose last resort is stderr.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        task = read_task(stdin)
    except Problem as problem:
        return _complain(f"{problem.text} (code={problem.code})")
    log = SplunkLog(task)
    try:
        return _run(task, log, stream_descriptor)
    except Problem as problem:
        log.error("input_cannot_run", code=problem.code, problem=problem.text)
        return _complain(f"{problem.text} (code={problem.code}, input={task.stanza})")
    except Exception as error:  # nothing may end without a trace
        log.error("unexpected_error", error=type(error).__name__, traceback=traceback.format_exc())
        return _complain(f"Unexpected {type(error).__name__} in input {task.stanza}: see its log file.")


class Task(NamedTuple):
    """What splunkd asks a process to run. `server_uri` and `session_key` are for splunkd's management port."""

    stanza: str
    parameters: Mapping[str, str | None]
    server_uri: str
    session_key: str
    checkpoint_dir: str

    @property
    def name(self) -> str:
        """The name of the input, without its scheme."""
        return self.stanza.partition("://")[2]

    def __repr__(self) -> str:
        """Leave the session key out."""
        return f"Task({self.stanza!r})"


def read_task(stdin: BinaryIO) -> Task:
    """Read what splunkd writes to a process that is to run. Raises Problem `stdin_invalid`."""
    from splunklib.modularinput import InputDefinition  # noqa: PLC0415 - see the head of the module

    definition = _parse(InputDefinition, read_document(stdin))
    if len(definition.inputs) != 1:
        raise _bad_document(f"it has {len(definition.inputs)} stanzas instead of one")
    ((stanza, parameters),) = definition.inputs.items()
    if not re.fullmatch(rf"{SCHEME}://.+", stanza or ""):
        raise _bad_document(f"its stanza is not {SCHEME}://<name>")
    given = {name: definition.metadata.get(name) for name in ("server_uri", "session_key", "checkpoint_dir")}
    for name, value in given.items():
        if not value:
            raise _bad_document(f"it has no {name}")
    return Task(stanza, parameters, **given)


def read_document(stdin: BinaryIO) -> bytes:
    """Read the XML document that splunkd writes; refuse what it never writes. Raises Problem `stdin_invalid`.

    Declarations are refused before any parser sees them: entities can be made to expand without end.
    """
    document = stdin.read(LARGEST_DOCUMENT + 1)
    if len(document) > LARGEST_DOCUMENT:
        raise _bad_document(f"it has more than {LARGEST_DOCUMENT} bytes")
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad_document("it is not UTF-8") from None
    if "<!" in text:
        raise _bad_document("it has a declaration")
    return document


def _parse(definition: Any, document: bytes) -> Any:
    try:
        return definition.parse(io.BytesIO(document))
    except Exception:
        # Whatever the parser makes of it, the document holds a session key.
        raise _bad_document("it is not the XML that splunkd writes") from None


def _bad_document(why: str) -> Problem:
    return Problem(
        "stdin_invalid",
        f"The document on standard input cannot be used: {why}. This script is to be started by Splunk, not by hand.",
    )


def _run(task: Task, log: SplunkLog, stream_descriptor: int) -> int:
    from . import stream  # noqa: PLC0415 - see the head of the module
    from .settings import parse_input  # noqa: PLC0415

    confs = Confs(task)
    log.set_level(confs.log_level())
    settings = parse_input(task.name, task.parameters)
    log.describe(settings.index or "default")
    return stream.run(settings, confs.account, log, task.checkpoint_dir, task.stanza, stream_descriptor)


class Confs:
    """The add-on's conf files, with their secrets, read through splunkd's management port."""

    def __init__(self, task: Task) -> None:
        address = urlsplit(task.server_uri)
        self._session_key = task.session_key
        self._address = {"scheme": address.scheme, "host": address.hostname, "port": address.port}

    def account(self, name: str) -> Account:
        """Return an account as it is stored at this moment.

        Raises Problem: `account_missing`, `splunkd_unreachable`, `account_unreadable`, or what is wrong in it.
        """
        from .settings import parse_account  # noqa: PLC0415 - see the head of the module

        return parse_account(name, self._stanza(ACCOUNT_CONF, name))

    def log_level(self) -> str:
        """Return the log level that is set on the Logging tab, INFO when none can be read."""
        try:
            level = self._stanza(SETTINGS_CONF, "logging").get("loglevel")
        except Problem:
            level = None
        return level if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL") else "INFO"

    def _stanza(self, conf: str, name: str) -> Mapping[str, str | None]:
        from solnlib.conf_manager import (  # noqa: PLC0415 - see the head of the module
            ConfManager,
            ConfManagerException,
            ConfStanzaNotExistException,
        )
        from splunklib.binding import AuthenticationError, HTTPError  # noqa: PLC0415

        realm = f"__REST_CREDENTIAL__#{APP}#configs/conf-{conf}"
        try:
            manager = ConfManager(self._session_key, APP, realm=realm, **self._address)
            stanza: Mapping[str, str | None] = manager.get_conf(conf).get(name)
        except (ConfStanzaNotExistException, ConfManagerException):
            raise Problem(
                "account_missing",
                f"There is no account {name!r}. Create it on the add-on's Configuration page, or choose another one "
                "for this input.",
            ) from None
        except (HTTPError, AuthenticationError) as error:
            raise Problem(
                "account_unreadable",
                f"splunkd does not let this input read the account {name!r} ({_status(error)}). "
                "Disable the input and enable it again; if that does not help, restart Splunk.",
            ) from None
        except OSError as error:
            raise Problem(
                "splunkd_unreachable",
                f"splunkd does not answer on its management port: {error.strerror or type(error).__name__}. "
                "Is Splunk starting or stopping?",
            ) from None
        return stanza


def _status(error: Exception) -> str:
    return f"HTTP status {getattr(error, 'status', '401')}"


class SplunkLog:
    """The log file of one input, in Splunk's log folder: lines of `action=<event> <field>=<value> …`.

    Without a folder that can be written, lines go to stderr, which splunkd copies into its own log.
    """

    def __init__(self, task: Task) -> None:
        self._stanza = task.stanza
        self._index = "default"
        self._account: object = None
        self._logger = _logger(f"{LOG_NAME}_{quote(task.name, safe='')}")

    def set_level(self, level: str) -> None:
        """Log only what is at least of this level."""
        self._logger.setLevel(level)

    def describe(self, index: str) -> None:
        """Tell the index that events go to, for the lines about ingested events."""
        self._index = index

    def debug(self, event: str, **fields: object) -> None:
        """Log what helps to find out why."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log a change of state, or figures."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log what somebody should look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log what keeps the input from its work."""
        self._write(logging.ERROR, event, fields)

    def events_ingested(self, count: int, size: int) -> None:
        """Log how many events splunkd was given, in the form that the add-on's monitoring dashboard reads."""
        from solnlib.log import events_ingested  # noqa: PLC0415 - see the head of the module

        account = None if self._account is None else str(self._account)
        events_ingested(self._logger, self._stanza, "cisco:sfw:estreamer", count, self._index, account=account)

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if fields.get("account"):
            self._account = fields["account"]
        if self._logger.isEnabledFor(level):
            shown = [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
            self._logger.log(level, "%s", " ".join([f"action={event}", f"input={_shown(self._stanza)}", *shown]))


def _logger(name: str) -> logging.Logger:
    from solnlib.log import LogException, Logs  # noqa: PLC0415 - see the head of the module

    try:
        logger: logging.Logger = Logs().get_logger(name)
    except (LogException, OSError, KeyError):
        logger = logging.getLogger(name)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    return logger


_PLAIN = re.compile(r"[\w.:/+@%-]+\Z", re.ASCII)


def _shown(value: object) -> str:
    """Return a value as it stands in a log line: whatever it holds, it forges neither a line nor a field."""
    text = str(value)
    if _PLAIN.match(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", escaped) + '"'


def _keep_stdout_for_the_stream() -> int:
    """Return a descriptor of the pipe to splunkd, and let everything that prints by accident go to stderr."""
    sys.stdout.flush()
    stream_descriptor = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream_descriptor


def _complain(text: str, code: int = 1) -> int:
    """Write a line to stderr that splunkd takes into its own log; return the exit code."""
    sys.stderr.write("ERROR " + " ".join(text.split()) + "\n")
    return code
