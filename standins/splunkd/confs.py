"""Splunk's .conf files: how they are read, layered and written.

Rules that are played: stanza headers `[...]`, `key = value` with case-sensitive keys, comments on lines of their own
that begin with `#`, a backslash at the end of a line continues the value on the next line, what stands before the
first header belongs to `[default]`, a later line wins within a file, and the layers of one app win in the order
local, default, system. Any other line is refused here; Splunk skips it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

Stanzas = dict[str, dict[str, str]]

SYSTEM_DEFAULTS: dict[str, Stanzas] = {
    "inputs": {"default": {"host": "$decideOnStartup", "index": "default"}},
    "server": {"sslConfig": {"enableSplunkdSSL": "false"}, "general": {"serverName": "stand-in"}},
    "web": {"settings": {}},
}


WHITE_SPACE = " \t\r\f\v"


class ConfError(Exception):
    """A conf file, or a value for one, that Splunk would not read as it was meant."""


def parse(text: str, name: str = "conf") -> Stanzas:
    """Read a conf file's text. Raises ConfError with `name` and the number of the line."""
    stanzas: Stanzas = {}
    current = "default"
    lines = iter(enumerate(text.split("\n"), 1))
    for number, raw in lines:
        line = raw.strip(WHITE_SPACE)
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if not line.endswith("]") or len(line) < 3:
                raise ConfError(f"{name}, line {number}: not a stanza header: {line}")
            current = line[1:-1]
            stanzas.setdefault(current, {})
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip(WHITE_SPACE):
            raise ConfError(f"{name}, line {number}: neither a stanza header nor a setting: {line}")
        parts = [value.strip(WHITE_SPACE)]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            parts.append(next(lines, (0, ""))[1].rstrip(WHITE_SPACE))
        stanzas.setdefault(current, {})[key.strip(WHITE_SPACE)] = "\n".join(parts)
    return stanzas


def render(stanzas: Stanzas) -> str:
    """Write stanzas so that `parse` reads the same. Raises ConfError for what a conf file cannot hold."""
    blocks = []
    for stanza, settings in stanzas.items():
        _check_name(stanza)
        lines = [f"[{stanza}]"]
        for key, value in settings.items():
            if not key or key != key.strip(WHITE_SPACE) or key[0] in "[#" or any(c in key for c in "=\r\n"):
                raise ConfError(f"{key!r} cannot be the name of a setting")
            if value.endswith("\\") or "\\\n" in value or "\r" in value or "\0" in value:
                raise ConfError(f"the value of {key} cannot be written to a conf file")
            lines.append(f"{key} = " + value.replace("\n", "\\\n"))
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _check_name(stanza: str) -> None:
    if not stanza or stanza != stanza.strip(WHITE_SPACE) or any(c in stanza for c in "\r\n\0"):
        raise ConfError(f"{stanza!r} cannot be the name of a stanza")


@dataclass(frozen=True)
class Layer:
    """One stanza as an app sees it: its settings, and whether local/ or default/ knows it."""

    settings: dict[str, str]
    in_local: bool
    in_default: bool


class Confs:
    """The conf files of a SPLUNK_HOME. Safe to use from several threads."""

    def __init__(self, etc: Path) -> None:
        self._etc = etc
        self._lock = threading.RLock()

    def stanzas(self, app: str, conf: str) -> dict[str, Layer]:
        """Return the app's stanzas with their settings merged; `[default]` is merged into each and not returned."""
        with self._lock:
            system = self._merge(SYSTEM_DEFAULTS.get(conf, {}), self._load("system", "local", conf))
            default = self._load(app, "default", conf) if app != "system" else {}
            local = self._load(app, "local", conf) if app != "system" else {}
            merged = self._merge(system, default, local)
            base = merged.pop("default", {})
            found = {}
            for name, settings in merged.items():
                whole = {**base, **self._scheme_base(merged, name, conf), **settings}
                found[name] = Layer(whole, name in local, name in default)
            return found

    def exists(self, app: str, conf: str) -> bool:
        """Return whether such a conf file exists."""
        paths = [self._path(app, layer, conf) for layer in ("default", "local")]
        return conf in SYSTEM_DEFAULTS or any(path.exists() for path in paths)

    def names(self, app: str) -> list[str]:
        """Return the names of the app's conf files, without the suffix."""
        folders = [self._path(app, layer, "x").parent for layer in ("default", "local")]
        return sorted({path.stem for folder in folders for path in folder.glob("*.conf")} | set(SYSTEM_DEFAULTS))

    def set(self, app: str, conf: str, stanza: str, settings: dict[str, str]) -> None:
        """Write settings of one stanza to local/; other settings of it stay. Raises ConfError."""
        with self._lock:
            local = self._load(app, "local", conf)
            local[stanza] = {**local.get(stanza, {}), **settings}
            self._store(app, conf, local)

    def remove(self, app: str, conf: str, stanza: str) -> None:
        """Remove a stanza from local/. Raises ConfError for one that default/ has too: Splunk cannot remove it."""
        with self._lock:
            if stanza in self._load(app, "default", conf):
                raise ConfError(f"[{stanza}] of {conf}.conf ships with the app and cannot be removed")
            local = self._load(app, "local", conf)
            del local[stanza]
            self._store(app, conf, local)

    @staticmethod
    def _scheme_base(merged: Stanzas, name: str, conf: str) -> dict[str, str]:
        scheme, separator, _ = name.partition("://")
        return merged.get(scheme, {}) if separator and conf == "inputs" else {}

    @staticmethod
    def _merge(*layers: Stanzas) -> Stanzas:
        merged: Stanzas = {}
        for layer in layers:
            for stanza, settings in layer.items():
                merged[stanza] = {**merged.get(stanza, {}), **settings}
        return merged

    def _path(self, app: str, layer: str, conf: str) -> Path:
        folder = self._etc / "system" if app == "system" else self._etc / "apps" / app
        return folder / layer / f"{conf}.conf"

    def _load(self, app: str, layer: str, conf: str) -> Stanzas:
        path = self._path(app, layer, conf)
        return parse(path.read_text("utf-8"), f"{app}/{layer}/{conf}.conf") if path.exists() else {}

    def _store(self, app: str, conf: str, stanzas: Stanzas) -> None:
        path = self._path(app, "local", conf)
        path.parent.mkdir(exist_ok=True)
        text = render(stanzas)
        temporary = path.with_suffix(".conf.new")
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
