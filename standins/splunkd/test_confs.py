"""How the stand-in reads, layers and writes conf files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standins.splunkd.confs import ConfError, Confs, parse, render


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for layer in ("default", "local"):
        (tmp_path / "apps" / "ta" / layer).mkdir(parents=True)
    (tmp_path / "system" / "local").mkdir(parents=True)
    return tmp_path / "apps" / "ta"


@pytest.fixture
def confs(app: Path) -> Confs:
    return Confs(app.parent.parent)


def test_stanzas_settings_comments_and_continuations() -> None:
    text = "top = 1\n# a comment\n[a b]\nKey=x = y\nkey =  # not a comment \nlong = one \\\n  two\\\nthree\n\n[empty]\n"
    assert parse(text) == {
        "default": {"top": "1"},
        "a b": {"Key": "x = y", "key": "# not a comment", "long": "one \n  two\nthree"},
        "empty": {},
    }


def test_later_line_wins_and_stanzas_of_one_name_are_one() -> None:
    assert parse("[a]\nx = 1\ny = 1\n[a]\nx = 2\n") == {"a": {"x": "2", "y": "1"}}


@pytest.mark.parametrize("text", ["[a\nx = 1", "[a]\nnothing", "[a]\n= 1", "[]\n"])
def test_line_that_is_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfError, match="line"):
        parse(text)


plain = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_characters="=[]#\\"), min_size=1)
values = st.lists(plain, max_size=3).map("\n".join)


@given(st.dictionaries(plain, st.dictionaries(plain, values, max_size=3), max_size=3))
def test_what_is_written_is_read_the_same(stanzas: dict[str, dict[str, str]]) -> None:
    assert parse(render(stanzas)) == stanzas


@pytest.mark.parametrize("value", ["ends with \\", "a\\\nb", "a\rb", "a\0b"])
def test_value_that_would_not_be_read_the_same_is_refused(value: str) -> None:
    with pytest.raises(ConfError, match="cannot be written"):
        render({"a": {"x": value}})


@pytest.mark.parametrize("key", ["", " x", "x=y", "x\n", "[x", "#x"])
def test_key_that_would_not_be_read_the_same_is_refused(key: str) -> None:
    with pytest.raises(ConfError, match="name of a setting"):
        render({"a": {key: "1"}})


def test_local_wins_over_default_setting_by_setting(app: Path, confs: Confs) -> None:
    (app / "default" / "x.conf").write_text("[default]\nall = d\n[s]\na = d\nb = d\n[only_default]\n")
    (app / "local" / "x.conf").write_text("[s]\nb = l\nB = l\n")
    found = confs.stanzas("ta", "x")
    assert found["s"].settings == {"all": "d", "a": "d", "b": "l", "B": "l"}
    assert (found["s"].in_local, found["s"].in_default) == (True, True)
    assert (found["only_default"].in_local, found["only_default"].in_default) == (False, True)
    assert "default" not in found


def test_input_inherits_from_the_stanza_of_its_scheme(app: Path, confs: Confs) -> None:
    (app / "default" / "inputs.conf").write_text("[kind]\ninterval = 60\nsize = 1\n")
    confs.set("ta", "inputs", "kind://one", {"size": "2"})
    settings = confs.stanzas("ta", "inputs")["kind://one"].settings
    assert settings == {"host": "$decideOnStartup", "index": "default", "interval": "60", "size": "2"}


def test_change_is_written_to_local_only(app: Path, confs: Confs) -> None:
    (app / "default" / "x.conf").write_text("[s]\na = d\n")
    confs.set("ta", "x", "s", {"a": "new", "b": "two\nlines"})
    confs.set("ta", "x", "s", {"a": "newer"})
    assert (app / "default" / "x.conf").read_text() == "[s]\na = d\n"
    assert parse((app / "local" / "x.conf").read_text()) == {"s": {"a": "newer", "b": "two\nlines"}}


def test_stanza_that_ships_with_the_app_cannot_be_removed(app: Path, confs: Confs) -> None:
    (app / "default" / "x.conf").write_text("[s]\na = d\n")
    confs.set("ta", "x", "s", {"a": "l"})
    confs.set("ta", "x", "mine", {"a": "l"})
    confs.remove("ta", "x", "mine")
    with pytest.raises(ConfError, match="ships with the app"):
        confs.remove("ta", "x", "s")
    assert list(confs.stanzas("ta", "x")) == ["s"]
