"""An app package unpacked and checked: what Splunk or AppInspect would refuse is refused here.

Most tests install the same package, each into a Splunk of its own. So a process unpacks it once, compiles it as soon as
it is asked for again, and installs copies.
"""

from __future__ import annotations

import atexit
import compileall
import json
import os
import re
import shutil
import tarfile
import tempfile
import threading
from pathlib import Path, PurePosixPath

from .confs import parse

FILE_MODES = (0o644, 0o755)

LIBRARIES = "lib"
"""The folder of an app whose files nobody changes: a copy has them as hard links."""

FOREIGN = re.compile("aarch64|windows")
"""Libraries that cannot run here need no compiling."""


class InstallError(Exception):
    """The package would not be installed."""


class Unpacked:
    """The package that was asked for last, unpacked in a temporary folder of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[object, ...] = ()
        self._folder: Path | None = None
        self._compiled = False
        atexit.register(self.forget)

    def copy(self, package: Path, target: Path) -> Path:
        """Copy a package's folder into the folder `target`, and return it. Raises InstallError before that."""
        with self._lock:
            found = package.stat()
            key = (package.resolve(), found.st_ino, found.st_mtime_ns, found.st_size)
            if self._folder is None or self._key != key:
                self.forget()
                self._folder, self._key = _unpack(package), key
            elif not self._compiled:
                _compile(self._folder)
                self._compiled = True
            copied = target / self._folder.name
            shutil.copytree(self._folder, copied, copy_function=shutil.copy2, ignore=_only_libraries)
            if (self._folder / LIBRARIES).is_dir():
                shutil.copytree(self._folder / LIBRARIES, copied / LIBRARIES, copy_function=_link)
            return copied

    def forget(self) -> None:
        """Remove what is unpacked."""
        if self._folder is not None:
            shutil.rmtree(self._folder.parent, ignore_errors=True)
        self._folder, self._key, self._compiled = None, (), False


UNPACKED = Unpacked()


def _only_libraries(folder: str, names: list[str]) -> list[str]:
    """Return what a copy leaves out at first: the libraries at the top of an app."""
    return [LIBRARIES] if LIBRARIES in names and "default" in names else []


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _compile(folder: Path) -> None:
    """Compile the scripts and the libraries of an app for this Python."""
    for part in ("bin", LIBRARIES):
        if (folder / part).is_dir():
            compileall.compile_dir(folder / part, quiet=2, rx=FOREIGN)


def _unpack(package: Path) -> Path:
    """Unpack a package into a temporary folder, and return the folder of the app in it. Raises InstallError."""
    scratch = Path(tempfile.mkdtemp(prefix="splunkd-package-"))
    try:
        with tarfile.open(package, "r:gz") as archive:
            members = archive.getmembers()
            name = _check_members(members)
            for member in members:
                _write(archive, member, scratch)
        _check_identity(scratch / name)
    except tarfile.TarError as error:
        shutil.rmtree(scratch)
        raise InstallError(f"not a gzipped tar archive: {error}") from None
    except BaseException:
        shutil.rmtree(scratch)
        raise
    return scratch / name


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


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
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
