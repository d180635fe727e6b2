"""Decisions can be read in their order, and the page for who contributes names what is there."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from standins.places import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
STATUS = r"(?:Proposed|Accepted|Withdrawn|Superseded by \[\d{4}\]\([\w.-]+\))"
THIRD_LINE = re.compile(rf"\*\*Date\.\*\* (\d{{4}}-\d\d-\d\d)\. \*\*Status\.\*\* {STATUS}(?:; .+)?\.")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_a_title_a_date_a_status_and_its_context(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# \S.+[^.]", lines[0])
    found = THIRD_LINE.fullmatch(lines[2])
    assert found, f"{page.name}: {lines[2]!r} is not **Date.** YYYY-MM-DD. **Status.** …"
    assert date.fromisoformat(found[1]) >= date(2026, 11, 20)
    assert any(line.startswith("**Context.**") for line in lines)


def test_each_number_is_given_once() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) > 20
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name) for page in DECISIONS)
    assert sorted(set(numbers)) == numbers


def test_a_link_to_a_decision_by_its_number_leads_to_that_number() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [
        link for page in pages for link in re.findall(r"\[(\d{4})\]\((?:[\w/]*/)?(\d{4})-", page.read_text("utf-8"))
    ]
    assert len(links) > 3
    assert [(number, target) for number, target in links if number != target] == []


def test_contributing_names_folders_and_files_that_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`([\w.-]*/[\w./-]*)`(?! \(planned\))", page)
    assert len(paths) > 40
    assert [path for path in paths if path != ".venv/" and not (ROOT / path).exists()] == []


def test_contributing_names_every_package_and_every_stand_in() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    wanted = [
        folder.relative_to(ROOT).as_posix()
        for place in (ROOT / "bin" / "estreamer", ROOT / "standins")
        for folder in place.iterdir()
        if (folder / "__init__.py").is_file()
    ]
    assert len(wanted) > 10
    assert [folder for folder in wanted if f"`{folder}/`" not in page] == []
