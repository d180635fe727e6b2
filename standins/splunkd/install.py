"""Install an app package, and read what its files say about it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .home import SplunkHome
from .unpacking import UNPACKED

SPEC_SETTING = re.compile(r"([A-Za-z_][\w.\-]*|_?<[^>]+>)\s*=")
KEPT_BY_AN_UPGRADE = ("local", "metadata/local.meta", "lookups")


@dataclass(frozen=True)
class App:
    """An installed app."""

    name: str
    path: Path

    def spec(self, conf: str) -> dict[str, set[str]] | None:
        """Return the settings that README/<conf>.conf.spec names, by stanza header; None without such a file."""
        path = self.path / "README" / f"{conf}.conf.spec"
        if not path.exists():
            return None
        found: dict[str, set[str]] = {}
        current = "default"
        for line in path.read_text("utf-8").splitlines():
            setting = SPEC_SETTING.match(line)
            if line.startswith("[") and line.rstrip().endswith("]"):
                current = line.rstrip()[1:-1]
                found.setdefault(current, set())
            elif setting:
                found.setdefault(current, set()).add(setting.group(1))
        return found

    def schemes(self) -> list[str]:
        """Return the kinds of modular input that README/inputs.conf.spec declares and bin/ has a script for."""
        headers = self.spec("inputs") or {}
        names = {header.partition("://")[0] for header in headers if "://" in header}
        return sorted(name for name in names if self.script(name).exists())

    def script(self, scheme: str) -> Path:
        return self.path / "bin" / f"{scheme}.py"


def installed(home: SplunkHome) -> list[App]:
    """Return the apps of a SPLUNK_HOME."""
    return [App(path.name, path) for path in sorted(home.apps.iterdir()) if (path / "default").is_dir()]


def install(package: Path, home: SplunkHome) -> App:
    """Unpack a .spl into etc/apps; an earlier version is replaced and keeps its local settings.

    Raises InstallError before anything is written.
    """
    staged = home.path / "var" / "run" / "new"
    shutil.rmtree(staged, ignore_errors=True)
    try:
        return _put_in_place(UNPACKED.copy(package, staged), home)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _put_in_place(folder: Path, home: SplunkHome) -> App:
    target = home.apps / folder.name
    if target.exists():
        for name in KEPT_BY_AN_UPGRADE:
            if (target / name).exists() and not (folder / name).exists():
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.move(str(target / name), str(folder / name))
        shutil.rmtree(target)
    shutil.move(str(folder), str(target))
    app = App(target.name, target)
    for scheme in app.schemes():
        home.checkpoint_dir(scheme)
    return app
