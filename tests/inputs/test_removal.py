"""An input that is removed takes its bookmark with it."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import estreamer
import pytest
from estreamer import bookmark

from tests.places import ROOT


class Handler:
    """Stands for splunktaucclib's handler: removes the input `gone`, and refuses any other."""

    def __init__(self, name: str, actions: list[str]) -> None:
        self.callerArgs = SimpleNamespace(id=name)
        self._actions = actions

    def handleRemove(self, confInfo: object) -> None:  # noqa: N802, N803
        if self.callerArgs.id != "gone":
            raise LookupError(self.callerArgs.id)
        self._actions.append("input removed")


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The room `inputs` on top of the stand-in above, with a SPLUNK_HOME of its own."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "splunkd" / "python"))
    library = ModuleType("splunktaucclib.rest_handler.admin_external")
    library.AdminExternalHandler = Handler  # type: ignore[attr-defined]
    library.get_splunkd_endpoint = None  # type: ignore[attr-defined]
    errors = ModuleType("splunktaucclib.rest_handler.error")
    errors.RestError = type("RestError", (Exception,), {})  # type: ignore[attr-defined]
    for stub in (library, errors):
        monkeypatch.setitem(sys.modules, stub.__name__, stub)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))
    monkeypatch.delenv("SPLUNK_DB", raising=False)
    rooms = ("inputs", "rest")
    names = [*(f"estreamer.{room}" for room in rooms), "splunk", "splunk.admin"]
    for room in rooms:
        monkeypatch.delattr(estreamer, room, raising=False)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("estreamer.inputs")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return module


def make_bookmark(inputs: ModuleType, name: str) -> Path:
    folder = Path(bookmark.folder_of(str(inputs.rest.checkpoint_folder()), f"estreamer_fqe://{name}"))
    folder.mkdir(parents=True)
    (folder / "something").touch()
    return folder


def test_bookmarks_lie_where_splunkd_has_its_database(inputs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["SPLUNK_HOME"])
    assert inputs.rest.checkpoint_folder() == home / "var/lib/splunk/modinputs/estreamer_fqe"
    monkeypatch.setenv("SPLUNK_DB", "/data/splunk")
    assert inputs.rest.checkpoint_folder() == Path("/data/splunk/modinputs/estreamer_fqe")


def test_removing_an_input_removes_its_bookmark_and_no_other(inputs: ModuleType) -> None:
    removed, kept = make_bookmark(inputs, "gone"), make_bookmark(inputs, "gone2")
    actions: list[str] = []
    inputs.InputHandler("gone", actions).handleRemove(None)
    assert actions == ["input removed"]
    assert not removed.exists()
    assert kept.is_dir()


def test_an_input_that_cannot_be_removed_keeps_its_bookmark(inputs: ModuleType) -> None:
    kept = make_bookmark(inputs, "stays")
    with pytest.raises(inputs.admin.InternalException, match="LookupError"):
        inputs.InputHandler("stays", []).handleRemove(None)
    assert kept.is_dir()


def test_a_bookmark_that_cannot_be_removed_is_logged_and_the_input_is_gone(
    inputs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[object, ...]] = []

    def refuse(checkpoint_dir: str, stanza: str) -> None:
        raise PermissionError("not allowed")

    logs = SimpleNamespace(get_logger=lambda name: SimpleNamespace(error=lambda *words: logged.append((name, *words))))
    monkeypatch.setattr(inputs.bookmark, "remove", refuse)
    monkeypatch.setattr(inputs.log, "Logs", lambda: logs)
    actions: list[str] = []
    inputs.InputHandler("gone", actions).handleRemove(None)
    assert actions == ["input removed"]
    assert logged[0][0] == "ta_secure_firewall_estreamer_rest"
    assert "estreamer_fqe://gone" in logged[0]
    assert "not allowed" in str(logged[0][-1])
