"""Records that are not as the tables say: newer blocks, wrong numbers, other forms, bytes left over."""

from __future__ import annotations

import struct
from random import Random

import pytest
from estreamer.protocol.classic.reading import Block
from estreamer.protocol.classic.records import decode

from standins.fmc.classic_records import LIST_NUMBERS, Made, Variety, as_block, encoded, layouts, wrapped
from tests.protocol.classic.forms import body_of, made_of

HEADER = struct.Struct(">I4s6sBBIIIIII")


def header(address: bytes = bytes(16), flag: int = 1) -> bytes:
    return HEADER.pack(3, bytes(4), bytes(6), flag, 0, 0, 0, 1003, 1, 9, 9) + address


def connection(number: int, seed: int = 1) -> Made:
    made = Variety(Random(seed)).container(f"B1.{number}")
    made.values["client_app_url"] = b"https://example.com/"
    return made


def block_of(body: bytes, record: int = 71) -> Block:
    content = decode(record, body).content
    assert content is not None
    found = content.values[-1]
    assert isinstance(found, Block)
    return found


def test_a_newer_block_that_only_appends_gives_all_up_to_its_last_text():
    made = connection(174)
    decoded = decode(71, header() + wrapped(180, encoded(made) + b"new!"))
    assert decoded.content is not None
    assert made_of(decoded.content.values[-1]) == made
    assert decoded.partial
    assert decoded.block_number == 180
    assert decoded.notes == [("unknown block", "B1.180"), ("bytes left over", "B1.174")]
    assert decoded.undecoded() == b"new!"


def test_a_newer_block_that_fits_the_newest_layout_is_partial_all_the_same():
    decoded = decode(400, wrapped(90, encoded(Variety(Random(3)).container("B2.85"))))
    assert (decoded.partial, decoded.undecoded()) == (True, b"")


def test_a_newer_block_with_a_field_put_in_gives_what_is_before_the_last_good_text():
    made = connection(174)
    wire = b""
    for name, _ in layouts()["B1.174"]:
        wire += b"\7\7" * (name == "vlan_id") + encoded(Made("B1.174", {name: made.values[name]}))
        if name == "client_application_version":
            passed = len(wire)
    found = block_of(header() + wrapped(180, wire))
    assert list(found.as_dict()) == [name for name, _ in layouts()["B1.174"]][: len(found.values)]
    assert found.layout.fields[len(found.values) - 1] == "client_application_version"
    decoded = decode(71, header() + wrapped(180, wire))
    assert decoded.undecoded() == wire[passed:]


@pytest.mark.parametrize(
    ("record", "block", "number", "last"),
    [(71, "B1.174", 180, "responder_ip_address"), (400, "B2.85", 86, "destination_ip_address")],
)
def test_a_newer_block_without_a_good_text_gives_the_stable_head(record: int, block: str, number: int, last: str):
    made = Variety(Random(4)).container(block)
    names = [name for name, _ in layouts()[block]]
    head = encoded(Made(block, {name: made.values[name] for name in names[: names.index(last) + 1]}))
    body = (header() if record == 71 else b"") + wrapped(number, head + b"\xff" * 900)
    decoded = decode(record, body)
    assert decoded.content is not None
    values = decoded.content.values[-1].as_dict()
    assert values == {name: made.values[name] for name in names[: names.index(last) + 1]}
    assert decoded.undecoded() == b"\xff" * 900


def test_a_newer_block_of_fixed_fields_alone_is_not_believed():
    decoded = decode(34, header() + wrapped(15, b"\0\1\2\3\4"))
    assert decoded.content is not None
    assert (decoded.content.values[-1].values, decoded.undecoded()) == ([], b"\0\1\2\3\4")


def test_a_known_block_with_a_wrong_number_where_a_text_is_due_stops_at_the_last_good_text():
    made = connection(160)
    body = bytearray(header() + as_block(made))
    at = bytes(body).index(struct.pack(">II", 0, len(made.values["referenced_host"]) + 8), 56 + 8 + 217 + 40)
    del made.values["referenced_host"]
    body[at : at + 4] = struct.pack(">I", 99)
    decoded = decode(71, bytes(body))
    assert decoded.partial
    assert ("wrong layout", "B1.160") in decoded.notes


def test_bytes_behind_a_known_block_are_left_over_and_the_event_is_complete():
    made = connection(160)
    decoded = decode(71, header() + as_block(made) + b"tail")
    assert (decoded.partial, decoded.undecoded(), decoded.notes) == (
        False,
        b"tail",
        [("bytes left over", "B1.160")],
    )
    decoded = decode(71, header() + wrapped(160, encoded(made) + b"more") + b"tail")
    assert (decoded.partial, decoded.undecoded()) == (False, b"moretail")


def test_a_body_that_ends_early_keeps_its_last_complete_field():
    made = connection(160)
    body = header() + as_block(made)
    decoded = decode(71, body[: 56 + 8 + 22])
    assert decoded.content is not None
    found = decoded.content.values[-1]
    assert found.as_dict() == {name: made.values[name] for name in ("device_id", "ingress_zone")}
    assert (decoded.partial, decoded.undecoded(), decoded.notes) == (True, body[84:86], [("truncated", "B1.160")])


