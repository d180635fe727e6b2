from __future__ import annotations

import configparser
import tarfile
from pathlib import Path

import pytest

APP = "TA_secure_firewall_estreamer"


@pytest.fixture(scope="session")
def addon(built_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the add-on as it comes out of the package."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built_package) as archive:
        for member in archive.getmembers():
            target = folder / member.name
            assert target.resolve().is_relative_to(folder.resolve())
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                content = archive.extractfile(member)
                assert content is not None
                target.write_bytes(content.read())
    return folder / APP


def read_conf(path: Path) -> dict[str, dict[str, str]]:
    """Return a conf file's settings by stanza."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True, default_section="")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return {name: dict(parser[name]) for name in parser.sections()}
