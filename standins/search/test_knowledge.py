"""What a search finds in an event, which lines made it, and what a search does not find."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import Knowledge, KnowledgeError
from standins.search.made import SOURCETYPE, app, event, knowledge

FILES = {
    "default/transforms.conf": "[acts]\nfilename = acts.csv\n",
    "lookups/acts.csv": "act,result\nBlock,blocked\nAllow,allowed\n",
    "default/eventtypes.conf": "[one]\nsearch = action=blocked\ndescription = x\n",
    "default/tags.conf": "[eventtype=one]\nnetwork = enabled\nids = disabled\n",
}
SETTINGS = """
    category = Network
    FIELDALIAS-x = act AS vendor_action
    EVAL-vendor = "made up"
    EVAL-port = port+0
    LOOKUP-x = acts act OUTPUT result AS action
"""


def keys(known: Knowledge) -> set[tuple[str, str]]:
    return {(line.conf, line.key) for line in known.used}


def test_the_event_has_its_own_fields_as_text(tmp_path: Path) -> None:
    found = event(knowledge(tmp_path, ""), "{}").fields
    assert found == {
        "_raw": "{}",
        "_time": "1743500734.5",
        "host": "there",
        "source": "made.log",
        "sourcetype": SOURCETYPE,
        "index": "main",
        "linecount": "1",
    }


def test_what_took_effect_is_known_and_so_is_the_rest(tmp_path: Path) -> None:
    known = knowledge(tmp_path, SETTINGS, FILES)
    event(known, '{"act":"Block"}')
    assert keys(known) == {
        ("props", "KV_MODE"),
        ("props", "FIELDALIAS-x"),
        ("props", "EVAL-vendor"),
        ("props", "LOOKUP-x"),
        ("transforms", "filename"),
        ("lookups", "Block,blocked"),
        ("eventtypes", "search"),
        ("tags", "network"),
    }
    assert [(line.conf, line.key) for line in known.unused] == [
        ("props", "EVAL-port"),
        ("tags", "ids"),
        ("lookups", "Allow,allowed"),
    ]


def test_a_line_says_where_it_stands(tmp_path: Path) -> None:
    known = knowledge(tmp_path, SETTINGS, FILES)
    assert [str(line) for line in known.unused if line.conf in ("lookups", "tags")] == [
        "TA_made/default/tags.conf:3: [eventtype=one] ids",
        "TA_made/default/tags.conf:2: [eventtype=one] network",
        "TA_made/lookups/acts.csv:3: [] Allow,allowed",
        "TA_made/lookups/acts.csv:2: [] Block,blocked",
    ]


def test_a_setting_that_a_stronger_stanza_replaces_is_not_used(tmp_path: Path) -> None:
    props = f"[{SOURCETYPE}]\nKV_MODE = json\nEVAL-a = 1\n[source::made...]\nEVAL-a = 2\n"
    known = Knowledge.read(app(tmp_path, {"default/props.conf": props}))
    assert event(known, "{}").fields["a"] == "2"
    assert [line.stanza for line in known.unused] == [SOURCETYPE, SOURCETYPE]


def test_a_renamed_sourcetype_has_the_settings_of_its_name_only(tmp_path: Path) -> None:
    props = f"[{SOURCETYPE}]\nKV_MODE = json\nrename = other\nEVAL-a = 1\n[other]\nKV_MODE = none\nEVAL-b = 2\n"
    found = event(Knowledge.read(app(tmp_path, {"default/props.conf": props})), '{"c":3}').fields
    assert (found["sourcetype"], found["_sourcetype"], found["b"]) == ("other", SOURCETYPE, "2")
    assert not found.keys() & {"a", "c"}


def test_a_class_of_two_apps_is_that_of_the_stronger_one(tmp_path: Path) -> None:
    ours = app(tmp_path, {"default/props.conf": f"[{SOURCETYPE}]\nKV_MODE = json\nEVAL-a = 1\nEVAL-b = 1\n"}, "A")
    theirs = app(tmp_path, {"default/props.conf": f"[{SOURCETYPE}]\nEVAL-a = 2\nEVAL-c = 2\n"}, "B")
    found = event(Knowledge.read(ours, theirs), "{}").fields
    assert (found["a"], found["b"], found["c"]) == ("2", "1", "2")


def test_what_an_app_keeps_to_itself_takes_no_effect_elsewhere(tmp_path: Path) -> None:
    props = {"default/props.conf": f"[{SOURCETYPE}]\nEVAL-a = 1\n"}
    ours = app(tmp_path, {"default/props.conf": f"[{SOURCETYPE}]\nKV_MODE = json\n"}, "A")
    theirs = app(tmp_path, props, "B", meta="[]\naccess = read : [ * ]\n")
    assert "a" not in event(Knowledge.read(ours, theirs), "{}").fields
    assert event(Knowledge.read(ours, theirs, current="B"), "{}").fields["a"] == "1"


def test_a_folder_that_is_no_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="not an app"):
        Knowledge.read(tmp_path)


def test_two_apps_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(KnowledgeError, match="different names"):
        Knowledge.read(app(tmp_path, {}), app(tmp_path / "x", {}))
