"""Runs Splunk's own tests of a package: `python -m tests.search.official PACKAGE`, in pytest-splunk-addon's own
environment. `tools/official_tests.sh` sets that up. With the tool's option --splunk-type=external a real Splunk
answers, which `external` finds in the environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.search.official import external, samples

FOLDER = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> int:
    """Test the package that the first argument names, in the folder of the second; the rest is pytest's."""
    package, work, *options = arguments
    folder = Path(work)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    addon = unpacked(Path(package), folder / "apps")
    left_out = samples.write(folder / "data")
    tests = FOLDER / "addon.py"
    if external.OPTION in options:
        tests = FOLDER / "real_splunk.py"
        options += external.options(os.environ)
        external.hide(external.secrets(os.environ))
    # The tool writes its logs and locks where it runs.
    os.chdir(folder)
    status = pytest.main(
        [
            *("-c", str(FOLDER / "official.ini"), "--rootdir", str(FOLDER), "--confcutdir", str(FOLDER)),
            *("--splunk-app", str(addon), "--splunk-data-generator", str(folder / "data")),
            *(
                "-q",
                "-rfEs",
                "--tb=short",
                "--junitxml",
                str(folder / "report.xml"),
                str(tests),
                *options,
            ),
        ]
    )
    print("Events that happen but are not among the samples, as the data models' definitions here do not allow them:")
    for (events, reason), count in left_out.items():
        print(f"{count:6} {events}: {reason}")
    return int(status)


def unpacked(package: Path, folder: Path) -> Path:
    """Return the add-on in a package; its folder, where it is one already."""
    if package.is_dir():
        return package.resolve()
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            target = folder / member.name
            content = archive.extractfile(member)
            if content is None or not target.resolve().is_relative_to(folder.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
    found = [place for place in folder.iterdir() if (place / "default").is_dir()]
    if len(found) != 1:
        raise SystemExit(f"{package} is not one add-on")
    return found[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
