"""Finds models and data sets by file name: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from kernels.errors import one_of

KINDS = {"models": "model", "datasets": "data set"}


def names(kind: str) -> list[str]:
    """The names that `kind` ('models', 'datasets') offers."""
    folder = importlib.import_module(f"trainer.{kind}").__path__
    return sorted(module.name for module in pkgutil.iter_modules(folder))


def find(kind: str, name: str) -> ModuleType:
    """The module trainer.<kind>.<name>."""
    if name not in names(kind):
        hint = f"to add one, create trainer/{kind}/{name.replace('-', '_')}.py"
        raise one_of(KINDS[kind], name, names(kind), hint=hint)
    return importlib.import_module(f"trainer.{kind}.{name}")
