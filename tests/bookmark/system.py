"""The system that the bookmark uses, for tests that put something in its place: it is used in several modules."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import estreamer.bookmark as package
import pytest


def users() -> list[ModuleType]:
    """Return the modules of the bookmark that ask the operating system for anything."""
    names = [f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__)]
    return [module for module in map(importlib.import_module, names) if hasattr(module, "os")]


def replace(patch: pytest.MonkeyPatch, system: object) -> None:
    """Give the bookmark another `os`, until the patch is undone."""
    for module in users():
        patch.setattr(module, "os", system)
