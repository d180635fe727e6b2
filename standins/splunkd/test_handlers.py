"""Handlers as Splunk's own library runs them: packets, exceptions, arguments, attributes, and answers that are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from standins.splunkd import Splunkd
from standins.splunkd.example import FILES, pack

HEAD = "import os\nimport splunk.admin as admin\n\n"
MAIN = '\nif __name__ == "__main__":\n    admin.init(Handler, admin.CONTEXT_APP_ONLY)\n'
PERSISTENT = FILES["default/restmap.conf"].replace(
    "handleractions = edit, list, remove, create\n",
    "handleractions = edit, list, remove, create\nhandlerpersistentmode = true\n",
)
LIST_ONLY = "class Handler(admin.MConfigHandler):\n    def handleList(self, info):\n        "

Run = Callable[[str], Splunkd]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Install an add-on whose handler is this text."""
    with Splunkd(tmp_path / "home") as splunkd:

        def install(handler: str) -> Splunkd:
            changes = {"bin/example_rh.py": HEAD + handler + MAIN, "default/restmap.conf": PERSISTENT}
            splunkd.install(pack(tmp_path / "handler.spl", changes))
            return splunkd

        yield install


def test_constants_are_those_of_splunk(run: Run) -> None:
    names = "CONTEXT_NONE CONTEXT_APP_ONLY CONTEXT_APP_AND_USER"
    actions = "ACTION_CREATE ACTION_LIST ACTION_EDIT ACTION_REMOVE ACTION_MEMBERS ACTION_RELOAD"
    splunkd = run(LIST_ONLY + f"info['one'].update({{n: getattr(admin, n) for n in '{names} {actions}'.split()}})\n")
    found = splunkd.request("GET", "example_things").entries["one"]
    assert [found[name] for name in names.split()] == ["1", "2", "3"]
    assert [found[name] for name in actions.split()] == ["1", "2", "4", "8", "16", "32"]


FORBIDDEN = ("\\0", "\\x01", "\\x1b", "\\ufffe", "\\uffff", "\\ud800")


@pytest.mark.parametrize("where", ["value", "key", "name", "list", "error", "attribute", "message"])
def test_answer_with_a_character_that_xml_forbids_is_lost_wherever_it_stands(run: Run, where: str) -> None:
    statements = {
        "value": "info['one']['a'] = character",
        "key": "info['one'][character] = 'a'",
        "name": "info[character]['a'] = 'a'",
        "list": "info['one']['a'] = ['b', {'c': character}]",
        "error": "raise admin.NotFoundException(character)",
        "attribute": "self.seen = character",
        "message": "info.addWarnMsg(character)",
    }
    handler = LIST_ONLY + f"character = {{}}[int(self.callerArgs.id)]\n        {statements[where]}\n"
    splunkd = run(handler.replace("{}", "({})".format(", ".join(f'"{one}"' for one in FORBIDDEN))))
    for number in range(len(FORBIDDEN)):
        answer = splunkd.request("GET", f"example_things/{number}")
        assert (answer.status, "the answer is lost" in answer.message) == (500, True), FORBIDDEN[number]


def test_public_attributes_are_told_to_splunkd_and_private_ones_and_methods_are_not(run: Run) -> None:
    splunkd = run(
        "class Handler(admin.MConfigHandler):\n"
        "    held = {'password': 'hidden-in-a-dictionary'}\n    _held = 'hidden-in-private'\n"
        "    @property\n    def computed(self):\n        return 'computed-when-read'\n"
        "    def method(self):\n        return 'said-by-a-method'\n"
        "    def handleList(self, info):\n        info['one']['a'] = 'b'\n"
    )
    assert splunkd.request("GET", "example_things").status == 200
    (call,) = splunkd.handler_calls()
    assert "hidden-in-a-dictionary" in call.stdout
    assert "computed-when-read" in call.stdout
    assert "hidden-in-private" not in call.stdout
    assert "said-by-a-method" not in call.stdout


def test_attribute_that_fails_when_it_is_read_loses_the_answer(run: Run) -> None:
    failing = "class Handler(admin.MConfigHandler):\n    @property\n    def bad(self):\n        return self.missing\n"
    answer = run(failing).request("GET", "example_things")
    assert (answer.status, "the answer is lost" in answer.message) == (500, True)


EXCEPTIONS = {
    "AlreadyExists": 409,
    "NotFound": 404,
    "ArgValidation": 400,
    "BadAction": 405,
    "BadProgrammer": 500,
    "HandlerSetup": 500,
    "Internal": 500,
    "Usage": 500,
    "ServiceUnavailable": 503,
}


def test_exceptions_are_known_by_their_class_and_others_become_a_generic_text(run: Run) -> None:
    splunkd = run(
        "class Own(admin.NotFoundException):\n    pass\n\n"
        "class Handler(admin.MConfigHandler):\n    def handleList(self, info):\n"
        "        raise getattr(admin, self.callerArgs.id + 'Exception', Own)('why')\n"
    )
    for name, status in EXCEPTIONS.items():
        answer = splunkd.request("GET", f"example_things/{name}")
        assert (answer.status, answer.message) == (status, "why"), name
    answer = splunkd.request("GET", "example_things/own")
    assert (answer.status, answer.message.startswith('Unexpected error "<class')) == (500, True)


def test_action_without_a_method_is_refused(run: Run) -> None:
    answer = run("class Handler(admin.MConfigHandler):\n    pass\n").request("GET", "example_things")
    assert (answer.status, "This handler claims to support this action (2)." in answer.message) == (405, True)


SEEN = """
class Handler(admin.MConfigHandler):
    calls = []
    def __init__(self, mode, context, request=None):
        super().__init__(mode, context, request)
        self.calls.append(f"init {mode}")
    def setup(self):
        self.calls.append("setup")
        self.supportedArgs.addOptArg("color")
        self.supportedArgs.addOptArg("size")
    def handleCreate(self, info):
        self.calls.append(f"create {self.callerArgs.data}")
        info[self.callerArgs.id]["from"] = "create"
    def handleList(self, info):
        self.calls.append(f"list {self.callerArgs.id}")
        info[self.callerArgs.id or "all"]["from"] = ", ".join(self.calls)
"""


def test_setup_and_execute_are_packets_of_their_own_and_the_entry_is_listed_again(run: Run) -> None:
    splunkd = run(SEEN)
    answer = splunkd.request("POST", "example_things", {"name": "new", "color": "red", "size": ""})
    assert answer.entries["new"]["from"].split(", ", 3) == [
        "init 1",
        "setup",
        "init 2",
        "create {'color': ['red'], 'size': [None]}, init 1, setup, init 2, list new",
    ]
    assert [(call.action, call.status) for call in splunkd.handler_calls()] == [("create", 200), ("list", 200)]


def test_answer_of_the_creation_counts_where_the_handler_says_so(run: Run) -> None:
    initialized = "super().__init__(mode, context, request)\n"
    splunkd = run(SEEN.replace(initialized, initialized + "        self.shouldAutoList = False\n"))
    assert splunkd.request("POST", "example_things", {"name": "new"}).entries == {"new": {**BARE, "from": "create"}}


BARE = {"eai:acl": None, "eai:appName": "TA_example", "eai:userName": "nobody"}


def test_argument_that_begins_with_an_underscore_cannot_be_taken(run: Run) -> None:
    answer = run(SEEN.replace('addOptArg("size")', 'addOptArg("_size")')).request("GET", "example_things")
    assert (answer.status, "must not begin with an underscore: _size" in answer.message) == (500, True)
