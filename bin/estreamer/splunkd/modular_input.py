"""Everything towards splunkd: what it writes to our stdin, its conf files and passwords, its log folder.

Reads of stdin are strict, since the document holds a session key and decides what runs. The libraries are imported
where they are used: splunkd asks every input for its scheme at each start, and that must be quick.
"""

from __future__ import annotations

import copy
import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple
from urllib.parse import quote

from .. import printable
from ..errors import Problem, SessionRefused

if TYPE_CHECKING:
    from ..settings import Account
    from .client import Refused

APP = "TA_secure_firewall_estreamer"
SCHEME = "estreamer_fqe"
ACCOUNT_CONF = "ta_secure_firewall_estreamer_account"
SETTINGS_CONF = "ta_secure_firewall_estreamer_settings"
LOG_NAME = "ta_secure_firewall_estreamer_" + SCHEME

LARGEST_DOCUMENT = 1024 * 1024
"""Bytes of stdin that are read: all drop rules together have at most 64 KiB."""

LONGEST_VALUE = 8000
"""Characters of one value in a log line, of which the middle is left out: Splunk cuts its own logs' lines at 10,000."""

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""What the Logging tab offers."""


class Argument(NamedTuple):
    """An argument of the scheme, as splunkd wants to know it."""

    name: str
    title: str
    description: str
    required: bool = False
    data_type: str = "string"


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
    Argument("settle", "Settle", "Seconds that Splunk has to process what it has read.", data_type="number"),
    Argument("planned_restart", "Planned restart", "trust or resend: what to do after a restart of Splunk."),
)
"""What an input has beyond what every input of Splunk has (name, index, interval and so on)."""


def main(arguments: Sequence[str], stdin: BinaryIO) -> int:
    """Do what splunkd asks for: `--scheme`, `--validate-arguments`, or without argument run; return the exit code."""
    if list(arguments) == ["--scheme"]:
        _answer(scheme())
        return 0
    if list(arguments) == ["--validate-arguments"]:
        return validate_arguments(stdin)
    if arguments:
        return _complain(f"Unknown arguments {' '.join(arguments)}: use --scheme, --validate-arguments, or none.", 2)
    return run(stdin)


def scheme() -> str:
    """Return the scheme of the input as XML."""
    listed = "".join(
        f'<arg name="{argument.name}"><title>{_escape(argument.title)}</title>'
        f"<description>{_escape(argument.description)}</description><data_type>{argument.data_type}</data_type>"
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
        _validate(stdin)
    except Problem as problem:
        _answer(f"<error><message>{_escape(problem.text)}</message></error>\n")
        return 1
    except Exception as error:  # the user would see nothing but that the script failed
        _answer(f"<error><message>The arguments cannot be checked: {type(error).__name__}.</message></error>\n")
        return _complain(f"Unexpected {type(error).__name__} in --validate-arguments: {traceback.format_exc()}")
    return 0


def _validate(stdin: BinaryIO) -> None:
    from splunklib.modularinput import ValidationDefinition  # noqa: PLC0415 - see the head of the module

    from ..settings import parse_input  # noqa: PLC0415

    definition = _parse(ValidationDefinition, read_document(stdin))
    name = definition.metadata.get("name")
    if not name:
        raise _bad_document("it has no item")
    parse_input(name, _parameters(definition.parameters))


def run(stdin: BinaryIO) -> int:
    """Run the input that stdin describes until it is told to stop; return the exit code."""
    stream_descriptor = _keep_stdout_for_the_stream()
    _quieten_libraries()
    try:
        task = read_task(stdin)
        log = SplunkLog(task.stanza)
    except Problem as problem:
        return _complain(f"{problem.text} (code={problem.code})")
    except Exception as error:  # there is no log file to tell it
        return _complain(f"Unexpected {type(error).__name__}: {traceback.format_exc()}")
    try:
        return _run(task, log, stream_descriptor)
    except Problem as problem:
        log.error("input_cannot_run", code=problem.code, problem=problem.text)
        return _complain(f"{problem.text} (code={problem.code}, input={task.stanza})")
    except SessionRefused:
        text = "splunkd no longer accepts the session key of this input. It ends, and Splunk starts it with a new one."
        log.error("input_cannot_run", code="session_refused", problem=text)
        return _complain(f"{text} (code=session_refused, input={task.stanza})")
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
    before, separator, name = (stanza or "").partition("://")
    if before != SCHEME or not separator or not name or not name.isprintable():
        raise _bad_document(f"its stanza is not {SCHEME}://<name>")
    given = {name: definition.metadata.get(name) for name in ("server_uri", "session_key", "checkpoint_dir")}
    for name, value in given.items():
        if not value:
            raise _bad_document(f"it has no {name}")
    return Task(stanza, _parameters(parameters), **given)


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


def _parameters(parsed: Mapping[str, str | list[str] | None]) -> dict[str, str | None]:
    """Return parameters as text; splunkd may give one of several values as a list."""
    return {name: ",".join(filter(None, value)) if isinstance(value, list) else value for name, value in parsed.items()}


def _bad_document(why: str) -> Problem:
    return Problem(
        "stdin_invalid",
        f"The document on standard input cannot be used: {why}. This script is to be started by Splunk, not by hand.",
    )


def _run(task: Task, log: SplunkLog, stream_descriptor: int) -> int:
    from ..connection.waiting import Waiting  # noqa: PLC0415
    from ..errors import Stop  # noqa: PLC0415
    from ..input import loop  # noqa: PLC0415 - see the head of the module
    from ..settings import parse_input  # noqa: PLC0415

    confs = Confs(task.server_uri, task.session_key)
    try:
        # splunkd may be slow to answer, or not answer at all while it stops.
        with Waiting() as waiting:
            log.set_level(waiting.call(confs.log_level))
        waiting.check()
    except Stop as stop:
        log.info("stopped", reason=str(stop))
        return 0
    settings = parse_input(task.name, task.parameters)
    log.describe(settings.index or "default")
    return loop.run(settings, confs.account, log, task.checkpoint_dir, task.stanza, stream_descriptor)


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
            raise _bad_document("its server_uri is no address") from None
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
                f"There is no account {name!r}. Create it on the add-on's Configuration page, or choose another one "
                "for this input.",
            )
        return parse_account(name, stanza)

    def stored_account(self, name: str) -> Mapping[str, str | None] | None:
        """Return the parameters of an account as they are stored, its secrets in clear, None if there is none.

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
        """Return a stanza as splunkd lists it, None when there is none. Raises what `management.Client` raises."""
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


