"""Which stanza of props.conf wins for an event: props.conf.spec, precedence and patterns."""

from __future__ import annotations

import pytest

from standins.search import KnowledgeError
from standins.search.conf import parse
from standins.search.stanzas import Properties, matcher


def category(text: str, *, source: str = "/var/log/az", host: str = "Foo", sourcetype: str = "st") -> str | None:
    content = parse(text, "TA_made", "default/props.conf")
    found = Properties(content.stanzas).of(source=source, host=host, sourcetype=sourcetype).get("category")
    return found.value if found else None


def stanza(name: str, value: str, priority: int | None = None) -> str:
    return f"[{name}]\ncategory = {value}\n" + ("" if priority is None else f"priority = {priority}\n")


def matches(name: str, *, source: str = "", host: str = "", sourcetype: str = "") -> bool:
    return matcher(name, {}).matches(source, host, sourcetype)


def test_a_source_is_over_a_host_over_a_sourcetype_over_default() -> None:
    of_all = ["default", "st", "host::foo", "source::/var/log/az"]
    for count in range(1, 5):
        text = "".join(stanza(name, name) for name in reversed(of_all[:count]))
        assert category(text) == of_all[count - 1]


def test_priority_does_not_count_between_kinds() -> None:
    assert category(stanza("source::...", "source", 1) + stanza("st", "sourcetype", 500)) == "source"


def test_a_literal_name_is_over_a_pattern() -> None:
    assert category(stanza("source::...", "pattern") + stanza("source::/var/log/az", "literal")) == "literal"


def test_a_priority_over_100_puts_a_pattern_over_a_literal_name() -> None:
    assert category(stanza("source::...", "pattern", 101) + stanza("source::/var/log/az", "literal")) == "pattern"


def test_of_patterns_that_match_alike_the_first_in_ascii_order_wins() -> None:
    both = [stanza("source::...a...", "a"), stanza("source::...z...", "z")]
    assert category("".join(both)) == category("".join(reversed(both))) == "a"


def test_of_patterns_that_match_alike_the_higher_priority_wins() -> None:
    assert category(stanza("source::...a...", "a", 5) + stanza("source::...z...", "z", 10)) == "z"


def test_settings_of_all_stanzas_that_match_are_taken_together() -> None:
    text = "[st]\nKV_MODE = json\n[source::...]\nDATETIME_CONFIG = NONE\n"
    settings = Properties(parse(text, "x", "default/props.conf").stanzas).of(source="s", host="h", sourcetype="st")
    assert set(settings) == {"KV_MODE", "DATETIME_CONFIG"}


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("source::/a/b", "/a/b", True),
        ("source::/a/b", "/a/b/c", False),
        ("source::/a/*", "/a/b", True),
        ("source::/a/*", "/a/b/c", False),
        ("source::/a/...", "/a/b/c", True),
        ("source::....gz", "/a/b.gz", True),
        ("source::....gz", "/a/bxgz", False),
        ("source::....(?<!tar.)(gz|bz2)", "/a/b.gz", True),
        ("source::....(?<!tar.)(gz|bz2)", "/a/b.tar.gz", False),
        ("source::WinEventLog:(s|S)ecurity*", "WinEventLog:Security", True),
        ("source::a(b)/c*", "a(b)/cd", True),
        ("source::a(b)/c", "ab/c", False),
        ("source::estreamer_fqe://...", "estreamer_fqe://main", True),
        ("source::estreamer_fqe://...", "Estreamer_fqe://main", False),
    ],
)
def test_dots_and_stars_in_a_source_match_as_the_spec_says(name: str, source: str, expected: bool) -> None:
    assert matches(name, source=source) is expected


def test_a_backslash_in_a_pattern_is_written_twice() -> None:
    assert matches(r"source::...c:\\logs\\x", source=r"c:\logs\x")


def test_a_host_matches_without_regard_to_case_a_source_and_a_sourcetype_do_not() -> None:
    assert matches("host::foo", host="FOO")
    assert matches("host::f*", host="FOO")
    assert not matches("source::foo", source="FOO")
    assert not matches("foo", sourcetype="FOO")


def test_a_host_pattern_can_ask_for_its_case() -> None:
    assert not matches("host::(?-i:bar*)", host="BAR1")


def test_a_stanza_of_another_kind_is_refused() -> None:
    with pytest.raises(KnowledgeError):
        matcher("eventtype::x", {})
