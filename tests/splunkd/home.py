"""A temporary SPLUNK_HOME with a Python of its own, as Splunk ships one."""

from __future__ import annotations

import functools
import getpass
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SPLUNK_PACKAGE = Path(__file__).parent / "python" / "splunk"


@dataclass(frozen=True)
class SplunkHome:
    """The folders of a Splunk installation and the interpreter that its scripts run with."""

    path: Path
    python: Path

    @property
    def python_version(self) -> str:
        """The version as `python.required` has it, such as "3.9"."""
        return self.python.name[len("python") :]

    @property
    def apps(self) -> Path:
        return self.path / "etc" / "apps"

    @property
    def logs(self) -> Path:
        return self.path / "var" / "log" / "splunk"

    @property
    def database(self) -> Path:
        """Not where it lies unless told otherwise: scripts have to go by SPLUNK_DB."""
        return self.path / "database"

    def checkpoint_dir(self, scheme: str) -> Path:
        """Return the folder that all stanzas of the scheme share, which splunkd creates."""
        folder = self.database / "modinputs" / scheme
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a script that splunkd starts; nothing of the test runner's is in it."""
        return {
            "HOME": str(self.path),
            "PATH": f"{self.path / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "SPLUNK_DB": str(self.database),
            "SPLUNK_ETC": str(self.path / "etc"),
            "SPLUNK_HOME": str(self.path),
            "SPLUNK_OS_USER": getpass.getuser(),
            "SPLUNK_SERVER_NAME": "Splunkd",
        }


def create(path: Path, python: str, python_paths: Sequence[str] = ()) -> SplunkHome:
    """Lay out a SPLUNK_HOME at `path`, which may exist from an earlier life.

    Its Python is the interpreter that `python` belongs to, without that interpreter's packages: like Splunk's own it
    offers the standard library, the package `splunk` and `lxml`, with which that one answers, and whatever else the
    add-on needs it has to bring. `python_paths` are folders to offer as well, for scripts that run without a package.
    """
    base, major, minor = _describe(python)
    name = f"python{major}.{minor}"
    packages = path / "lib" / name / "site-packages"
    for folder in ("bin", "etc/apps", "etc/system/local", "var/log/splunk", "database/modinputs"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    executable = path / "bin" / name
    if not executable.exists():
        executable.symlink_to(Path(base) / "bin" / name)
        (path / "pyvenv.cfg").write_text(f"home = {base}/bin\ninclude-system-site-packages = false\n")
        shutil.copytree(SPLUNK_PACKAGE, packages / "splunk", ignore=shutil.ignore_patterns("__pycache__"))
        (packages / "lxml").symlink_to(_lxml(python))
    (packages / "stand_in.pth").write_text("".join(f"{folder}\n" for folder in python_paths))
    return SplunkHome(path, executable)


@functools.cache
def _lxml(python: str) -> str:
    """Return the folder of the package `lxml` of the environment that the interpreter belongs to."""
    command = [python, "-I", "-c", "import lxml; print(lxml.__path__[0])"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@functools.cache
def _describe(python: str) -> tuple[str, int, int]:
    command = [python, "-I", "-c", "import json, sys; print(json.dumps([sys.base_prefix, *sys.version_info[:2]]))"]
    base, major, minor = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return base, major, minor
