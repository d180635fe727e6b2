"""Index time: props.conf.spec, characters, line breaking, length and timestamps."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import Knowledge, KnowledgeError
from standins.search.made import SOURCETYPE, app

NOW = 1750000000.0
DAY = 86400


def indexed(tmp_path: Path, settings: str, data: bytes, input_time: float | None = None) -> list[tuple[str, float]]:
    text = f"[{SOURCETYPE}]\nSHOULD_LINEMERGE = false\n{settings}\n"
    known = Knowledge.read(app(tmp_path, {"default/props.conf": text}))
    found = known.index(data, sourcetype=SOURCETYPE, source="s", host="h", now=NOW, input_time=input_time)
    return [(one.raw, one.time) for one in found]


def raws(tmp_path: Path, settings: str, data: bytes) -> list[str]:
    return [raw for raw, _ in indexed(tmp_path, "DATETIME_CONFIG = NONE\n" + settings, data)]


def times(tmp_path: Path, settings: str, data: bytes, input_time: float | None = None) -> list[float]:
    return [time for _, time in indexed(tmp_path, settings, data, input_time)]


def test_each_line_is_an_event_and_empty_lines_are_none(tmp_path: Path) -> None:
    assert raws(tmp_path, "", b"a\r\n\r\nb\n\nc") == ["a", "b", "c"]


def test_the_first_group_of_the_line_breaker_is_discarded_and_the_rest_kept(tmp_path: Path) -> None:
    assert raws(tmp_path, r"LINE_BREAKER = end(\n+)(?=begin)", b"begin 1\nend\nbegin 2") == ["begin 1\nend", "begin 2"]


def test_without_its_first_group_the_line_breaker_discards_the_first_that_took_part(tmp_path: Path) -> None:
    breaker = r"LINE_BREAKER = end(\n)begin|end2(\n)begin2|begin3"
    data = b"end\nbegin 1 end2\nbegin2 begin3"
    assert raws(tmp_path, breaker, data) == ["end", "begin 1 end2", "begin2 ", "begin3"]


def test_a_line_breaker_without_a_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="group"):
        raws(tmp_path, r"LINE_BREAKER = \n", b"")


def test_merging_lines_is_refused_as_it_is_not_played(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="SHOULD_LINEMERGE"):
        raws(tmp_path, "SHOULD_LINEMERGE = true", b"")


def test_an_event_is_cut_at_truncate_bytes_between_characters(tmp_path: Path) -> None:
    assert raws(tmp_path, "TRUNCATE = 6", "aääbc\nabcdef".encode()) == ["aääb", "abcdef"]
    assert raws(tmp_path, "TRUNCATE = 4", "aääb".encode()) == ["aä"]


def test_truncate_is_10000_unless_it_is_set_and_0_is_no_limit(tmp_path: Path) -> None:
    assert [len(raw) for raw in raws(tmp_path, "", b"x" * 10001)] == [10000]
    assert [len(raw) for raw in raws(tmp_path, "TRUNCATE = 0", b"x" * 10001)] == [10001]


def test_bytes_that_are_no_characters_are_shown_as_hexadecimal(tmp_path: Path) -> None:
    assert raws(tmp_path, "", b"a\xf3b") == ["a\\xF3b"]
    assert raws(tmp_path, "CHARSET = ISO-8859-1", b"a\xf3b") == ["aób"]


@pytest.mark.parametrize("charset", ["AUTO", "NOSUCH"])
def test_a_charset_that_is_not_known_is_refused(tmp_path: Path, charset: str) -> None:
    with pytest.raises(KnowledgeError, match="CHARSET"):
        raws(tmp_path, f"CHARSET = {charset}", b"x")


def test_datetime_config_none_takes_the_inputs_time(tmp_path: Path) -> None:
    assert times(tmp_path, "DATETIME_CONFIG = NONE\nTIME_FORMAT = %s", b"1749999999", 5.5) == [5.5]
    assert times(tmp_path, "DATETIME_CONFIG = NONE\nTIME_FORMAT = %s", b"1749999999") == [NOW]


def test_datetime_config_current_takes_the_clocks_time(tmp_path: Path) -> None:
    assert times(tmp_path, "DATETIME_CONFIG = CURRENT\nTIME_FORMAT = %s", b"1749999999", 5.5) == [NOW]


def test_a_time_is_read_behind_the_first_match_of_its_prefix(tmp_path: Path) -> None:
    assert times(tmp_path, "TIME_PREFIX = t=\nTIME_FORMAT = %s", b"x 1 t=1749999999 t=1749999998") == [1749999999.0]


def test_a_time_is_read_within_the_lookahead(tmp_path: Path) -> None:
    settings = "TIME_PREFIX = t=\nTIME_FORMAT = %s\nMAX_TIMESTAMP_LOOKAHEAD = 10"
    assert times(tmp_path, settings, b"t=1749999999123") == [1749999999.0]
    assert times(tmp_path, settings, b"t= 1749999999", 7) == [7]


@pytest.mark.parametrize("lookahead", [0, -1])
def test_without_a_lookahead_the_whole_event_counts(tmp_path: Path, lookahead: int) -> None:
    settings = f"TIME_PREFIX = t=\nTIME_FORMAT = %s\nMAX_TIMESTAMP_LOOKAHEAD = {lookahead}"
    assert times(tmp_path, settings, b"t=1749999999") == [1749999999.0]


def test_a_time_can_have_a_fraction(tmp_path: Path) -> None:
    assert times(tmp_path, "TIME_FORMAT = %s.%6N", b"1749999999.123456") == [1749999999.123456]


@pytest.mark.parametrize(
    ("form", "text", "time"),
    [
        ("%Y-%m-%d %H:%M:%S,%3N", "2025-06-15 15:06:39,123 x", 1749999999.123),
        ("%Y-%m-%d %H:%M:%S,%3N", "2025-06-15 15:06:39,1234", 1749999999.123),
        ("%Y-%m-%dT%H:%M:%S", "2025-06-15T15:06:39Z", 1749999999.0),
        ("%Y-%m-%d %H:%M:%S.%6Q", "2025-06-15 15:06:39.5", 1749999999.5),
    ],
)
def test_a_date_without_a_zone_is_one_of_the_machine_which_is_in_utc(
    tmp_path: Path, form: str, text: str, time: float
) -> None:
    assert times(tmp_path, f"TIME_FORMAT = {form}", text.encode(), 7) == [pytest.approx(time)]


@pytest.mark.parametrize("text", ["2025-06-15 15:06:39", "2025-13-15 15:06:39,123", "x 2025-06-15 15:06:39,123", ""])
def test_what_is_not_of_the_format_is_no_time(tmp_path: Path, text: str) -> None:
    assert times(tmp_path, "TIME_FORMAT = %Y-%m-%d %H:%M:%S,%3N", f"{text}|".encode(), 7) == [7]


@pytest.mark.parametrize(
    "form", ["%H:%M:%S", "%Y-%m-%d", "%d.%m.%Y %H:%M:%S", "%b %d %H:%M:%S", "%Y-%m-%d %H:%M:%S %z", "%"]
)
def test_a_date_that_is_not_complete_or_has_more_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(KnowledgeError, match="not played"):
        times(tmp_path, f"TIME_FORMAT = {form}", b"x")


def of_a_source(tmp_path: Path, props: str, source: str) -> str:
    known = Knowledge.read(
        app(tmp_path, {"default/props.conf": f"[default]\nSHOULD_LINEMERGE = false\nDATETIME_CONFIG = NONE\n{props}"})
    )
    (event,) = known.index(b"x", sourcetype=None, source=source, host="h", now=NOW)
    return event.sourcetype


def test_a_source_gives_a_sourcetype_to_data_whose_input_gives_none(tmp_path: Path) -> None:
    props = "[source::.../a*.log*]\nsourcetype = a\n"
    assert of_a_source(tmp_path, props, "/var/log/a.log.1") == "a"
    with pytest.raises(KnowledgeError, match="has no sourcetype"):
        of_a_source(tmp_path, props, "/var/log/b.log")


def test_the_stronger_stanza_gives_the_sourcetype(tmp_path: Path) -> None:
    props = "[source::/a.log]\nsourcetype = literal\n[source::.../a.log]\nsourcetype = pattern\n"
    assert of_a_source(tmp_path, props, "/a.log") == "literal"
    assert of_a_source(tmp_path, props, "/b/a.log") == "pattern"


def test_a_sourcetype_that_an_input_gives_stays(tmp_path: Path) -> None:
    props = f"[{SOURCETYPE}]\nSHOULD_LINEMERGE = false\nDATETIME_CONFIG = NONE\n[source::s]\nsourcetype = other\n"
    known = Knowledge.read(app(tmp_path, {"default/props.conf": props}))
    (event,) = known.index(b"x", sourcetype=SOURCETYPE, source="s", host="h", now=NOW)
    assert event.sourcetype == SOURCETYPE


@pytest.mark.parametrize("stanza", [SOURCETYPE, "host::h", "default"])
def test_only_a_source_gives_a_sourcetype(tmp_path: Path, stanza: str) -> None:
    with pytest.raises(KnowledgeError, match="sourcetype"):
        Knowledge.read(app(tmp_path, {"default/props.conf": f"[{stanza}]\nsourcetype = a\n"}))


def test_an_event_without_a_time_has_that_of_the_one_before_it(tmp_path: Path) -> None:
    settings = "TIME_PREFIX = t=\nTIME_FORMAT = %s"
    assert times(tmp_path, settings, b"t=1749999999\nx\nt=y", 7) == [1749999999.0] * 3
    assert times(tmp_path, settings, b"x\nt=1749999999", 7) == [7, 1749999999.0]


def test_a_time_too_long_ago_or_too_far_ahead_does_not_count(tmp_path: Path) -> None:
    settings = "TIME_FORMAT = %s\nMAX_DAYS_AGO = 10\nMAX_DAYS_HENCE = 3"
    known = [NOW - 10 * DAY, NOW - 10 * DAY - 1, NOW + 3 * DAY, NOW + 3 * DAY + 1]
    data = "\n".join(str(int(time)) for time in known).encode()
    assert times(tmp_path, settings, data) == [known[0], known[0], known[2], known[2]]


def test_2000_days_ago_and_2_ahead_are_the_limits_unless_they_are_set(tmp_path: Path) -> None:
    known = [NOW - 2000 * DAY - 1, NOW - 2000 * DAY, NOW + 2 * DAY, NOW + 2 * DAY + 1]
    data = "\n".join(str(int(time)) for time in known).encode()
    assert times(tmp_path, "TIME_FORMAT = %s", data, 7) == [7, known[1], known[2], known[2]]


@pytest.mark.parametrize(
    "setting", ["MAX_DAYS_AGO = 10952", "MAX_DAYS_HENCE = 10951", "TIME_FORMAT = %Y", "TRUNCATE = -1"]
)
def test_a_setting_outside_its_range_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(KnowledgeError):
        indexed(tmp_path, setting, b"")


def test_recognising_times_without_a_format_is_refused_as_it_is_not_played(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="TIME_FORMAT"):
        indexed(tmp_path, "", b"1749999999")


def test_a_source_can_have_a_time_of_its_own(tmp_path: Path) -> None:
    text = f"[{SOURCETYPE}]\nSHOULD_LINEMERGE = false\nTIME_FORMAT = %s\n[source::in://...]\nDATETIME_CONFIG = NONE\n"
    known = Knowledge.read(app(tmp_path, {"default/props.conf": text}))
    for source, time in (("in://a", 5.5), ("file", 1749999999.0)):
        found = known.index(b"1749999999", sourcetype=SOURCETYPE, source=source, host="h", now=NOW, input_time=5.5)
        assert [one.time for one in found] == [time]
