"""Apps on disk, and how Splunk merges their conf files.

Splunk's manual has two orders ("Configuration file precedence"). Without an app and a user, as when data is indexed:
all apps' local folders, then all apps' default folders, the apps in ASCII order. For a search, which runs in an app and
for a user: the current app, then all others in reverse ASCII order if they share their settings with all apps, each
with its local folder before its default folder. System settings are last in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from standins.search import conf
from standins.search.conf import Conf, Line, Setting
from standins.search.errors import KnowledgeError
from standins.search.settings import CHECKS, check_meta

LAYERS = ("local", "default")
"""The folders of conf files, the stronger first."""

Stanzas = Mapping[str, Mapping[str, Setting]]


@dataclass(frozen=True)
class App:
    """An app: its conf files by layer and kind, and what it shares with other apps."""

    name: str
    folder: Path
    confs: Mapping[tuple[str, str], Conf]
    meta: tuple[Conf, ...]

    @classmethod
    def read(cls, folder: Path) -> App:
        """Return the app in a folder. Raises KnowledgeError if it is not an app, or has a setting that is not known
        here."""
        name = folder.resolve().name
        if not (folder / "default").is_dir():
            raise KnowledgeError(f"{folder}: not an app: it has no folder default")
        _refuse_switched_off(folder, name)
        confs = {
            (layer, kind): _checked(folder, name, f"{layer}/{kind}.conf", check)
            for layer in LAYERS
            for kind, check in CHECKS.items()
        }
        meta = tuple(_checked(folder, name, f"metadata/{layer}.meta", check_meta) for layer in LAYERS)
        return cls(name, folder, confs, meta)

    def shares(self, kind: str, stanza: str, key: str = "") -> bool:
        """Return whether other apps see a setting, or with kind "lookups" a file: the closest `export` decides."""
        parts = [quote(part, safe="") for part in (stanza, key) if part]
        names = ["/".join([kind, *parts[:depth]]) for depth in range(len(parts), -1, -1)]
        for name in [*names, ""]:
            for meta in self.meta:
                export = meta.stanzas.get(name, {}).get("export")
                if export is not None:
                    return export.value == "system"
        return False

    def lines(self) -> Iterator[Line]:
        """Yield every setting of the conf files that are read."""
        for content in self.confs.values():
            yield from content.lines


@dataclass(frozen=True)
class Apps:
    """All apps that Splunk has, and the app that a search runs in: None for an app that is not among them."""

    apps: tuple[App, ...]
    current: str | None = None

    @classmethod
    def read(cls, folders: Iterable[Path], current: str | None = None) -> Apps:
        """Return the apps in these folders. Raises KnowledgeError."""
        apps = sorted((App.read(folder) for folder in folders), key=lambda app: app.name)
        names = [app.name for app in apps]
        if len(set(names)) < len(names) or (current is not None and current not in names):
            raise KnowledgeError(f"not apps of different names with {current} among them: {names}")
        return cls(tuple(apps), current)

    def of_search(self) -> list[App]:
        """Return the apps as a search ranks them, the strongest first."""
        ranked = sorted(self.apps, key=lambda app: app.name, reverse=True)
        return sorted(ranked, key=lambda app: app.name != self.current)

    def for_search(self, kind: str) -> Stanzas:
        """Return a conf file as a search sees it."""
        layers = [(app, app.confs[layer, kind]) for app in self.of_search() for layer in LAYERS]
        return _merged(
            {
                stanza: {key: setting for key, setting in settings.items() if self._seen(app, kind, stanza, key)}
                for stanza, settings in content.stanzas.items()
            }
            for app, content in layers
        )

    def for_indexing(self, kind: str) -> Stanzas:
        """Return a conf file as it applies when data is indexed."""
        return _merged(app.confs[layer, kind].stanzas for layer in LAYERS for app in self.apps)

    def lookup_file(self, name: str) -> tuple[App, Path] | None:
        """Return a lookup table's file, from the strongest app that has it and shares it."""
        for app in self.of_search():
            path = app.folder / "lookups" / name
            if path.is_file() and self._seen(app, "lookups", name):
                return app, path
        return None

    def _seen(self, app: App, kind: str, stanza: str, key: str = "") -> bool:
        return app.name == self.current or app.shares(kind, stanza, key)


def _refuse_switched_off(folder: Path, app: str) -> None:
    for layer in LAYERS:
        content = conf.read(folder / layer / "app.conf", app, f"{layer}/app.conf")
        state = content.stanzas.get("install", {}).get("state")
        if state is not None and state.value == "disabled":
            raise KnowledgeError(f"{state.line}: an app that is switched off is not played")


def _checked(folder: Path, app: str, file: str, check: Callable[[Line], None]) -> Conf:
    """Return a conf file after a check of each of its lines."""
    content = conf.read(folder / file, app, file)
    for line in content.lines:
        check(line)
    return content


def _merged(layers: Iterable[Stanzas]) -> Stanzas:
    """Merge several conf files, the strongest first, into one."""
    merged: dict[str, dict[str, Setting]] = {}
    for layer in layers:
        for stanza, settings in layer.items():
            known = merged.setdefault(stanza, {})
            for key, setting in settings.items():
                known.setdefault(key, setting)
    return merged