_FRAMES_TO_CALLER = 3
"""How far above `SplunkLog._write` a line is asked for, as `logging` counts: over `info` and its like."""


class SplunkLog:
    """The log file of one input, in Splunk's log folder: lines of `action=<event> input=<stanza> <field>=<value> …`.

    A folder that cannot be written to is complained about; then lines go to stderr, which splunkd copies into its own
    log. `stanza` is `estreamer_fqe://<name>`.
    """

    def __init__(self, stanza: str) -> None:
        self._stanza = stanza
        self._index = "default"
        self._account: str | None = None
        self._host: str | None = None
        self._frames_between = 0
        self._logger = _logger(f"{LOG_NAME}_{quote(stanza.partition('://')[2], safe='')}")

    def passed_on(self) -> SplunkLog:
        """Return the same log, for one whose methods of the same names do nothing else but pass lines on."""
        passing = copy.copy(self)
        passing._frames_between += 1
        return passing

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
        """Log how many events splunkd was given, in the form that the add-on's monitoring dashboard reads.

        They are said to be of the account and host of the last `connected`.
        """
        from solnlib.log import events_ingested  # noqa: PLC0415 - see the head of the module

        from ..input.delivery import SOURCETYPE  # noqa: PLC0415

        events_ingested(
            self._logger, self._stanza, SOURCETYPE, count, self._index, account=self._account, host=self._host
        )

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if event == "connected":
            self._account, self._host = _shown(fields.get("account")), _shown(fields.get("host"))
        shown = [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
        line = " ".join([f"action={event}", f"input={_shown(self._stanza)}", *shown])
        self._logger.log(level, "%s", line, stacklevel=_FRAMES_TO_CALLER + self._frames_between)


def _logger(name: str) -> logging.Logger:
    from solnlib.log import Logs  # noqa: PLC0415 - see the head of the module

    try:
        Logs.set_context(directory=os.path.join(os.environ["SPLUNK_HOME"], "var", "log", "splunk"))
        logger: logging.Logger = Logs().get_logger(name)
    except (KeyError, OSError) as error:
        _complain(f"The log file {name}.log cannot be written ({type(error).__name__}): log lines follow here.")
        return _logger_to_stderr(name)
    for handler in logger.handlers:
        # solnlib opens it in the encoding of the locale, which need not have every character; it opens again by itself.
        handler.close()
        handler.encoding, handler.errors = "utf-8", "backslashreplace"  # type: ignore[attr-defined]
    return logger


def log_failure(name: str, kind: str, trace: str) -> None:
    """Log where something failed to the log file `name`, as file:line pairs taken from the text of a traceback.

    The text of an exception and lines of source are left out: they may quote what was sent, secrets included.
    """
    from solnlib.log import Logs  # noqa: PLC0415 - see the head of the module

    found = re.findall(r'File "([^"]*)", line ([0-9]+)', trace)
    places = [f"{path.replace(chr(92), '/').rpartition('/')[2]}:{line}" for path, line in found]
    # A log that cannot be written is no reason to answer otherwise.
    with suppress(OSError):
        Logs().get_logger(name).error('action=unexpected_error error=%s at="%s"', kind, " ".join(places))


def _logger_to_stderr(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SplunkdFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    return logger


class _SplunkdFormatter(logging.Formatter):
    """Lines as splunkd takes them from stderr, with its own names of the levels."""

    _LEVELS: ClassVar = {"WARNING": "WARN", "CRITICAL": "FATAL"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"{self._LEVELS.get(record.levelname, record.levelname)} {record.getMessage()}"


_PLAIN = re.compile(r"[\w.:/+@%-]+\Z", re.ASCII)


def _shown(value: object) -> str:
    """Return a value as it stands in a log line: whatever it holds, it forges neither a line nor a field."""
    # Cut before it is quoted: a cut behind a backslash would make the quote that follows it end the value.
    text = printable.shortened(str(value), LONGEST_VALUE + len(printable.GAP))
    if _PLAIN.match(text):
        return text
    return '"' + printable.escaped(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _keep_stdout_for_the_stream() -> int:
    """Return a descriptor of the pipe to splunkd, and let everything that prints by accident go to stderr."""
    sys.stdout.flush()
    stream_descriptor = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream_descriptor


def _quieten_libraries() -> None:
    """Keep what libraries log and warn of from stderr, where splunkd takes each line of it for an error."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(True)
    # A log file on a full disk is no reason to fill splunkd's log with tracebacks.
    logging.raiseExceptions = False


def _escape(text: str) -> str:
    """Return a text as XML 1.0 can hold it. The standard library's own brings a web client along: too slow here."""
    return printable.line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _answer(text: str) -> None:
    """Write to splunkd on stdout."""
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def _complain(text: str, code: int = 1) -> int:
    """Write a line to stderr that splunkd takes into its own log; return the exit code."""
    sys.stderr.write(f"ERROR {printable.line(text.strip(), LONGEST_VALUE)}\n")
    return code
