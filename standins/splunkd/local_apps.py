"""apps/local: which apps there are, and installing one from a file on splunkd's machine."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from .confs import parse
from .data_inputs import is_true
from .endpoints import Arguments, ReadOnly, take_name
from .home import SplunkHome
from .install import App, installed
from .replies import Entry, RestProblem
from .scheme import SchemeError
from .unpacking import InstallError

KNOWN = {"filename", "update"}


class LocalApps(ReadOnly):
    """The apps of a SPLUNK_HOME. An app is made from a package only: `name` is its path, and `filename` is true.

    `install(package)` installs it.
    """

    path = "apps/local"

    def __init__(self, home: SplunkHome, install: Callable[[Path], App]) -> None:
        self._home = home
        self._install = install

    def entries(self, app: str) -> list[Entry]:
        return [self._entry(one) for one in installed(self._home)]

    def create(self, app: str, arguments: Arguments) -> Entry:
        name, rest = take_name(arguments)
        unknown = set(rest) - KNOWN
        if unknown:
            raise RestProblem(400, f'Argument "{sorted(unknown)[0]}" is not supported by this handler.')
        if not is_true(rest.get("filename", "false")):
            raise RestProblem(501, "the stand-in makes no app without a package")
        package = Path(name)
        if not package.is_absolute() or not package.is_file():
            raise RestProblem(400, f"Error during app install: failed to open {name}")
        there = {one.name for one in installed(self._home)} & _folders(package)
        if there and not is_true(rest.get("update", "false")):
            raise RestProblem(409, f"App from {name} already exists; use update=true to overwrite")
        try:
            return self._entry(self._install(package))
        except (InstallError, SchemeError) as error:
            raise RestProblem(400, f"Error during app install: {error}") from None

    @staticmethod
    def _entry(app: App) -> Entry:
        conf = parse((app.path / "default" / "app.conf").read_text("utf-8"), "app.conf")
        content = {
            "label": conf.get("ui", {}).get("label", app.name),
            "version": conf.get("launcher", {}).get("version", ""),
            "disabled": "0",
        }
        return Entry(app.name, content)


def _folders(package: Path) -> set[str]:
    """Return the names of the folders at the top of a package, an empty set for a file that is not a package."""
    try:
        with tarfile.open(package, "r:gz") as archive:
            return {PurePosixPath(name).parts[0] for name in archive.getnames()}
    except tarfile.TarError:
        return set()
