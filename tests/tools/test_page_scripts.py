"""The check of the pages' scripts finds what it is there for."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/page_scripts.py, where the packages that it needs are installed."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    if not importlib.import_module("node_packages").place().is_dir():
        pytest.skip("eslint and TypeScript are not installed: tools/page_scripts.py installs them")
    return importlib.import_module("page_scripts")


PLANTED = {
    "a name that is not there": ("splunkd.js", "globalConfig.meta;", "globalConfig.mata;", "TS2551"),
    "a method that is not there": ("request_style.js", "values.listen(root", "values.lissen(root", "TS2551"),
    "a value of another type": ("drop_rules.js", "this.setValue(this.text.value)", "this.setValue(4)", "TS2345"),
    "one argument too few": ("event_types.js", "this.show(root, types)", "this.show(root)", "TS2554"),
    "a parameter without a type": ("dom.js", "/** @param {string} color */\n", "", "TS7006"),
    "a variable that nothing uses": (
        "accounts.js",
        "// @ts-check\n",
        "// @ts-check\nconst spare = 1;\n",
        "no-unused-vars",
    ),
    "markup from a text": (
        "dom.js",
        "    element.append(",
        "    element.innerHTML = '';\n    element.append(",
        "innerHTML",
    ),
}


@pytest.fixture
def scripts(tool: ModuleType, tmp_path: Path) -> Path:
    copied = tmp_path / "scripts"
    shutil.copytree(tool.SCRIPTS, copied)
    return copied


def checked(scripts: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "page_scripts.py"), str(scripts)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_scripts_as_they_are_have_no_finding(scripts: Path) -> None:
    done = checked(scripts)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_planted_error_is_found(scripts: Path) -> None:
    for file, sound, broken, _ in PLANTED.values():
        text = (scripts / file).read_text(encoding="utf-8")
        assert text.count(sound) == 1, (file, sound)
        (scripts / file).write_text(text.replace(sound, broken), encoding="utf-8")
    done = checked(scripts)
    assert done.returncode == 1
    assert [error for error, (_, _, _, finding) in PLANTED.items() if finding not in done.stdout] == []


@pytest.mark.parametrize(
    "broken", [("splunkd.js", "globalConfig.meta;", "globalConfig.mata;"), ("accounts.js", "", "const spare = 1;\n")]
)
def test_a_finding_of_one_checker_alone_fails_the_check(scripts: Path, broken: tuple[str, str, str]) -> None:
    file, sound, planted = broken
    text = (scripts / file).read_text(encoding="utf-8")
    (scripts / file).write_text(text.replace(sound, planted, 1), encoding="utf-8")
    assert checked(scripts).returncode == 1


def test_an_editor_checks_every_script_as_well() -> None:
    scripts = sorted((ROOT / "appserver" / "static" / "js" / "build" / "custom").glob("*.js"))
    assert len(scripts) > 10
    assert [one.name for one in scripts if not one.read_text(encoding="utf-8").startswith("// @ts-check\n")] == []


def test_what_checks_them_is_pinned_exactly() -> None:
    pins = json.loads((ROOT / "tests" / "dashboards" / "page" / "package.json").read_text(encoding="utf-8"))
    wanted = {**pins["dependencies"], **pins["devDependencies"]}
    assert {"eslint", "typescript"} < set(wanted)
    assert [name for name, version in wanted.items() if not version[0].isdigit()] == []
