"""Conf files as text, and the order in which Splunk reads them from apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import KnowledgeError
from standins.search.apps import App, Apps
from standins.search.conf import parse
from standins.search.made import app


def values(text: str) -> dict[str, dict[str, str]]:
    content = parse(text, "TA_made", "default/props.conf")
    return {name: {key: one.value for key, one in found.items()} for name, found in content.stanzas.items()}


def test_settings_before_the_first_header_are_of_default() -> None:
    assert values("a = 1\n[default]\nb = 2\n") == {"default": {"a": "1", "b": "2"}}


def test_the_last_of_two_settings_of_one_name_counts() -> None:
    assert values("[s]\na = 1\n[t]\n[s]\na = 2\n") == {"s": {"a": "2"}, "t": {}}


def test_a_line_that_a_later_one_replaces_is_still_known() -> None:
    assert [line.number for line in parse("[s]\na = 1\na = 2\n", "x", "default/props.conf").lines] == [2, 3]


def test_a_backslash_continues_a_value_and_keeps_the_line_break() -> None:
    assert values("[s]\na = one \\\n  two\nb = 3\n") == {"s": {"a": "one \n  two", "b": "3"}}


def test_a_value_keeps_further_equal_signs_and_number_signs() -> None:
    assert values("[s]\na = b=c # d\n") == {"s": {"a": "b=c # d"}}


def test_a_comment_stands_on_a_line_of_its_own() -> None:
    assert values("# a = 1\n[s]\n  # b = 2\nc = 3\n") == {"s": {"c": "3"}}


def test_an_equal_sign_in_a_header_belongs_to_its_name() -> None:
    assert values("[eventtype=x]\nnetwork = enabled\n") == {"eventtype=x": {"network": "enabled"}}


@pytest.mark.parametrize("text", ["[s\n", "[s]\nnonsense\n", "[s]\n= 1\n", "[s]\na = 1 \\"])
def test_a_line_that_is_neither_header_nor_setting_is_refused(text: str) -> None:
    with pytest.raises(KnowledgeError):
        values(text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("props", "[s]\nKVMODE = json\n"),
        ("props", "[s]\nkv_mode = json\n"),
        ("props", "[s]\nfieldalias-a = b AS c\n"),
        ("props", "[s]\nTRANSFORMS-a = b\n"),
        ("props", "[s]\nINDEXED_EXTRACTIONS = json\n"),
        ("props", "[rule::s]\nKV_MODE = json\n"),
        ("transforms", "[s]\nINGEST_EVAL = a=1\n"),
        ("transforms", "[s]\nfile_name = a.csv\n"),
        ("eventtypes", "[s]\nsearch = a=1\ntags = network\n"),
        ("tags", "[eventtype]\nnetwork = enabled\n"),
        ("tags", '[eventtype=s]\n"network" = enabled\n'),
        ("macros", "[s]\ndefinitions = a\n"),
    ],
)
def test_a_setting_that_is_unknown_or_not_played_is_refused(tmp_path: Path, file: str, text: str) -> None:
    with pytest.raises(KnowledgeError, match=file):
        App.read(app(tmp_path, {f"default/{file}.conf": text}))


def test_an_app_that_is_switched_off_is_refused_as_it_is_not_played(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="switched off"):
        App.read(app(tmp_path, {"local/app.conf": "[install]\nstate = disabled\n"}))


def two_apps(tmp_path: Path, **layers: str) -> list[Path]:
    """Two apps A and B with `value` of [s] in the layers given: A_default, B_local…"""
    found = []
    for name in "AB":
        files = {
            f"{layer}/props.conf": f"[s]\ncategory = {layers[f'{name}_{layer}']}\n"
            for layer in ("local", "default")
            if f"{name}_{layer}" in layers
        }
        found.append(app(tmp_path, files, name))
    return found


def searched(folders: list[Path], current: str | None = None) -> str:
    return Apps.read(folders, current).for_search("props")["s"]["category"].value


def indexed(folders: list[Path]) -> str:
    return Apps.read(folders).for_indexing("props")["s"]["category"].value


def test_local_is_over_default_in_an_app(tmp_path: Path) -> None:
    folders = two_apps(tmp_path, A_default="1", A_local="2")
    assert (searched(folders), indexed(folders)) == ("2", "2")


def test_a_search_takes_the_last_app_in_ascii_order_whatever_the_order_of_reading(tmp_path: Path) -> None:
    folders = two_apps(tmp_path, A_default="1", A_local="2", B_default="3")
    assert searched(folders) == searched(folders[::-1]) == "3"


def test_indexing_takes_the_first_app_in_ascii_order(tmp_path: Path) -> None:
    folders = two_apps(tmp_path, A_default="1", B_default="3")
    assert indexed(folders) == indexed(folders[::-1]) == "1"


def test_indexing_takes_any_apps_local_over_every_apps_default(tmp_path: Path) -> None:
    assert indexed(two_apps(tmp_path, A_default="1", B_local="3")) == "3"


def test_a_search_takes_the_app_that_it_runs_in_first(tmp_path: Path) -> None:
    assert searched(two_apps(tmp_path, A_default="1", B_local="3"), current="A") == "1"


def test_settings_that_only_one_app_has_are_there_from_both(tmp_path: Path) -> None:
    one = app(tmp_path, {"default/props.conf": "[s]\ncategory = 1\n"}, "A")
    other = app(tmp_path, {"default/props.conf": "[s]\ndescription = 2\n"}, "B")
    assert set(Apps.read([one, other]).for_search("props")["s"]) == {"category", "description"}


@pytest.mark.parametrize(
    ("meta", "seen"),
    [
        ("[]\nexport = system\n", True),
        ("[]\naccess = read : [ * ]\n", False),
        ("[]\nexport = none\n[props]\nexport = system\n", True),
        ("[]\nexport = system\n[props/s]\nexport = none\n", False),
        ("[props/s]\nexport = none\n[props/s/category]\nexport = system\n", True),
    ],
)
def test_other_apps_see_what_the_metadata_export(tmp_path: Path, meta: str, seen: bool) -> None:
    folder = app(tmp_path, {"default/props.conf": "[s]\ncategory = 1\n"}, "A", meta=meta)
    found = Apps.read([folder]).for_search("props").get("s", {})
    assert ("category" in found) == seen
    assert "category" in Apps.read([folder], "A").for_search("props")["s"]
    assert "category" in Apps.read([folder]).for_indexing("props")["s"]


def test_local_metadata_are_over_default_metadata(tmp_path: Path) -> None:
    files = {"default/props.conf": "[s]\ncategory = 1\n", "metadata/local.meta": "[]\nexport = none\n"}
    assert not Apps.read([app(tmp_path, files)]).for_search("props").get("s")
