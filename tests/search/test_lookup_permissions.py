"""A table of values that a user has changed: with which permissions others search with it (docs/lookups.md)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from standins.places import ROOT
from standins.search import Knowledge, KnowledgeError
from standins.search.snippets import snippet
from tests.search.case import connection, found

TABLE = "my_direction.csv"
ROWS = "ingress_zone,egress_zone,direction\noffice,internet,outbound\n"
RAW = connection(IngressZone="office", EgressZone="internet")
OTHER = "search"


def changed(addon: Path, folder: Path, meta: str = "") -> tuple[Path, Path]:
    """Return a copy of the add-on with a table of a user's, as the page says, and another app to search in."""
    own, other = folder / addon.name, folder / OTHER
    for name in ("default", "lookups", "metadata"):
        shutil.copytree(addon / name, own / name)
    (own / "local").mkdir()
    (own / "local" / "transforms.conf").write_text(snippet("lookups.md", "By files"), encoding="utf-8")
    (own / "lookups" / TABLE).write_text(ROWS, encoding="utf-8")
    if meta:
        (own / "metadata" / "local.meta").write_text(meta, encoding="utf-8")
    (other / "default").mkdir(parents=True)
    return own, other


def direction(apps: tuple[Path, Path], current: str) -> object:
    """Return what a search in an app finds."""
    return found(Knowledge.read(*apps, current=current), RAW).fields.get("direction")


def test_a_table_that_lies_in_the_addon_is_for_every_app(addon: Path, tmp_path: Path) -> None:
    apps = changed(addon, tmp_path)
    assert [direction(apps, app.name) for app in apps] == ["outbound", "outbound"]


def test_without_the_table_the_value_is_not_known(knowledge: Knowledge) -> None:
    assert found(knowledge, RAW).fields.get("direction") != "outbound"


def test_a_table_that_is_shared_with_all_apps_is_for_every_app(addon: Path, tmp_path: Path) -> None:
    apps = changed(addon, tmp_path, f"[lookups/{TABLE}]\naccess = read : [ * ], write : [ admin ]\nexport = system\n")
    assert [direction(apps, app.name) for app in apps] == ["outbound", "outbound"]


def test_a_table_that_is_shared_with_the_addon_only_is_missing_in_every_other_app(addon: Path, tmp_path: Path) -> None:
    own, other = changed(addon, tmp_path, f"[lookups/{TABLE}]\nexport = none\n")
    assert direction((own, other), own.name) == "outbound"
    with pytest.raises(KnowledgeError, match=TABLE):
        direction((own, other), other.name)


@pytest.mark.parametrize("kind", ["lookups", "transforms", "props"])
def test_what_a_lookup_needs_is_shared_with_all_apps_and_readable_for_everybody(addon: Path, kind: str) -> None:
    stanzas = (addon / "metadata/default.meta").read_text(encoding="utf-8").split("\n[")
    assert any(one.startswith(f"{kind}]\nexport = system") for one in stanzas)
    (general,) = [one for one in stanzas if one.startswith("]\n")]
    assert "access = read : [ * ], write : [ admin, sc_admin ]" in general
    assert not any(one.startswith(f"{kind}/") for one in stanzas)


def test_an_upgrade_does_not_touch_a_table_with_a_name_of_its_own(addon: Path) -> None:
    assert all(path.name.startswith("sfw_") for path in (addon / "lookups").iterdir())
    assert not TABLE.startswith("sfw_")
    assert TABLE in (ROOT / "docs/lookups.md").read_text(encoding="utf-8")
