"""A temporary SPLUNK_HOME with a Python of its own, as Splunk ships one."""

from __future__ import annotations

import functools
import getpass
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SPLUNK_PACKAGE = Path(__file__).parent / "python" / "splunk"
BTOOL = Path(__file__).parent / "python" / "btool.py"

SPLUNKS_OWN = ("requests", "urllib3", "idna", "certifi", "charset_normalizer", "lxml", "defusedxml")
"""Packages that Splunk's own Python has been seen to have, with what they need."""


@dataclass(frozen=True)
class SplunkHome:
    """The folders of a Splunk installation and the interpreter that its scripts run with."""

    path: Path
    python: Path
    more_environment: Mapping[str, str] = field(default_factory=dict)

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
        """By default not where it lies: scripts have to go by SPLUNK_DB."""
        return self.path / "database"

    def checkpoint_dir(self, scheme: str) -> Path:
        """Return the folder that all stanzas of the scheme share, which splunkd creates."""
        folder = self.database / "modinputs" / scheme
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self) -> dict[str, str]:
        """Return the complete environment of a script that splunkd starts; nothing of the test runner's is in it."""
        return {
            "HOME": str(self.path),
            "PATH": f"{self.path / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "SPLUNK_DB": str(self.database),
            "SPLUNK_ETC": str(self.path / "etc"),
            "SPLUNK_HOME": str(self.path),
            "SPLUNK_OS_USER": getpass.getuser(),
            "SPLUNK_SERVER_NAME": "Splunkd",
            **self.more_environment,
        }


def create(
    path: Path, python: str, python_paths: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> SplunkHome:
    """Lay out a SPLUNK_HOME at `path`, which may exist from an earlier life.

    Its Python is the interpreter that `python` belongs to, with none of that interpreter's packages but SPLUNKS_OWN:
    like Splunk's own it offers the standard library, these, and the package `splunk`; whatever else the add-on needs it
    has to bring. `python_paths` are folders to offer as well, for scripts that run without a package. `environment` is
    what splunkd was started with, as splunk-launch.conf can have it.
    """
    base, major, minor, offered = _describe(python)
    name = f"python{major}.{minor}"
    packages = path / "lib" / name / "site-packages"
    for folder in ("bin", "etc/apps", "etc/system/local", "var/log/splunk", "database/modinputs"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    executable = path / "bin" / name
    if not executable.exists():
        executable.symlink_to(Path(base) / "bin" / name)
        (path / "pyvenv.cfg").write_text(f"home = {base}/bin\ninclude-system-site-packages = false\n")
        shutil.copytree(SPLUNK_PACKAGE, packages / "splunk", ignore=shutil.ignore_patterns("__pycache__"))
        for package in SPLUNKS_OWN:
            (packages / package).symlink_to(Path(offered, package).resolve(strict=True))
        command = path / "bin" / "splunk"
        command.write_text(f'#!/bin/sh\nexec "{executable}" -I "{BTOOL}" "$@"\n', "utf-8")
        command.chmod(0o755)
    (packages / "stand_in.pth").write_text("".join(f"{folder}\n" for folder in python_paths))
    return SplunkHome(path, executable, dict(environment or {}))


@functools.cache
def _describe(python: str) -> tuple[str, int, int, str]:
    """Return the prefix of the interpreter behind `python`, its version, and where `python` has its packages."""
    asked = "sys.base_prefix, *sys.version_info[:2], sysconfig.get_path('platlib')"
    command = [python, "-I", "-c", f"import json, sys, sysconfig; print(json.dumps([{asked}]))"]
    base, major, minor, packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return base, major, minor, packages