@pytest.mark.parametrize("flag", [1, 2, 255])
def test_any_flag_but_zero_means_that_an_address_follows(flag: int):
    made = connection(160)
    assert made_of(block_of(header(flag=flag) + as_block(made))) == made


def test_the_flag_is_not_believed_if_a_block_follows_only_the_other_way_round():
    made = connection(160)
    assert made_of(block_of(header(flag=0) + as_block(made))) == made
    assert made_of(block_of(header(b"", flag=1) + as_block(made))) == made
    content = decode(14, header(b"", flag=1) + b"\6").content
    assert content is not None
    assert content.values[1:] == [6]


def test_a_changed_address_has_four_or_sixteen_bytes():
    for flag, behind in ((1, bytes(16)), (0, b"")):
        for address in (b"\x0a\0\0\1", bytes(15) + b"\1"):
            content = decode(29, header(behind, flag) + address).content
            assert content is not None
            assert content.values[1:] == [address]


@pytest.mark.parametrize("name", ["B1.112", "B1.150", "B1.159", "B1.165"])
def test_a_block_of_which_a_shorter_form_was_read_is_read_in_both(name: str):
    for seed in range(20):
        for form in (name, name + "@short"):
            made = Variety(Random(seed)).container(form)
            if name == "B1.112":
                found = decode(10, header() + as_block(host_with(made))).content
                assert found is not None
                assert [made_of(one) for one in found.values[-1].get("client_applications")] == [made]
            else:
                found = decode(160 if name == "B1.150" else 95, header() + as_block(made)).content
                assert found is not None
                assert made_of(found.values[-1]) == made


def host_with(application: Made) -> Made:
    host = Variety(Random(0), members=0).container("B1.139")
    host.values["client_applications"] = [application]
    return host


@pytest.mark.parametrize("number", sorted(set(LIST_NUMBERS.values())))
def test_lists_are_read_under_each_of_their_numbers(number: int):
    members = as_block(Made("B1.123", {"application_id": 7}))
    body = header() + wrapped(122, bytes(16) + wrapped(0, b"") + wrapped(number, members))
    found = block_of(body, 15)
    assert made_of(found.get("web_applications")) == [Made("B1.123", {"application_id": 7})]


def test_a_vpn_session_may_be_a_block_or_a_list_of_one():
    made = Variety(Random(8)).container("B1.167")
    names = [name for name, _ in layouts()["B1.167"]][:-1]
    session = made.values["vpn_session"]
    start = encoded(Made("B1.167", {name: made.values[name] for name in names}))
    for number in LIST_NUMBERS.values():
        assert made_of(block_of(header() + wrapped(167, start + wrapped(number, as_block(session))), 95)) == made
    assert block_of(header() + wrapped(167, start + wrapped(11, b"")), 95).get("vpn_session") == ()


def test_a_user_block_is_accepted_under_both_numbers_that_are_told_of_it():
    made = Variety(Random(8)).container("B1.158")
    for number in (158, 155):
        for record in (92, 93, 94):
            decoded = decode(record, header() + as_block(made, number))
            assert decoded.content is not None
            assert made_of(decoded.content.values[-1]) == made
            assert not decoded.partial


def test_a_number_that_is_a_connection_block_of_unknown_layout_is_partial():
    assert decode(71, header() + wrapped(155, b"\1" * 400)).partial


def test_an_unknown_member_of_a_list_is_read_by_the_layout_that_is_due_and_marked():
    member = wrapped(999, struct.pack(">I", 7))
    decoded = decode(15, header() + wrapped(122, bytes(16) + wrapped(0, b"") + wrapped(31, member)))
    assert decoded.partial
    assert ("unknown block", "B1.999") in decoded.notes


def test_metadata_is_a_block_if_its_second_word_is_its_length():
    fields = struct.pack(">III", 5, 0, 4) + b"user"
    block = as_block(Made("B2.57", {"user_id": 5, "protocol": 0, "name": b"user"}))
    for body in (fields, block):
        content = decode(98, body).content
        assert content is not None
        assert (content.get("user_id"), content.get("name")) == (5, b"user")
    content = decode(62, struct.pack(">II", 5, 4) + b"user").content
    assert content is not None
    assert content.get("name") == b"user"
    content = decode(62, block).content
    assert content is not None
    assert content.get("name") == b"user"


@pytest.mark.parametrize("record", [132, 282, 600, 115])
def test_a_block_of_metadata_may_lack_its_header(record: int):
    made = Variety(Random(record)).container("B2.14")
    for body in (encoded(made), as_block(made)):
        assert made_of(decode(record, body).content) == made


def test_a_rule_number_that_is_by_chance_the_length_of_the_body_is_no_block():
    made = Variety(Random(1)).container("R66")
    made.values.update(generator_id=1, rule_id=0)
    made.values["rule_id"] = len(encoded(made))
    assert made_of(decode(66, encoded(made)).content) == made


def test_cut_metadata_is_marked_and_gives_no_wrong_key():
    body, made = body_of(Variety(Random(5)), 115, "B2.14")
    decoded = decode(115, body[:-1])
    assert decoded.partial
    assert decoded.content is not None
    assert decoded.content.get("uuid") == made.values["uuid"]
