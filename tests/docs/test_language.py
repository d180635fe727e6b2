"""Texts for users and developers are in plain words: no words that readers had to guess at, and American spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from standins.places import ROOT

from . import user_texts
from .user_texts import SOURCES, Text, docstrings_and_comments

_TAKE = r"(?:take|takes|taken|took|taking)"
_OBJECT = r"(?: (?:an?|the|its?|this|that|these|those|them|one|`code`))*(?: \w+)?"
INSTEAD = {
    r"anew": "again; reconnect; retry",
    r"(?:tell|tells|telling|told)": "shows; reports; is set",
    r"whole": "complete",
    r"mend(?:s|ed|ing)?": "repair",
    r"beside": "in addition to; next to",
    r"(?:come|comes|came|coming)": "arrives; is received",
    rf"{_TAKE}{_OBJECT} for": "treated as",
    r"there (?:is|are|was|were) (?:no|none)": "not found",
    r"(?:is|are|was|were) (?:no(?! longer)|none)": "is not",
    r"right for most": "recommended",
    r"rooms?": "space; module",
    r"houses?": "package",
    r"(?:that|those) which|of (?:those|that|it) (?:that|which|what)|what (?:had|has|have) not": "a noun",
    r"what \w+(?: \w+){0,3} of (?:it|them|that)": "a noun",
    rf"{_TAKE}(?: in)? nothing": "is blocked; back-pressure",
    r"licences?": "license",
    r"colou(?:r|rs|red)|behaviou\w+|favou\w+|honou\w+|neighbou\w+": "-or",
    r"\w+(?:ognis|rganis|ormalis|ummaris|inimis|nitialis|erialis|uthoris|ynchronis)(?:e|es|ed|ing|ation)": "-ize",
    r"catalogues?|centres?|metres?|grey|whilst|artefacts?|defence|analys(?:ed|ing)": "American spelling",
    r"(?:cancell|labell|modell|travell)(?:ed|ing)": "one l",
}
"""Patterns of complete words, in any case, and what to write instead."""

ALLOWED = {
    r"whole numbers?": "a term of mathematics",
    r"(?:come|comes|came) from": "an origin, not an arrival",
}
"""Phrases that the patterns do not mean, each with the reason."""

ALLOWED_IN_CODE = {**ALLOWED, r"(?:is|are|was|were) (?-i:None)": "the value None of Python"}
"""The same for docstrings and comments."""

PLAIN_CODE = ("bench", "bin", "standins", "tools")
"""Folders whose docstrings and comments are in plain words."""

_WORDS = re.compile("|".join(rf"(?P<w{n}>\b(?:{pattern})\b)" for n, pattern in enumerate(INSTEAD)), re.IGNORECASE)


def faults(texts: Iterable[Text], allowed: Mapping[str, str] = ALLOWED) -> Iterator[str]:
    """Yield a sentence for each word that stands in a text and should not."""
    advice = tuple(INSTEAD.values())
    excused = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in allowed), re.IGNORECASE)
    for place, text in texts:
        for found in _WORDS.finditer(excused.sub("…", text)):
            instead = advice[int((found.lastgroup or "w0")[1:])]
            yield f"{place}: {found[0]!r}, write: {instead}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.__name__))
def test_texts_that_users_read_are_in_plain_words(source: Callable[[Path], Iterator[Text]]) -> None:
    assert list(faults(source(ROOT))) == []


@pytest.mark.parametrize("place", PLAIN_CODE)
def test_docstrings_and_comments_are_in_plain_words(place: str) -> None:
    texts = list(docstrings_and_comments(ROOT, place))
    assert texts
    assert list(faults(texts, ALLOWED_IN_CODE)) == []


PLANTED = {
    "The file is made anew.": "anew",
    "The page tells the state.": "tells",
    "The splunkd was told to stop.": "told",
    "A whole bundle.": "whole",
    "The bookmark was mended.": "mended",
    "Beside the parameters": "Beside",
    "An event came twice.": "came",
    "Events that come late.": "come",
    "A bookmark is never taken for a log.": "taken for",
    "Splunk takes these words for fields.": "takes these words for",
    "There is none.": "There is none",
    "This is no PKCS#12 file.": "is no",
    "Right for most.": "Right for most",
    "Make room.": "room",
    "The house of it": "house",
    "Of those that were sent": "Of those that",
    "What had not settled": "What had not",
    "What Splunk keeps of them": "What Splunk keeps of them",
    "The server takes nothing.": "takes nothing",
    "Licence volume": "Licence",
    "Colours and behaviour": "Colours",
    "It is recognised.": "recognised",
    "The catalogue": "catalogue",
    "The search was cancelled.": "cancelled",
}


@pytest.mark.parametrize(("sentence", "word"), PLANTED.items(), ids=PLANTED)
def test_a_planted_word_is_found(sentence: str, word: str) -> None:
    found = list(faults([Text("page", sentence)]))
    assert found[0].startswith(f"page: {word!r}, write: ")


def test_every_pattern_has_a_planted_word() -> None:
    planted = {found.rpartition("write: ")[2] for text in PLANTED for found in faults([Text("", text)])}
    assert planted == set(INSTEAD.values())


@pytest.mark.parametrize("phrase", ALLOWED, ids=ALLOWED.values())
def test_every_exception_is_needed(phrase: str) -> None:
    assert any(_WORDS.search(one) for one in _used(phrase, (text for source in SOURCES for text in source(ROOT))))


@pytest.mark.parametrize("phrase", ALLOWED_IN_CODE, ids=ALLOWED_IN_CODE.values())
def test_every_exception_for_code_is_needed(phrase: str) -> None:
    texts = (text for place in PLAIN_CODE for text in docstrings_and_comments(ROOT, place))
    assert any(_WORDS.search(one) for one in _used(phrase, texts))


def _used(phrase: str, texts: Iterable[Text]) -> list[str]:
    return [found[0] for text in texts for found in re.finditer(rf"\b(?:{phrase})\b", text.text, re.IGNORECASE)]


@pytest.mark.parametrize(("sentence", "words"), {"It is None without one.": [], "It is none.": ["is none"]}.items())
def test_only_the_value_none_of_python_is_allowed_in_code(sentence: str, words: list[str]) -> None:
    found = [fault.split("'")[1] for fault in faults([Text("module", sentence)], ALLOWED_IN_CODE)]
    assert found == words


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A tree with the word `anew` once in each kind of text, and in places that are not shown to users."""
    definition = {"title": "title anew", "query": 'search anew="query anew"', "url": "/anew?q=%22link%20anew%22"}
    files = {
        "README.md": "readme anew\n\n    code anew\n\n`code anew`\n",
        "CHANGELOG.md": "```\ncode anew\n```\nchangelog anew\n",
        "SECURITY.md": "security anew\n",
        "docs/page.md": "page anew\n",
        "docs/development.md": "developers anew\n",
        "docs/decisions/0001.md": "developers anew\n",
        "docs/flow.svg": '<svg aria-label="drawing anew"><text x="1">caption anew</text></svg>',
        "globalConfig.json": json.dumps({"help": ["help anew"]}),
        "app.manifest": "{}",
        "bin/estreamer/events/catalog.json": "{}",
        "default/data/ui/views/view.xml": f"<label>label anew</label><![CDATA[{json.dumps(definition)}]]>",
        "default/macros.conf": '# comment anew\ndescription = macro anew\ndefinition = anew="literal anew"\n',
        "README/inputs.conf.spec": "* spec anew\n",
        "appserver/static/js/build/custom/form.js": "// comment anew\nanew('script anew', `template anew`);\n",
        "bin/module.py": '"""docstring anew"""\nraise Problem("anew", f"message anew {anew}")\n',
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def test_every_kind_of_text_is_read_and_nothing_else(planted: Path) -> None:
    texts = [text for source in SOURCES for text in source(planted)]
    kinds = [word for text in texts for word in re.findall(r"(\w+) anew", text.text)]
    pages = ["readme", "changelog", "security", "page", "drawing", "caption"]
    shown = [
        "help",
        "label",
        "title",
        "query",
        "link",
        "spec",
        "comment",
        "macro",
        "literal",
        "script",
        "template",
        "message",
    ]
    assert kinds == [*pages, *shown]
    assert len(list(faults(texts))) == len(kinds)


PLANTED_CODE = '''"""Module anew.

    code anew

Usage anew.
"""
import anew  # import anew

# line anew
VALUE = "string anew"
"""Constant
anew, not `code anew`."""


class Anew:
    """Class anew."""

    def anew(self, anew="default anew"):
        """Method anew.

        Paragraph anew: ``code anew``.
        """
        call("# string anew", f"string anew {anew}")
        return """string anew"""  # end anew, `code anew`
'''


@pytest.mark.parametrize("place", ["folder", "folder/package/module.py"])
def test_docstrings_and_comments_are_read_and_no_other_string(tmp_path: Path, place: str) -> None:
    module = tmp_path / "folder" / "package" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(PLANTED_CODE, encoding="utf-8")
    texts = list(docstrings_and_comments(tmp_path, place))
    kinds = [word for text in texts for word in re.findall(r"(\w+) anew", text.text)]
    assert sorted(kinds) == ["Class", "Constant", "Method", "Module", "Paragraph", "Usage", "end", "import", "line"]
    assert len(list(faults(texts))) == len(kinds)
    lines = {int(text.place.rpartition(":")[2]) for text in texts}
    assert lines == {1, 7, 9, 11, 16, 19, 24}


def test_the_place_of_a_text_leads_to_it() -> None:
    found = next(text for text in user_texts.code(ROOT) if text.place.startswith("bin/estreamer/causes.py"))
    path, _, line = found.place.partition(":")
    assert found.text in (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
