"""The SBOM beside the package: valid, complete, and the same for the same package."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from standins.places import APP, ROOT

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def file(built_package: Path) -> Path:
    return built_package.with_suffix(".cdx.json")


@pytest.fixture(scope="module")
def bill(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def pinned() -> dict[str, str]:
    """The version of each library that ships, by its name in a package URL."""
    text = (ROOT / "lib" / "requirements.txt").read_text(encoding="utf-8")
    return {name.replace("_", "-").lower(): version for name, version in re.findall(r"^([\w-]+)==(\S+)", text, re.M)}


def test_it_is_valid_by_the_schema_of_its_specification(file: Path, bill: dict[str, Any]) -> None:
    # It takes seconds to import, for which every process of tests would wait.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    assert bill["specVersion"] == "1.6"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text(encoding="utf-8")) is None
    broken = file.read_text(encoding="utf-8").replace('"SHA-256"', '"none"', 1)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_it_is_of_this_package(built_package: Path, bill: dict[str, Any]) -> None:
    about = bill["metadata"]["component"]
    digest = hashlib.sha256(built_package.read_bytes()).hexdigest()
    assert (about["name"], about["version"]) == (APP, built_package.stem.partition("-")[2])
    assert about["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_every_library_that_ships_is_named_with_its_version_license_and_pinned_hash(bill: dict[str, Any]) -> None:
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", (ROOT / "lib" / "requirements.txt").read_text(encoding="utf-8")))
    listed = [one for one in bill["components"] if one["type"] == "library"]
    named = {re.match(r"pkg:pypi/([\w.-]+)@", one["purl"])[1]: one["version"] for one in listed}  # type: ignore[index]
    assert named == pinned()
    assert {one["hashes"][0]["content"] for one in listed} == hashes
    assert [one["purl"] for one in listed if not one["licenses"]] == []


def test_each_platform_has_its_own_files(bill: dict[str, Any]) -> None:
    folders = [one["properties"][0]["value"] for one in bill["components"] if one["name"] == "cryptography"]
    assert sorted(folders) == [f"lib/3rdparty/{name}" for name in ("linux_aarch64", "linux_x86_64", "windows_x86_64")]


def test_what_a_compiled_library_contains_is_named_below_it(bill: dict[str, Any]) -> None:
    for one in (one for one in bill["components"] if one["name"] == "cryptography"):
        inner = {part["name"]: part["version"] for part in one["components"]}
        assert re.fullmatch(r"\d+\.\d+\.\d+", inner["openssl"])
        assert len(inner) > 10


def test_the_generator_of_the_pages_is_named(bill: dict[str, Any]) -> None:
    (generator,) = (one for one in bill["components"] if one["type"] == "framework")
    assert f"{generator['name']}=={generator['version']} " in (ROOT / "tools" / "ucc.txt").read_text(encoding="utf-8")


def test_no_path_and_no_time_of_the_machine_that_built_is_in_it(file: Path, bill: dict[str, Any]) -> None:
    text = file.read_text(encoding="utf-8")
    assert bill["metadata"]["timestamp"].startswith("2026-01-01T00:00:00")
    assert f"{ROOT}" not in text
    assert os.path.expanduser("~") + "/" not in text
    assert "file://" not in text
