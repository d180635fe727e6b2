"""The version is the same wherever it stands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from standins.places import APP, ROOT

NUMBER = r"\d+\.\d+\.\d+"
PACKAGE = re.compile(rf"{APP}-({NUMBER})\.(?:spl|cdx\.json)")
HEAD = re.compile(rf"^## ({NUMBER})(?: \((\d{{4}}-\d\d-\d\d)\))?$", re.MULTILINE)
COPIED = ("app.manifest", "globalConfig.json", "CHANGELOG.md", "README.md", "CONTRIBUTING.md", "SECURITY.md")


def text_of(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def version_of(root: Path) -> str:
    """The version in its one place."""
    version: str = json.loads(text_of(root, "app.manifest"))["info"]["id"]["version"]
    return version


def disagreeing(root: Path) -> list[str]:
    """Each place that has another version than app.manifest, with what it has."""
    version = version_of(root)
    found = [("globalConfig.json", json.loads(text_of(root, "globalConfig.json"))["meta"]["version"])]
    found += [("CHANGELOG.md", head[1]) for head in list(HEAD.finditer(text_of(root, "CHANGELOG.md")))[:1]]
    for page in sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")]):
        found += [(page.relative_to(root).as_posix(), one) for one in PACKAGE.findall(text_of(page.parent, page.name))]
    return [f"{place}: {one}, app.manifest: {version}" for place, one in found if one != version]


def test_every_place_has_the_version_of_the_manifest() -> None:
    assert disagreeing(ROOT) == []


def other_config(root: Path) -> None:
    config = json.loads(text_of(root, "globalConfig.json"))
    config["meta"]["version"] = "9.9.9"
    (root / "globalConfig.json").write_text(json.dumps(config), encoding="utf-8")


def other_changelog(root: Path) -> None:
    changes = text_of(root, "CHANGELOG.md").replace(f"## {version_of(root)}", "## 9.9.9", 1)
    (root / "CHANGELOG.md").write_text(changes, encoding="utf-8")


def other_page(root: Path) -> None:
    page = text_of(root, "docs/install.md").replace(f"{APP}-{version_of(root)}.spl", f"{APP}-9.9.9.spl", 1)
    (root / "docs/install.md").write_text(page, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "place"),
    [(other_config, "globalConfig.json"), (other_changelog, "CHANGELOG.md"), (other_page, "docs/install.md")],
)
def test_a_place_with_another_version_is_named(tmp_path: Path, change: Callable[[Path], None], place: str) -> None:
    for name in COPIED:
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    change(tmp_path)
    assert disagreeing(tmp_path) == [f"{place}: 9.9.9, app.manifest: {version_of(ROOT)}"]


def test_every_earlier_version_of_the_changelog_can_be_built() -> None:
    heads = [head[1] for head in HEAD.finditer(text_of(ROOT, "CHANGELOG.md"))]
    assert heads == sorted(heads, key=lambda one: [int(part) for part in one.split(".")], reverse=True)
    built = re.findall(rf"^\| ({NUMBER}) \| `[0-9a-f]{{40}}` \|", text_of(ROOT, "docs/releasing.md"), re.MULTILINE)
    assert [head for head in heads if head != version_of(ROOT) and head not in built] == []
    assert len(re.findall(r"^## ", text_of(ROOT, "CHANGELOG.md"), re.MULTILINE)) == len(heads)
