"""Event types and tags: eventtypes.conf.spec, tags.conf.spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import Event, KnowledgeError, Limits
from standins.search.made import event, knowledge

RAW = '{"a":"Block with reset","n":443,"list":["x","y"],"msg":"GET /index.html from host-7"}'


def typed(
    tmp_path: Path, eventtypes: str, tags: str = "", raw: str = RAW, macros: str = "", settings: str = ""
) -> Event:
    files = {"default/eventtypes.conf": eventtypes, "default/tags.conf": tags, "default/macros.conf": macros}
    return event(knowledge(tmp_path, settings, files), raw)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("sourcetype=made:up", True),
        ('sourcetype="made:up" a="block WITH reset"', True),
        ("a=Block*", True),
        ("a=Block", False),
        ("A=Block*", False),
        ("n=443", True),
        ("n>442 n<=443", True),
        ("n>443", False),
        ("a!=x", True),
        ("missing!=x", False),
        ("NOT missing=x", True),
        ("NOT a=*", False),
        ("missing=*", False),
        ("list{}=y", True),
        ("a=x OR n=443", True),
        ("a=x n=443", False),
        ("a=x n=1 OR n=443", False),
        ("a=Block* n=1 OR n=443", True),
        ("(a=x n=1) OR n=443", True),
        ("NOT a=x OR n=1", True),
        ('n IN (1, 443) a IN ("Block w*")', True),
        ("n IN (1, 2)", False),
        ("index.html", True),
        ("INDEX", True),
        ("ind", False),
        ("ind*", True),
        ('"from host"', True),
        ('"from hos"', False),
    ],
)
def test_an_event_type_is_a_search(tmp_path: Path, search: str, expected: bool) -> None:
    found = typed(tmp_path, f"[one]\nsearch = {search}\n")
    assert found.eventtypes == (("one",) if expected else ())
    assert found.fields.get("eventtype") == ("one" if expected else None)


def test_an_event_type_sees_all_other_fields(tmp_path: Path) -> None:
    assert typed(
        tmp_path, "[one]\nsearch = b=1 c=2\n", settings="FIELDALIAS-x = n AS b\nEVAL-b = 1\nEVAL-c = 2"
    ).eventtypes


def test_a_switched_off_event_type_is_none(tmp_path: Path) -> None:
    assert typed(tmp_path, "[one]\nsearch = n=443\ndisabled = 1\n").eventtypes == ()


def test_event_types_come_by_priority(tmp_path: Path) -> None:
    text = "[a]\nsearch = n=443\n[b]\nsearch = n=443\npriority = 1\n[c]\nsearch = n=443\npriority = 5\n"
    assert typed(tmp_path, text).eventtypes == ("b", "c", "a")


def test_a_field_in_the_name_of_an_event_type_is_its_value(tmp_path: Path) -> None:
    assert typed(tmp_path, "[port-%n%]\nsearch = n=*\n").eventtypes == ("port-443",)


def test_a_macro_in_the_search_is_expanded(tmp_path: Path) -> None:
    assert typed(tmp_path, "[one]\nsearch = `port` a=Block*\n", macros="[port]\ndefinition = n=1 OR n=443\n").eventtypes


@pytest.mark.parametrize(
    "search",
    ["a=x | stats count", "a=[search b=1]", "eventtype=two", "tag=x", "tag::eventtype=x", "`nowhere`", "(a=x", ""],
)
def test_a_search_that_an_event_type_cannot_have_is_refused(tmp_path: Path, search: str) -> None:
    with pytest.raises(KnowledgeError):
        typed(tmp_path, f"[one]\nsearch = {search}\n")


def test_an_event_type_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError):
        typed(tmp_path, "[one]\npriority = 3\n")


def test_only_the_first_10000_characters_of_a_field_count(tmp_path: Path) -> None:
    files = {"default/eventtypes.conf": "[one]\nsearch = a=*end\n"}
    raw = '{"a":"' + "x" * 9997 + 'end"}'
    longer = '{"a":"' + "x" * 9998 + 'end"}'
    known = knowledge(tmp_path, "", files, limits=Limits(bytes=0))
    assert (event(known, raw).eventtypes, event(known, longer).eventtypes) == (("one",), ())
    unlimited = knowledge(tmp_path, "", files, limits=Limits(bytes=0, event_type_characters=0))
    assert event(unlimited, longer).eventtypes == ("one",)


def test_tags_are_those_of_the_event_types(tmp_path: Path) -> None:
    found = typed(
        tmp_path,
        "[one]\nsearch = n=443\n[two]\nsearch = n=1\n",
        "[eventtype=one]\nnetwork = enabled\ncommunicate = enabled\nids = disabled\n[eventtype=two]\nids = enabled\n",
    )
    assert found.tags == ("communicate", "network")
    assert found.tags_of == {("eventtype", "one"): ("network", "communicate")}
    assert found.fields["tag::eventtype"] == ("communicate", "network")


def test_a_tag_can_be_that_of_any_fields_value_written_as_in_a_url(tmp_path: Path) -> None:
    found = typed(tmp_path, "", "[a=Block%20with%20reset]\nblocked = enabled\n[list{}=y]\nsecond = enabled\n")
    assert found.tags == ("blocked", "second")
    assert found.fields["tag::a"] == "blocked"


def test_a_value_that_differs_has_no_tag(tmp_path: Path) -> None:
    assert typed(tmp_path, "", "[a=Block]\nblocked = enabled\n").tags == ()


def test_a_tag_that_is_neither_enabled_nor_disabled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError):
        typed(tmp_path, "", "[a=Block]\nblocked = true\n")
