"""Payloads that are not as JSON has to be: which are found, what is repaired, and what is marked."""

from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections import Counter

import pytest
from estreamer.clock import Clock
from estreamer.events import facts, repair
from hypothesis import given
from hypothesis import strategies as st

from standins.fmc.events import EventGenerator
from tests.clocks import Hand


@pytest.mark.parametrize("padding", [b"\0", b"\r\n", b"\n", b"  ", b"\0\0\r\n \t"])
def test_padding_is_taken_off_and_is_no_problem(padding: bytes):
    assert repair.mend(b'{"EventType":"FileEvent"}' + padding) == (b'{"EventType":"FileEvent"}', ())


@pytest.mark.parametrize("payload", [b'{"FileEvent": {"EventSecond":1}}', b"{}", b'{\n "a": 1\n}', b'{"A":"\xc3\xa9"}'])
def test_an_object_of_another_shape_goes_through_untouched(payload: bytes):
    assert repair.mend(payload) == (payload, ())


@pytest.mark.parametrize(
    "payload", [b"", b"garbage", b"[1]", b'{"EventType":"FileEvent", "EventSecond":17, "A":', b'"x"']
)
def test_what_is_no_object_becomes_one_that_holds_the_text(payload: bytes):
    mended, problems = repair.mend(payload)
    assert problems == ("not JSON",)
    held = json.loads(mended)
    assert held["estreamer_payload"] == payload.decode()
    assert held["estreamer_length"] == len(payload)
    assert held["estreamer_problem"] == "not JSON"


def test_a_broken_event_keeps_its_kind_and_time_findable():
    mended, _ = repair.mend(b'{"EventType":"IntrusionEvent", "EventSecond":17, "EventMicrosecond":5, "A":')
    assert json.loads(mended)["EventType"] == "IntrusionEvent"
    assert json.loads(mended)["EventSecond"] == 17


def test_bytes_that_are_no_utf8_keep_the_fields_and_are_marked():
    mended, problems = repair.mend(b'{"EventType":"FileEvent", "FileName":"caf\xe9"}')
    assert problems == ("illegal characters",)
    assert json.loads(mended) == {
        "EventType": "FileEvent",
        "FileName": "caf\\xe9",
        "estreamer_problem": "illegal characters",
    }


@pytest.mark.parametrize(("raw", "kept"), [(b"\x01", "\x01"), (b"\xef\xbf\xbe", "\ufffe"), (b"\xef\xbf\xbf", "\uffff")])
def test_characters_that_xml_forbids_are_kept_as_json_escapes(raw: bytes, kept: str):
    mended, problems = repair.mend(b'{"EventType":"FileEvent", "FileName":"a' + raw + b'b"}')
    assert problems == ("illegal characters",)
    assert repair.legal_text(mended) is not None
    assert json.loads(mended)["FileName"] == f"a{kept}b"


def test_a_lone_surrogate_as_bytes_is_marked_and_its_bytes_shown():
    mended, _ = repair.mend(b'{"EventType":"FileEvent", "FileName":"\xed\xa0\x80"}')
    assert json.loads(mended)["FileName"] == "\\xed\\xa0\\x80"


def test_an_escaped_lone_surrogate_is_json_and_goes_through():
    payload = b'{"EventType":"FileEvent", "FileName":"\\ud800"}'
    assert repair.mend(payload) == (payload, ())


def test_nesting_beyond_what_python_parses_goes_through():
    payload = b'{"A":' * 10_000 + b"1" + b"}" * 10_000
    assert repair.mend(payload) == (payload, ())


