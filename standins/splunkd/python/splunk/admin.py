"""The part of Splunk's `splunk.admin` that generated REST handlers use, written for the stand-in.

It behaves as published copies of the real one do:

- `init` reads packets from stdin, a line of JSON each. A packet is for one call of a handler: `setup()` or `execute()`,
  as its `marker` says. One process serves many packets if restmap.conf says `handlerpersistentmode`.
- The answer is XML that lxml builds, in a line of JSON. A text with a character that XML forbids raises, and the answer
  is lost.
- All public attributes of the handler object but methods go into the answer, properties included: what fails
  when it is read loses the answer, secrets are sent to splunkd.
- splunkd knows exceptions by the names of their classes. Any other becomes a generic text, with status 500.
"""

import inspect
import json
import sys

from lxml import etree

import __main__

MODE_SETUP = 1
MODE_EXECUTE = 2

ACTION_CREATE = 1
ACTION_LIST = 2
ACTION_EDIT = 4
ACTION_REMOVE = 8
ACTION_MEMBERS = 16
ACTION_RELOAD = 32

CONTEXT_NONE = 1
CONTEXT_APP_ONLY = 2
CONTEXT_APP_AND_USER = 3

EAI_ENTRY_ACL = "eai:acl"

_METHODS = {
    ACTION_CREATE: "handleCreate",
    ACTION_LIST: "handleList",
    ACTION_EDIT: "handleEdit",
    ACTION_REMOVE: "handleRemove",
    ACTION_MEMBERS: "handleMembers",
    ACTION_RELOAD: "handleReload",
}


class AdminManagerException(Exception):
    """What a handler raises to be refused; splunkd knows the classes below only."""


class AlreadyExistsException(AdminManagerException):
    """There is such an entity already."""


class NotFoundException(AdminManagerException):
    """No such entity exists."""


class ArgValidationException(AdminManagerException):
    """An argument is missing, unknown or wrong."""


class BadActionException(AdminManagerException):
    """The handler does not do this."""


class BadProgrammerException(AdminManagerException):
    """The handler uses this module in a wrong way."""


class HandlerSetupException(AdminManagerException):
    """The handler cannot be set up."""


class InternalException(AdminManagerException):
    """Something broke."""


class UsageException(AdminManagerException):
    """The script was started in a wrong way."""


class ServiceUnavailableException(AdminManagerException):
    """Something that is needed does not answer."""


_KNOWN = (
    AlreadyExistsException,
    NotFoundException,
    ArgValidationException,
    BadActionException,
    BadProgrammerException,
    HandlerSetupException,
    InternalException,
    UsageException,
    ServiceUnavailableException,
)


class ConfigItem(dict):
    """The content of one entity."""

    def __init__(self):
        super().__init__()
        self.metadata = {}

    def setMetadata(self, key, value):  # noqa: N802 - Splunk's name
        """Set something about the entity that is not its content."""
        self.metadata[key] = value


class ConfigInfo(dict):
    """The entities of an answer; an unknown one is made when it is asked for."""

    def __init__(self):
        super().__init__()
        self._messages = []

    def __missing__(self, name):
        self[name] = ConfigItem()
        return self[name]

    def addInfoMsg(self, text):  # noqa: N802 - Splunk's name
        """Show a message with the answer."""
        self._messages.append(("INFO", text))

    def addWarnMsg(self, text):  # noqa: N802 - Splunk's name
        """Show a warning with the answer."""
        self._messages.append(("WARN", text))

    def addErrorMsg(self, text):  # noqa: N802 - Splunk's name
        """Show an error with the answer."""
        self._messages.append(("ERROR", text))


class SupportedArgs:
    """Which arguments the handler takes."""

    def __init__(self):
        self.required = set()
        self.optional = set()

    def addReqArg(self, name):  # noqa: N802 - Splunk's name
        """The argument must be there."""
        self.required.add(_argument(name))

    def addOptArg(self, name):  # noqa: N802 - Splunk's name
        """The argument may be there."""
        self.optional.add(_argument(name))


