"""Install an app package, and read what its files say about it; refuse what Splunk or AppInspect would refuse."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .confs import parse
from .home import SplunkHome

FILE_MODES = (0o644, 0o755)
SPEC_SETTING = re.compile(r"([A-Za-z_][\w.\-]*|_?<[^>]+>)\s*=")
KEPT_BY_AN_UPGRADE = ("local", "metadata/local.meta", "lookups")


class InstallError(Exception):
    """The package would not be installed."""


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
    try:
        with tarfile.open(package, "r:gz") as archive:
            members = archive.getmembers()
            name = _check_members(members)
            staged = home.path / "var" / "run" / f"{name}.new"
            shutil.rmtree(staged, ignore_errors=True)
            for member in members:
                _unpack(archive, member, staged)
    except tarfile.TarError as error:
        raise InstallError(f"not a gzipped tar archive: {error}") from None
    try:
        _check_identity(staged / name)
        return _put_in_place(staged / name, home)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _check_members(members: list[tarfile.TarInfo]) -> str:
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or not path.parts:
            raise InstallError(f"a path that leads out of the package: {member.name}")
        if not (member.isfile() or member.isdir()):
            raise InstallError(f"neither a file nor a folder: {member.name}")
        if member.name.rstrip("/") in seen:
            raise InstallError(f"twice in the package: {member.name}")
        seen.add(member.name.rstrip("/"))
        _check_place(member, path)
    tops = {PurePosixPath(member.name).parts[0] for member in members}
    if len(tops) != 1:
        raise InstallError(f"the package must hold exactly one folder, not {sorted(tops)}")
    return tops.pop()


def _check_place(member: tarfile.TarInfo, path: PurePosixPath) -> None:
    inside = path.parts[1:]
    if inside[:1] == ("local",) or inside[:2] == ("metadata", "local.meta"):
        raise InstallError(f"local settings in the package: {member.name}")
    if any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in path.parts):
        raise InstallError(f"a hidden or generated file: {member.name}")
    if path.suffix in (".pyc", ".pyo"):
        raise InstallError(f"a compiled file: {member.name}")
    mode = member.mode & 0o7777
    if member.isdir() and mode != 0o755:
        raise InstallError(f"a folder of mode {mode:o}, not 755: {member.name}")
    if member.isfile() and mode not in FILE_MODES:
        raise InstallError(f"a file of mode {mode:o}, neither 644 nor 755: {member.name}")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    path = target / member.name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is None:
        raise InstallError(f"cannot be read: {member.name}")
    with source, path.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    path.chmod(member.mode & 0o777)


def _check_identity(folder: Path) -> None:
    conf = folder / "default" / "app.conf"
    if not conf.exists():
        raise InstallError("no default/app.conf")
    for path in sorted((folder / "default").glob("*.conf")):
        parse(path.read_text("utf-8"), f"default/{path.name}")
    stanzas = parse(conf.read_text("utf-8"), "default/app.conf")
    name = stanzas.get("package", {}).get("id")
    if name != folder.name:
        raise InstallError(f"the folder is {folder.name} but app.conf has the id {name}")
    version = stanzas.get("launcher", {}).get("version")
    manifest = folder / "app.manifest"
    if manifest.exists():
        identity = json.loads(manifest.read_text("utf-8"))["info"]["id"]
        if (identity["name"], identity["version"]) != (name, version):
            raise InstallError(f"app.manifest says {identity['name']} {identity['version']}, app.conf {name} {version}")


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
