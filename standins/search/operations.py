"""The search-time operations that the settings of props.conf stand for, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from standins.search.aliases import Aliases, aliases
from standins.search.apps import Stanzas
from standins.search.calculations import Calculation, calculation
from standins.search.conf import Line, Setting
from standins.search.errors import KnowledgeError
from standins.search.extraction import Extract, Report, extract, report, transform
from standins.search.lookups import Automatic, Lookup, automatic, is_lookup
from standins.search.settings import PROPS_CLASSES, kind_and_class

_KV_MODES = ("none", "json")


@dataclass(frozen=True)
class Plan:
    """The operations on events of one source, host and sourcetype, each kind in ASCII order of its classes."""

    extracts: tuple[Extract, ...]
    reports: tuple[Report, ...]
    kv_mode: Setting
    aliases: tuple[Aliases, ...]
    calculations: tuple[Calculation, ...]
    lookups: tuple[Automatic, ...]


@dataclass(frozen=True)
class Operations:
    """The operations of all stanzas of props.conf, by the place of their settings."""

    extracts: dict[Line, Extract] = field(default_factory=dict)
    reports: dict[Line, Report] = field(default_factory=dict)
    aliases: dict[Line, Aliases] = field(default_factory=dict)
    calculations: dict[Line, Calculation] = field(default_factory=dict)
    lookups: dict[Line, Automatic] = field(default_factory=dict)

    @classmethod
    def read(cls, props: Stanzas, transforms: Stanzas, lookups: Mapping[str, Lookup]) -> Operations:
        """Return the operations. Raises KnowledgeError for settings, and transforms, that are not understood."""
        made = cls()
        for settings in props.values():
            for key, setting in settings.items():
                made._add(key, setting, transforms, lookups)
        for name, settings in transforms.items():
            if settings and not is_lookup(settings):
                transform(next(iter(settings.values())).line, name, settings)
        return made

    @property
    def calculated(self) -> frozenset[str]:
        """Return the fields that expressions and tables make."""
        made = {one.field for one in self.calculations.values()}
        return frozenset(made | {name for one in self.lookups.values() for _, name in one.outputs})

    def plan(self, settings: Mapping[str, Setting]) -> Plan:
        """Return the operations of settings, which are those of the stanzas that apply to an event. Raises
        KnowledgeError."""
        lines = _by_class(settings)
        kv_mode = settings.get("KV_MODE")
        if kv_mode is None or kv_mode.value not in _KV_MODES:
            raise KnowledgeError(f"KV_MODE is none of {_KV_MODES}: others, such as its default, are not played")
        lookups = tuple(self.lookups[line] for line in lines["LOOKUP"])
        _refuse_nested(lookups)
        return Plan(
            tuple(self.extracts[line] for line in lines["EXTRACT"]),
            tuple(self.reports[line] for line in lines["REPORT"]),
            kv_mode,
            tuple(self.aliases[line] for line in lines["FIELDALIAS"]),
            tuple(self.calculations[line] for line in lines["EVAL"]),
            lookups,
        )

    def _add(self, key: str, setting: Setting, transforms: Stanzas, lookups: Mapping[str, Lookup]) -> None:
        kind, name = kind_and_class(key)
        if kind == "EXTRACT":
            self.extracts[setting.line] = extract(setting)
        elif kind == "REPORT":
            self.reports[setting.line] = report(setting, transforms)
        elif kind == "FIELDALIAS":
            self.aliases[setting.line] = aliases(setting)
        elif kind == "EVAL":
            self.calculations[setting.line] = calculation(setting, name)
        elif kind == "LOOKUP":
            self.lookups[setting.line] = automatic(setting, lookups)


def _by_class(settings: Mapping[str, Setting]) -> Mapping[str, list[Line]]:
    """Return the places of the settings of each kind, in ASCII order of their classes."""
    found: dict[str, dict[str, Line]] = {kind: {} for kind in PROPS_CLASSES}
    for key, setting in settings.items():
        kind, name = kind_and_class(key)
        if not kind:
            continue
        if name in found[kind]:
            raise KnowledgeError(f"{setting.line}: {found[kind][name]} is for the same, and which one wins is not told")
        found[kind][name] = setting.line
    return {kind: [lines[name] for name in sorted(lines)] for kind, lines in found.items()}


def _refuse_nested(lookups: tuple[Automatic, ...]) -> None:
    """Raise KnowledgeError if an automatic lookup reads a field that another one writes."""
    for one in lookups:
        given = {name for other in lookups if other is not one for _, name in other.outputs}
        taken = given & {name for _, name in one.inputs}
        if taken:
            raise KnowledgeError(f"{one.line}: automatic lookups do not build on one another: {sorted(taken)}")