def _argument(name):
    if name.startswith("_"):
        raise BadProgrammerException(f"The name of an argument must not begin with an underscore: {name}")
    return name


class CallerArgs:
    """What the request asks: the entity's name, None for all, and each argument's values, None for an empty one."""

    def __init__(self, name, data):
        self.id = name
        self.data = data


class MConfigHandler:
    """The base class of handlers."""

    def __init__(self, mode, context, request=None):
        request = request or {}
        self.requestedAction = request.get("action", -1)
        self.callerArgs = CallerArgs(request.get("name"), request.get("arguments", {}))
        self.supportedArgs = SupportedArgs()
        self.context = context
        self.capabilityRead = ""
        self.capabilityWrite = ""
        self.shouldAutoList = True
        self.userName = "nobody"
        self.appName = request.get("app", "")
        self._mode = mode
        self._session_key = request.get("session_key")

    def getSessionKey(self):  # noqa: N802 - Splunk's name
        """Return the session key of the request."""
        return self._session_key

    def setReadCapability(self, capability):  # noqa: N802 - Splunk's name
        """Say which capability a user must have to list."""
        self.capabilityRead = capability

    def setWriteCapability(self, capability):  # noqa: N802 - Splunk's name
        """Say which capability a user must have for anything else."""
        self.capabilityWrite = capability

    def setup(self):
        """Say which arguments are taken."""

    def execute(self, info):
        """Call the method for the action. splunkd has checked the arguments, by what `setup` said in its own call."""
        method = getattr(self, _METHODS[self.requestedAction], None)
        if method is None:
            raise BadActionException(f"This handler claims to support this action ({self.requestedAction}).")
        method(info)


def init(handler, ctxInfo=CONTEXT_NONE):  # noqa: N803 - Splunk's name
    """Serve packets with the handler class until the last one."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps({"answer": _reply(handler, ctxInfo, json.loads(line))}) + "\n")
        sys.stdout.flush()


def _reply(handler, context, request):
    root = etree.Element("eai")
    __main__.___sessionKey = request["session_key"]
    try:
        setting_up = request["marker"] == "setup"
        one = handler(MODE_SETUP if setting_up else MODE_EXECUTE, context, request)
        info = ConfigInfo()
        if setting_up:
            one.setup()
        else:
            one.execute(info)
    except Exception as error:
        _add_error(root, error)
    else:
        _add_attributes(root, one)
        _add_arguments(root, one.supportedArgs)
        _add_answer(root, info)
    return etree.tostring(root, encoding="unicode")


def _add_error(root, error):
    kind, text = type(error).__name__, str(error)
    if type(error) not in _KNOWN:
        place = "See splunkd.log/python.log for more details."
        kind, text = "", f'Unexpected error "{type(error)}" from python handler: "{error}". {place}'
    etree.SubElement(root, "error", type=kind).text = text


def _add_attributes(root, handler):
    for name in dir(handler):
        if not name.startswith("_"):
            value = getattr(handler, name)
            if not inspect.isroutine(value):
                etree.SubElement(root, "attribute", name=name).text = _text(value)


def _add_arguments(root, supported):
    for kind in ("required", "optional"):
        for name in sorted(getattr(supported, kind)):
            etree.SubElement(root, kind, name=name)


def _add_answer(root, info):
    for name, item in info.items():
        entry = etree.SubElement(root, "entry", name=name or "")
        for key, value in item.items():
            _add_value(entry, key, value)
        attributes = item.metadata.get("eai:attributes")
        if attributes is not None:
            _add_value(entry, "eai:attributes", attributes)
    for severity, text in info._messages:
        etree.SubElement(root, "message", severity=severity).text = text


def _add_value(parent, key, value):
    element = etree.SubElement(parent, "key", name=key)
    if isinstance(value, dict):
        element.set("kind", "dict")
        for name, inner in value.items():
            _add_value(element, name, inner)
    elif isinstance(value, (list, tuple)):
        element.set("kind", "list")
        for inner in value:
            _add_value(element, "", inner)
    else:
        element.text = _text(value)


def _text(value):
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)