@pytest.mark.parametrize("filler", [b"x", b'"', b"\\", b"\xff", b"\x01", b"\xf0\x9f\x98\x80", b"<&>"])
def test_a_payload_beyond_the_limit_is_cut_and_marked(filler: bytes):
    payload = b'{"EventType":"FileEvent", "EventSecond":17, "A":"' + filler * (5 * 1024 * 1024 // len(filler)) + b'"}'
    mended, problems = repair.mend(payload)
    assert problems == ("too long",)
    held = json.loads(mended)
    assert held["estreamer_length"] == len(payload)
    assert held["EventSecond"] == 17
    assert facts.MAX_LENGTH * 0.8 < len(mended) < facts.MAX_LENGTH + 300


def test_escapes_do_not_make_a_payload_longer_than_the_limit():
    payload = b'{"A":"' + b"\x01" * (facts.MAX_LENGTH - 100) + b'"}'
    mended, _ = repair.mend(payload)
    assert len(mended) < facts.MAX_LENGTH + 300


@given(st.binary(max_size=200))
def test_whatever_comes_is_delivered_as_text_that_xml_can_hold(payload: bytes):
    mended, problems = repair.mend(payload)
    assert repair.legal_text(mended) is not None
    assert isinstance(json.loads(mended), dict)
    assert not problems or json.loads(mended)["estreamer_problem"] == ", ".join(problems)
    assert repair.mend(mended) == (mended, ())


BEGIN = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1763600000, "InitiatorBytes":840, '


@pytest.mark.parametrize(
    ("rest", "repaired", "problem"),
    [
        (rb'"UserName":"EXAMPLE\jdoe"}', rb'"UserName":"EXAMPLE\\jdoe"', "unescaped backslash"),
        (rb'"UserName":"EXAMPLE\ulrich"}', rb'"UserName":"EXAMPLE\\ulrich"', "unescaped backslash"),
        (rb'"UserName":"EXAMPLE\u00g0"}', rb'"UserName":"EXAMPLE\\u00g0"', "unescaped backslash"),
        (rb'"A":"C:\Xy\\ok\"", "B":"\z"}', rb'"A":"C:\\Xy\\ok\"", "B":"\\z"', "unescaped backslash"),
        (b'"A":"x\\\x01"}', rb'"A":"x\\\u0001"', "unescaped backslash, illegal characters"),
        (b'"A":"x\ty"}', rb'"A":"x\u0009y"', "illegal characters"),
        (b'"A":"x\ny"}', rb'"A":"x\u000ay"', "illegal characters"),
        (b'"A":"x\ry",\n"B":1}', b'"A":"x\\u000dy",\n"B":1', "illegal characters"),
        (b'"Pct":nan}', b'"Pct":"nan"', "not a number"),
        (b'"Pct":-nan, "B":1}', b'"Pct":"-nan", "B":1', "not a number"),
        (b'"Pct": NaN , "B":1}', b'"Pct": "NaN" , "B":1', "not a number"),
        (b'"Pct":-Infinity, "Q":inf}', b'"Pct":"-Infinity", "Q":"inf"', "not a number"),
        (
            rb'"A":":nan,", "Pct":nan, "U":"E\j"}',
            rb'"A":":nan,", "Pct":"nan", "U":"E\\j"',
            "not a number, unescaped backslash",
        ),
    ],
)
def test_what_can_be_repaired_without_a_guess_is_repaired_and_marked(rest: bytes, repaired: bytes, problem: str):
    payload = BEGIN + rest
    mended, problems = repair.mend(payload)
    assert ", ".join(problems) == problem
    assert mended == BEGIN + repaired + f', "estreamer_problem":"{problem}"}}'.encode()
    assert json.loads(mended)["InitiatorBytes"] == 840


@pytest.mark.parametrize(
    "rest",
    [
        b'"URL":"http://a.example/?q="x""}',
        b'"URL":"a"b"}',
        b'"A":1}{"B":2}',
        b'"A":1}, {"B":2}',
        b'"A":1},',
        rb'"UserName":"EXAMPLE\", "A":1}',
        b'"A":nanx}',
        b'"A":None}',
        b'"A":}',
        b'"A":1,}',
        b'"A":01}',
        b'"A" 1}',
        b"nan:1}",
        b'"A":{"B":1}',
    ],
)
def test_what_only_a_guess_would_repair_is_delivered_as_text(rest: bytes):
    mended, problems = repair.mend(BEGIN + rest)
    assert problems == ("not JSON",)
    held = json.loads(mended)
    assert held["EventType"] == "ConnectionEvent"
    assert held["FirstPacketSecond"] == 1763600000
    assert held["estreamer_payload"] == (BEGIN + rest).decode()


@pytest.mark.parametrize("text", [r"EXAMPLE\bob", r"EXAMPLE\ned", r"EXAMPLE\frank", r"EXAMPLE\rose", r"EXAMPLE\tom"])
def test_a_backslash_that_makes_an_escape_cannot_be_told_from_one_that_was_meant_as_text(text: str):
    payload = BEGIN + b'"UserName":"' + text.encode() + b'"}'
    assert repair.mend(payload) == (payload, ())


def test_a_number_of_any_length_is_json():
    payload = BEGIN + b'"A":' + b"7" * 9000 + b', "B":1e999, "C":-0.5E-7}'
    assert repair.mend(payload) == (payload, ())
    assert repair.Inspector().unsound([payload]) == []


def test_what_is_wrapped_has_the_kind_that_its_record_type_tells():
    mended, _ = repair.mend(b'{"FirstPacketSecond":7, "A":', 71)
    assert json.loads(mended)["EventType"] == "ConnectionEvent"
    assert json.loads(mended)["FirstPacketSecond"] == 7
    mended, _ = repair.mend(b'{"EventType":"ConnectionEvent", "FirstPacketSecond":7, "LastPacketSecond":9, "A":')
    assert json.loads(mended)["LastPacketSecond"] == 9


@given(st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=30))
def test_a_repaired_value_is_the_text_that_was_sent(text: str):
    """Wherever no backslash could have been meant as the beginning of an escape."""
    text = re.sub(r'\\+(?=["\\/bfnrtu]|\Z)', "", text)
    payload = BEGIN + b'"UserName":"' + text.encode() + b'"}'
    mended, problems = repair.mend(payload)
    assert json.loads(mended)["UserName"] == text
    assert bool(problems) == bool(re.search("[\\\\\x00-\x1f\ufffe\uffff]", text))


