"""Every dashboard as it is seen, light and dark."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.places import ROOT

from . import examples
from .browser import Browser
from .views import THEMES, View, read_views

DOCS_PICTURES = ROOT / "docs" / "pictures"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", read_views().values(), ids=str)
def test_no_panel_is_empty_or_in_error(view: View, theme: str, browser: Browser) -> None:
    seen = browser.render(view, theme, examples.TOKENS.get(view.name))
    assert seen.errors == ()
    assert [answer for answer in seen.answers if answer.problem or not answer.rows] == []
    assert {one.name: one.fault for one in seen.panels if one.fault} == {}
    if os.environ.get("ESTREAMER_PICTURES") == "1" and theme == "light":
        DOCS_PICTURES.mkdir(exist_ok=True)
        shutil.copyfile(seen.picture, DOCS_PICTURES / f"{view.name}.png")
