"""The file name is the registry: what lies in a folder is what can be asked for.

Names have hyphens where files have underscores.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from kernels.errors import one_of


def names(room: str) -> list[str]:
    """What lies in the package `room`, by name."""
    folder = importlib.import_module(room).__path__
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(folder))


def load(room: str, name: str, *, what: str, hint: str = "") -> ModuleType:
    """The module `room`.`name`; an unknown name is an error that lists the known ones."""
    choices = names(room)
    if name not in choices:
        raise one_of(what, name, choices, hint=hint)
    return importlib.import_module(f"{room}.{name.replace('-', '_')}")
