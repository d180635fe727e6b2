"""The request document, and the names in it."""

from __future__ import annotations

import json

import pytest
from estreamer.errors import Problem
from estreamer.protocol import fully_qualified


def test_document_for_all_types_equals_the_sample_of_the_guide():
    sample = {
        "Events": {
            name: {"FieldSetDef": {"OutputFieldSet": sets}, "Fields": ["OutputFieldSet"]}
            for name, sets in {
                "ConnectionEvent": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"],
                "IntrusionEvent": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet", "Impact"],
                "IntrusionPacket": ["HeaderFieldSet", "DetailFieldSet"],
                "FileEvent": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"],
            }.items()
        },
        "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"},
    }
    assert json.loads(fully_qualified.document(fully_qualified.DEFAULT_FIELDS)) == sample


def test_a_type_left_out_is_not_asked_for():
    asked = json.loads(fully_qualified.document({"FileEvent": ("FileName",)}))
    assert asked["Events"] == {
        "FileEvent": {"FieldSetDef": {"OutputFieldSet": ["FileName"]}, "Fields": ["OutputFieldSet"]}
    }


def test_document_has_no_nul_and_is_ascii():
    document = fully_qualified.document(fully_qualified.DEFAULT_FIELDS)
    assert document.isascii()
    assert b"\0" not in document


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "event_types_empty"), ({"DnsEvent": ("A",)}, "event_type_unknown"), ({"FileEvent": ()}, "fields_empty")],
)
def test_document_refuses_what_cannot_be_asked_for(fields: dict[str, tuple[str, ...]], code: str):
    with pytest.raises(Problem) as caught:
        fully_qualified.document(fields)
    assert caught.value.code == code


def test_names_may_mix_field_sets_and_fields_and_each_counts_once():
    text = " HeaderFieldSet, URL ,,AC_RuleAction,\nURL"
    assert fully_qualified.parse_names("connection_fields", text) == ("HeaderFieldSet", "URL", "AC_RuleAction")


@pytest.mark.parametrize("name", ["a b", '"x"', "1st", "x;y", "é", "A" * 129, "{}"])
def test_what_cannot_be_a_name_is_refused_with_the_parameter_and_the_name(name: str):
    with pytest.raises(Problem) as caught:
        fully_qualified.parse_names("file_fields", f"URL,{name}")
    assert caught.value.code == "field_name_invalid"
    assert "file_fields" in caught.value.text
    assert repr(name) in caught.value.text
