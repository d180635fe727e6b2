"""Where the scripts in bin/ find their libraries."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT


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
