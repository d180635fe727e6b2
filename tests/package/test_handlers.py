"""The scripts in bin/ that belong to the package rather than to the input: search path and REST handler."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from estreamer import bookmark

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def search_path(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module import_declare_test, freshly imported, its change of sys.path undone afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path, "/opt/splunk/etc/apps/another_app/bin"])
    monkeypatch.delitem(sys.modules, "import_declare_test", raising=False)
    return importlib.import_module("import_declare_test")


def test_the_addons_libraries_come_first(search_path: ModuleType) -> None:
    assert sys.path[1] == str(ROOT / "lib")
    assert Path(sys.path[0]).parent == ROOT / "lib/3rdparty"


def test_the_scripts_of_other_apps_are_out_of_reach(search_path: ModuleType) -> None:
    assert not [entry for entry in sys.path if "another_app" in entry]


def test_each_platform_has_its_folder(search_path: ModuleType) -> None:
    folders = [search_path.platform_folder(name) for name in ("linux-x86_64", "linux-aarch64", "win-amd64")]
    assert folders == ["linux_x86_64", "linux_aarch64", "windows_x86_64"]


def test_an_unknown_platform_is_named_with_those_that_work(search_path: ModuleType) -> None:
    with pytest.raises(ImportError, match=r"macosx-11\.0-arm64.*linux-x86_64"):
        search_path.platform_folder("macosx-11.0-arm64")


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
def handlers(search_path: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module estreamer_input_handler on top of the stand-in above, with a SPLUNK_HOME of its own."""
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
    ours = ("estreamer_input_handler", "estreamer_rest", "splunk", "splunk.admin")
    for name in ours:
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("estreamer_input_handler")
    for name in ours:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return module


def make_bookmark(handlers: ModuleType, name: str) -> Path:
    folder = Path(bookmark.folder_of(str(handlers.rest.checkpoint_folder()), f"estreamer_fqe://{name}"))
    folder.mkdir(parents=True)
    (folder / "something").touch()
    return folder


def test_bookmarks_lie_where_splunkd_has_its_database(handlers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["SPLUNK_HOME"])
    assert handlers.rest.checkpoint_folder() == home / "var/lib/splunk/modinputs/estreamer_fqe"
    monkeypatch.setenv("SPLUNK_DB", "/data/splunk")
    assert handlers.rest.checkpoint_folder() == Path("/data/splunk/modinputs/estreamer_fqe")


def test_removing_an_input_removes_its_bookmark_and_no_other(handlers: ModuleType) -> None:
    removed, kept = make_bookmark(handlers, "gone"), make_bookmark(handlers, "gone2")
    actions: list[str] = []
    handlers.InputHandler("gone", actions).handleRemove(None)
    assert actions == ["input removed"]
    assert not removed.exists()
    assert kept.is_dir()


def test_an_input_that_cannot_be_removed_keeps_its_bookmark(handlers: ModuleType) -> None:
    kept = make_bookmark(handlers, "stays")
    with pytest.raises(handlers.admin.InternalException, match="LookupError"):
        handlers.InputHandler("stays", []).handleRemove(None)
    assert kept.is_dir()


def test_a_bookmark_that_cannot_be_removed_is_logged_and_the_input_is_gone(
    handlers: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[object, ...]] = []

    def refuse(checkpoint_dir: str, stanza: str) -> None:
        raise PermissionError("not allowed")

    logs = SimpleNamespace(get_logger=lambda name: SimpleNamespace(error=lambda *words: logged.append((name, *words))))
    monkeypatch.setattr(handlers.bookmark, "remove", refuse)
    monkeypatch.setattr(handlers.log, "Logs", lambda: logs)
    actions: list[str] = []
    handlers.InputHandler("gone", actions).handleRemove(None)
    assert actions == ["input removed"]
    assert logged[0][0] == "ta_secure_firewall_estreamer_rest"
    assert "estreamer_fqe://gone" in logged[0]
    assert "not allowed" in str(logged[0][-1])
