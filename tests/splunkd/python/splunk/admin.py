"""The part of Splunk's `splunk.admin` that generated REST handlers use, written for the stand-in.

`init` reads requests from stdin, a line of JSON each, runs the handler class, and prints each answer as a line of JSON.
One process serves many requests if restmap.conf says `handlerpersistentmode`, as splunkd has it.
"""

import json
import sys

import __main__

ACTION_CREATE = 1
ACTION_LIST = 2
ACTION_EDIT = 4
ACTION_REMOVE = 8

CONTEXT_NONE = 1
CONTEXT_APP_ONLY = 2
CONTEXT_APP_AND_USER = 4

EAI_ENTRY_ACL = "eai:acl"


class AdminManagerException(Exception):
    """What a handler raises to be refused with a status of its own."""

    status = 500


class ArgValidationException(AdminManagerException):
    """An argument is missing, unknown or wrong."""

    status = 400


class NotFoundException(AdminManagerException):
    """There is no such entity."""

    status = 404


class AlreadyExistsException(AdminManagerException):
    """There is such an entity already."""

    status = 409


class InternalException(AdminManagerException):
    """Something broke."""


class _Forbidden(AdminManagerException):
    """splunkd's own refusal, after the handler has said which capability it takes."""

    status = 403


class ConfigItem(dict):
    """The content of one entity."""

    def __init__(self):
        super().__init__()
        self.metadata = {}

    def setMetadata(self, key, value):  # noqa: N802 - Splunk's name
        """Set something about the entity that is not its content."""
        self.metadata[key] = value


class ConfigInfo(dict):
    """The entities of an answer; an unknown one comes into being when it is asked for."""

    def __missing__(self, name):
        self[name] = ConfigItem()
        return self[name]


class SupportedArgs:
    """Which arguments the handler takes."""

    def __init__(self):
        self.required = set()
        self.optional = set()

    def addReqArg(self, name):  # noqa: N802 - Splunk's name
        """The argument must be there."""
        self.required.add(name)

    def addOptArg(self, name):  # noqa: N802 - Splunk's name
        """The argument may be there."""
        self.optional.add(name)


class CallerArgs:
    """What the request asks: the entity's name, None for all, and each argument's values."""

    def __init__(self, name, data):
        self.id = name
        self.data = data


class MConfigHandler:
    """The base class of handlers."""

    def __init__(self, script_mode, context_info, request):
        self.requestedAction = request["action"]
        self.callerArgs = CallerArgs(request["name"], request["arguments"])
        self.supportedArgs = SupportedArgs()
        self.context = context_info
        self.capabilityRead = ""
        self.capabilityWrite = ""
        self._capabilities = request["capabilities"]
        self.userName = "nobody"
        self.appName = request["app"]
        self._session_key = request["session_key"]

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
        """Check the arguments and call the method for the action."""
        self.setup()
        needed = self.capabilityRead if self.requestedAction == ACTION_LIST else self.capabilityWrite
        if needed and needed not in self._capabilities:
            raise _Forbidden(f"You do not have permission to perform this operation (requires capability: {needed}).")
        given = set(self.callerArgs.data)
        missing = self.supportedArgs.required - given
        if missing:
            raise ArgValidationException(f"The following required arguments are missing: {', '.join(sorted(missing))}.")
        for name in sorted(given - self.supportedArgs.required - self.supportedArgs.optional):
            raise ArgValidationException(f'Argument "{name}" is not supported by this handler.')
        methods = {
            ACTION_CREATE: "handleCreate",
            ACTION_LIST: "handleList",
            ACTION_EDIT: "handleEdit",
            ACTION_REMOVE: "handleRemove",
        }
        getattr(self, methods[self.requestedAction])(info)


def init(handler, ctxInfo=CONTEXT_NONE):  # noqa: N803 - Splunk's name
    """Serve requests with the handler class, until there are no more."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_reply(handler, ctxInfo, json.loads(line))) + "\n")
        sys.stdout.flush()


def _reply(handler, context, request):
    info = ConfigInfo()
    __main__.___sessionKey = request["session_key"]
    try:
        handler(1, context, request).execute(info)
    except AdminManagerException as error:
        return {"status": error.status, "message": str(error)}
    except Exception as error:
        place = "See splunkd.log/python.log for more details."
        text = f'Unexpected error "{type(error)}" from python handler: "{error}". {place}'
        return {"status": 500, "message": text}
    entries = [{"name": name, "content": _content(item)} for name, item in info.items()]
    return {"status": 200, "entries": entries}


def _content(item):
    content = {key: _text(value) for key, value in item.items()}
    attributes = item.metadata.get("eai:attributes")
    if attributes is not None:
        content["eai:attributes"] = attributes
    return content


def _text(value):
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (list, dict)):
        return value
    return "" if value is None else str(value)
