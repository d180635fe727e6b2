"""The table of parameters, and what follows from it: what is committed is what it says, and differences have names."""

from __future__ import annotations

import base64
import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from defusedxml import ElementTree
from estreamer import parameters, settings
from estreamer.events import catalog
from estreamer.parameters import Choice, Line, Page, Parameter, Reference, Switch, Upload, Whole

from standins.places import ROOT

ADDED = Parameter(
    name="sample_rate",
    label="Sample rate",
    type=Whole(1, 100),
    default="7",
    help="One of how many events is read.",
    docs="one of how many events is read",
    spec=("One of how many events is read.",),
    scheme="One of how many events is read.",
    page=Page(parameters.ADVANCED, wrong_limits="Sample rate: give a whole number from {lowest} to {highest}."),
)
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


class Watched(dict[str, str]):
    """Parameters that remember which of them were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    known = set(sys.modules)
    yield importlib.import_module("parameters")
    for name in {"parameters", "environment"} - known:
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tool: ModuleType, tmp_path: Path) -> Path:
    for path in tool.WRITERS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    return tmp_path


def test_what_is_committed_is_what_the_table_says(tool: ModuleType):
    assert tool.differences(tool.Tables()) == [], "run tools/python.sh tools/parameters.py"


def test_parameter_that_is_added_to_the_table_is_named_as_missing_in_every_place(tool: ModuleType, folder: Path):
    tables = tool.Tables(input=(*parameters.INPUT, ADDED))
    found = tool.differences(tables, folder)
    assert {line.partition(":")[0] for line in found} == set(tool.WRITERS) - {tool.ACCOUNT_CONF}
    assert all(": is missing: " in line for line in found if "ample" in line)
    for line in (
        'globalConfig.json: is missing: "errorMsg": "Sample rate: give a whole number from 1 to 100."',
        "default/inputs.conf: is missing: sample_rate = 7",
        "README/inputs.conf.spec: is missing: sample_rate = <positive integer>",
        "docs/input.md: is missing: | `sample_rate` | 7 | 1 to 100 | one of how many events is read |",
    ):
        assert line in found


def test_parameter_that_is_added_is_in_every_place_that_is_written_again(tool: ModuleType, folder: Path):
    tables = tool.Tables(input=(*parameters.INPUT, ADDED), account=(*parameters.ACCOUNT, ADDED))
    for path, text in tool.written(tables, folder).items():
        (folder / path).write_text(text, encoding="utf-8")
    assert tool.differences(tables, folder) == []
    for path in tool.WRITERS:
        assert "sample_rate" in (folder / path).read_text(encoding="utf-8"), path
    pages = json.loads((folder / "globalConfig.json").read_text(encoding="utf-8"))["pages"]
    (service,) = pages["inputs"]["services"]
    assert service["entity"][-1]["defaultValue"] == "7"
    assert service["entity"][-1]["validators"][0]["range"] == [1, 100]
    assert "sample_rate" in service["groups"][1]["fields"]
    assert {"field": "sample_rate", "label": "Sample rate"} in pages["inputs"]["table"]["moreInfo"]


def test_parameter_that_is_added_is_in_the_scheme_and_has_a_limit_by_rest(tool: ModuleType):
    scheme = ElementTree.fromstring(tool.scheme(tool.Tables(input=(*parameters.INPUT, ADDED)), ""))
    (argument,) = [one for one in scheme.iter("arg") if one.get("name") == "sample_rate"]
    assert argument.findtext("data_type") == "number"
    assert parameters.length_limits((*parameters.INPUT, ADDED))["sample_rate"] == parameters.USUAL_LENGTH


def test_secret_that_is_added_is_encrypted_and_kept_in_no_conf_file(tool: ModuleType, folder: Path):
    secret = replace(ADDED, type=Line(), secret=True, page=Page())
    tables = tool.Tables(account=(*parameters.ACCOUNT, secret))
    found = tool.differences(tables, folder)
    assert 'globalConfig.json: is missing: "encrypted": true,' in found
    assert not [line for line in found if "parameters.js" in line]
    assert "sample_rate" in parameters.secrets(tables.account)


def test_parameter_without_a_page_is_in_docs_and_not_in_the_form(tool: ModuleType, folder: Path):
    found = tool.differences(tool.Tables(input=(*parameters.INPUT, replace(ADDED, page=None, default=""))), folder)
    assert any(line.startswith("docs/input.md: is missing: | `sample_rate`") for line in found)
    assert not any('"type"' in line for line in found)


def test_what_is_written_by_hand_is_named(tool: ModuleType, folder: Path):
    conf = folder / "default" / "inputs.conf"
    conf.write_text(conf.read_text(encoding="utf-8").replace("settle = 30", "settle = 31"), encoding="utf-8")
    script = folder / "appserver/static/js/build/custom/parameters.js"
    script.write_text(script.read_text(encoding="utf-8").replace("20480", "20481"), encoding="utf-8")
    assert sorted(tool.differences(tool.Tables(), folder)) == [
        "appserver/static/js/build/custom/parameters.js: is missing: pkcs12: 20480,",
        "appserver/static/js/build/custom/parameters.js: is not in the table: pkcs12: 20481,",
        "default/inputs.conf: is missing: settle = 30",
        "default/inputs.conf: is not in the table: settle = 31",
    ]


def test_type_that_no_control_of_the_form_can_show_is_refused(tool: ModuleType):
    with pytest.raises(ValueError, match="sample_rate: the form needs a control of its own for Upload"):
        tool.entity(replace(ADDED, type=Upload(10), page=Page()))


def test_texts_are_written_as_scripts_quote_them(tool: ModuleType):
    assert tool._js({"it-is": 'it\'s "so" \\'}) == "{\n    'it-is': 'it\\'s \"so\" \\\\',\n}"


def unread(table: tuple[Parameter, ...]) -> set[str]:
    """Return the parameters that nothing in `settings` asks for, so that they would have no effect."""
    stored = Watched({"account": "fmc", "event_types": ",".join(settings.FIELD_PARAMETERS)})
    settings.parse_input("main", stored)
    account = Watched({"host": "fmc", "pkcs12": base64.b64encode(b"file").decode()})
    settings.parse_account("fmc", account)
    alone = {"interval", "disabled", "check_connection"}
    assert all(callable(getattr(settings, f"parse_{name}")) for name in alone)
    return {one.name for one in table} - stored.read - account.read - alone - {"name"}


def test_every_parameter_has_an_effect_and_one_without_is_named():
    assert unread((*parameters.ACCOUNT, *parameters.INPUT)) == set()
    assert unread((*parameters.INPUT, ADDED)) == {"sample_rate"}


def unexplained(table: tuple[Parameter, ...]) -> set[str]:
    """Return the codes of refusals that docs/troubleshooting.md does not explain."""
    typed = {f"{one.name}_invalid" for one in table if isinstance(one.type, (Whole, Choice, Switch))}
    return {code for code in typed if f"| `{code}` |" not in TROUBLESHOOTING}


def test_every_code_that_follows_from_a_type_is_explained_and_one_that_is_not_is_named():
    assert unexplained((*parameters.ACCOUNT, *parameters.INPUT)) == set()
    assert unexplained((ADDED,)) == {"sample_rate_invalid"}


def test_pages_about_codes_name_the_limits_of_the_table():
    for one in (*parameters.ACCOUNT, *parameters.INPUT):
        row = next((line for line in TROUBLESHOOTING.splitlines() if line.startswith(f"| `{one.name}_invalid` |")), "")
        if isinstance(one.type, Whole):
            assert f"{one.type.lowest} to {one.type.highest}" in row
        if isinstance(one.type, Choice):
            assert ", ".join(one.type.labels) in row


def test_every_default_means_what_no_value_means():
    given = {one.name: one.default for one in parameters.INPUT if one.default}
    types = {"event_types": ",".join(settings.FIELD_PARAMETERS)}
    for chosen in ({}, types):
        told = settings.parse_input("main", {"account": "fmc", **given, **chosen})
        assert told == settings.parse_input("main", {"account": "fmc", **chosen})
    of_account = {one.name: one.default for one in parameters.ACCOUNT if one.default}
    account = {"host": "fmc", "pkcs12": base64.b64encode(b"file").decode()}
    assert settings.parse_account("fmc", {**account, **of_account}) == settings.parse_account("fmc", account)
    assert settings.parse_interval(given["interval"]) == settings.parse_interval("")
    assert settings.parse_check_connection(of_account["check_connection"]) == settings.parse_check_connection("")


def test_defaults_and_choices_are_within_the_limits_of_their_types():
    for one in (*parameters.ACCOUNT, *parameters.INPUT):
        if isinstance(one.type, Whole):
            assert one.type.lowest <= int(one.default) <= one.type.highest, one.name
            assert len(str(one.type.highest)) <= one.type.longest
        elif isinstance(one.type, Choice):
            assert one.default in one.type.labels, one.name
        elif isinstance(one.type, Line):
            assert len(one.default) <= one.type.longest, one.name


def test_parameter_that_is_required_has_no_default_and_no_name_stands_twice():
    for table in (parameters.ACCOUNT, parameters.INPUT):
        assert len({one.name for one in table}) == len(table)
        assert [one.name for one in table if one.required and one.default] == []
        groups = {one.page.group for one in table if one.page}
        assert groups <= {"", *(group.label for group in parameters.GROUPS)}


def test_type_that_is_not_the_wanted_one_is_refused():
    with pytest.raises(TypeError, match="settle is a Whole, not a Choice"):
        parameters.typed(parameters.INPUT, "settle", Choice)
    with pytest.raises(KeyError):
        parameters.named(parameters.INPUT, "sample_rate")
    assert isinstance(parameters.typed(parameters.INPUT, "account", Reference)[1], Reference)


def test_catalogue_names_the_parameters_that_choose_fields():
    types = catalog.load()["event_types"]
    assert {name: entry["parameter"] for name, entry in types.items()} == settings.FIELD_PARAMETERS


def test_scripts_of_the_form_take_names_and_limits_from_the_table():
    """They may name the parameter that they are the control of, and no list, limit or default that stands there."""
    scripts = ROOT / "appserver" / "static" / "js" / "build" / "custom"
    names = {one.name for one in (*parameters.ACCOUNT, *parameters.INPUT)}
    assert len(list(scripts.glob("*.js"))) > 10
    for path in scripts.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        lists = re.findall(r"\[([^\[\]]*)\]", text) if path.name != "parameters.js" else []
        for found in lists:
            assert len(names & set(re.findall(r"'(\w+)'", found))) < 2, (path.name, found)