HUGE = 100_000
ADVERSARIAL = {
    "escaped quotes without end": b'{"A":"' + b'\\"' * (HUGE // 2),
    "escaped quotes with an end": b'{"A":"' + b'\\"' * (HUGE // 2) + b'"}',
    "backslashes without end": b'{"A":"' + b"\\" * HUGE,
    "quotes": b"{" + b'"' * HUGE + b"}",
    "quotes that are no names": b"{" + b'"A":"' * (HUGE // 5) + b"}",
    "names without values": b"{" + b'"EventType", "LastPacketSecond" ' * (HUGE // 32) + b"}",
    "blanks before names": b'{"A":1' + b" " * (HUGE // 2) + b'"EventSecond"' + b" " * (HUGE // 2) + b"}",
    "digits": b'{"FirstPacketSecond":' + b"0" * HUGE + b"x}",
    "what is no number": b"{" + b'"A":nan, ' * (HUGE // 9) + b"x}",
    "blanks after colons": b'{"A":' + b" :" * (HUGE // 2) + b"nan}",
    "members": b"{" + b'"A":1, ' * (HUGE // 7) + b"x}",
    "braces": b"{" * HUGE + b"}",
    "control characters": b'{"A":"' + b"\x01" * (HUGE // 6) + b'"}',
}


@pytest.mark.parametrize("case", ADVERSARIAL)
def test_whatever_a_payload_holds_takes_time_that_grows_with_its_length_only(case: str):
    """What grows with the square would take hours."""
    payload = ADVERSARIAL[case]
    begun = time.process_time()
    facts.describe(payload, 71)
    facts.identity(payload, "ConnectionEvent")
    places = repair.Inspector().unsound([payload])
    mended, problems = repair.mend(payload, 71)
    assert time.process_time() - begun < 30
    assert places == ([0] if problems else [])
    assert isinstance(json.loads(mended), dict) or case == "braces"


def payloads_of(count: int) -> list[bytes]:
    return [record.payload for record in EventGenerator(seed=5).events(0, count)]


def is_json(payload: bytes) -> bool:
    """Whether a payload is a JSON object by the word of the standard: told apart from the code under test."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(payload.decode("utf-8"), parse_constant=refuse), dict)
    except ValueError:
        return False


def used(events_before: int = repair.FIRST) -> repair.Inspector:
    """An inspector that does not look at each event in full, since all came within a moment."""
    inspector = repair.Inspector(Clock(monotonic=lambda: 0.0))
    sound = payloads_of(64)
    for _ in range(-(-events_before // len(sound))):
        assert inspector.unsound(sound) == []
    return inspector


PIECES = (
    "{",
    "}",
    '"',
    ":",
    ": ",
    ",",
    ", ",
    "a",
    "\\",
    '\\"',
    "\\n",
    "\\u00e9",
    "\\\\",
    "7",
    "-0",
    '"a":',
    '"b"',
    "{}",
    "nan",
    "é",
    " ",
)


@given(
    st.lists(st.sampled_from(PIECES), max_size=12),
    st.sampled_from(("%s", '{"a":"%s"}', '{"a": "%s", "b": 7}', '{"a":%s}')),
)
def test_a_payload_is_sound_when_it_is_a_json_object(pieces: list[str], around: str):
    payload = (around % "".join(pieces)).encode()
    assert repair._is_sound(payload) == is_json(payload)


AT_ONCE = {
    "a control character": lambda text: text.replace(b"default", b"de\x02fault"),
    "a tab": lambda text: text.replace(b"default", b"de\tfault"),
    "a line end": lambda text: text.replace(b"default", b"de\nfault"),
    "a carriage return": lambda text: text.replace(b"default", b"de\rfault"),
    "no UTF-8": lambda text: text.replace(b"default", b"de\xffault"),
    "a character that XML forbids": lambda text: text.replace(b"default", b"de\xef\xbf\xbefault"),
    "a backslash": lambda text: text.replace(b"default", rb"EXAMPLE\jdoe"),
    "a backslash before u": lambda text: text.replace(b"default", rb"EXAMPLE\ulrich"),
    "a backslash at the end of a value": lambda text: text.replace(b'default"', rb"EXAMPLE\""),
    "a backslash among many escapes": lambda text: text.replace(b"default", rb"\\" * 200 + rb"\d"),
    "two objects": lambda text: text + text,
    "two objects with a comma": lambda text: text + b", " + text,
    "an object begun in a value": lambda text: text.replace(b'"default"', b'{"default"'),
}


@pytest.mark.parametrize("kind", AT_ONCE)
@pytest.mark.parametrize("place", [0, 17, 149])
def test_what_bytes_show_is_found_at_once_among_many(kind: str, place: int):
    payloads = payloads_of(150)
    payloads[place] = AT_ONCE[kind](payloads_of(1)[0])
    assert not is_json(payloads[place]) or "XML" in kind
    assert used().unsound(payloads) == [place]


NEEDS_A_FULL_LOOK = {
    "a quote": lambda text: text.replace(b"default", b'de"fault'),
    "two quotes": lambda text: text.replace(b"default", b'd"efaul"t'),
    "nan": lambda text: re.sub(rb'("ResponderBytes":)\d+', rb"\1nan", text),
    "Infinity": lambda text: re.sub(rb'("ResponderBytes":)\d+', rb"\1-Infinity", text),
    "no value": lambda text: re.sub(rb'("ResponderBytes":)\d+', rb"\1", text),
    "no colon": lambda text: text.replace(b'"ResponderBytes":', b'"ResponderBytes"'),
    "no comma": lambda text: text.replace(b', "ResponderBytes"', b' "ResponderBytes"'),
    "a comma at the end": lambda text: text[:-1] + b",}",
    "a brace too many": lambda text: text + b"}",
}


@pytest.mark.parametrize("kind", NEEDS_A_FULL_LOOK)
def test_what_only_a_full_look_shows_is_found_after_a_connection_was_made(kind: str):
    payloads = payloads_of(150)
    payloads[77] = NEEDS_A_FULL_LOOK[kind](payloads_of(1)[0])
    assert not is_json(payloads[77])
    assert repair.Inspector().unsound(payloads) == [77]
    inspector = used()
    inspector.begin()
    assert inspector.unsound(payloads) == [77]


@pytest.mark.parametrize("kind", NEEDS_A_FULL_LOOK)
def test_on_a_quiet_link_what_only_a_full_look_shows_is_found_at_once(kind: str):
    assert used().unsound([NEEDS_A_FULL_LOOK[kind](payloads_of(1)[0])]) == [0]


def test_on_a_busy_link_one_of_128_events_gets_a_full_look_and_a_find_makes_all_that_follow_get_one():
    broken = NEEDS_A_FULL_LOOK["two quotes"](payloads_of(1)[0])
    batch = payloads_of(150)
    batch[40] = broken
    inspector = used()
    found = [inspector.unsound(batch) for _ in range(repair.SHARE)]
    first = found.index([40])
    assert found == [[]] * first + [[40]] * (repair.SHARE - first)


def test_on_a_link_of_up_to_20000_events_a_second_every_event_gets_a_full_look():
    seconds = itertools.count()
    inspector = repair.Inspector(Clock(monotonic=lambda: next(seconds) / 400))
    for _ in range(1000):
        assert list(inspector._in_turn(50)) == list(range(50))


def test_a_link_that_was_quiet_for_hours_gets_no_more_full_looks_than_one_second_allows():
    hand = Hand(0.0)
    inspector = repair.Inspector(hand.clock)
    for _ in range(2):
        hand.now += 10_000.0
        looks = [len(list(inspector._in_turn(50))) for _ in range(1000)]
        assert sum(looks) <= repair.FIRST + repair.EACH_SECOND + 50 + 1000
        assert looks[0] == 50
        assert looks[-1] == 1


def test_every_place_of_a_batch_has_its_turn():
    inspector = used()
    turns = Counter(place for _ in range(repair.SHARE) for place in inspector._in_turn(150))
    assert turns == dict.fromkeys(range(150), 1)


def test_after_a_while_without_a_find_only_a_share_is_looked_at_again():
    inspector = used()
    assert inspector.unsound([NEEDS_A_FULL_LOOK["nan"](payloads_of(1)[0])]) == [0]
    batch = payloads_of(100)
    for _ in range(repair.AFTER_A_FIND // 100):
        assert list(inspector._in_turn(100)) == list(range(100))
    assert inspector.unsound(batch) == []
    assert len(list(inspector._in_turn(100))) < 3


def test_characters_that_are_found_at_once_do_not_make_all_that_follows_get_a_full_look():
    """Whoever chooses a URL chooses such characters, and would make every event cost more."""
    inspector = used()
    assert inspector.unsound([*payloads_of(99), AT_ONCE["a tab"](payloads_of(1)[0])]) == [99]
    assert len(list(inspector._in_turn(100))) < 3


def test_ordinary_events_and_what_was_repaired_are_sound():
    inspector = repair.Inspector()
    assert inspector.unsound([]) == []
    assert inspector.unsound(payloads_of(500)) == []
    shapes = [
        b'{"FileEvent": {"EventSecond":1}}',
        b"{}",
        b'{"A":"{x}", "B":"\\u00e9\\\\ \\" \\/"}',
        '{"A":"é", "B":[1, null, true, 1.5e3]}'.encode(),
        b'{"A":' * 10_000 + b"1" + b"}" * 10_000,
        *(repair.mend(payload)[0] for payload in ADVERSARIAL.values()),
    ]
    assert [place for place in inspector.unsound(shapes) if repair.mend(shapes[place])[1]] == []


STRUCTURE = b'"\\{}[]:,'


def broken_at_random(payload: bytes, rng: random.Random) -> bytes:
    """Return a payload with one structural byte or token taken out, put in or replaced, anywhere."""
    place = rng.choice([match.start() for match in re.finditer(rb'["\\{}\[\]:,]', payload)])
    inserted = rng.choice([bytes((rng.choice(STRUCTURE),)), b"nan", b"\t", b"\n", b"\x01", b"\xff", b'"x"', b"{}"])
    how = rng.randrange(4)
    if how == 0:
        return payload[:place] + payload[place + 1 :]
    if how == 1:
        return payload[:place] + inserted + payload[place + 1 :]
    if how == 2:
        anywhere = rng.randrange(1, len(payload))
        return payload[:anywhere] + inserted + payload[anywhere:]
    return payload[:place] + rng.choice((b":nan", b'""', b"\\", b"}{", b", {")) + payload[place:]


def test_a_full_look_finds_all_events_that_are_broken_at_a_random_place_and_no_others():
    rng = random.Random(19)
    sound = payloads_of(200)
    mutants = [broken_at_random(rng.choice(sound), rng) for _ in range(4000)]
    mutants = [mutant for mutant in mutants if mutant.startswith(b"{") and mutant.endswith(b"}")]
    expected = [
        place for place, mutant in enumerate(mutants) if not is_json(mutant) or repair.legal_text(mutant) is None
    ]
    found = [place for place in repair.Inspector().unsound(mutants) if repair.mend(mutants[place])[1]]
    assert found == expected
    assert len(expected) > 2000
    repaired = [repair.mend(mutants[place]) for place in expected]
    assert all(is_json(mended) and repair.mend(mended) == (mended, ()) for mended, _ in repaired)
