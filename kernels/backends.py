"""Finds the file that computes an operator: `reference`, `cpu`, ... beside its __init__."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from kernels.errors import one_of


def load(operator: str, backend: str) -> ModuleType:
    """The module `operator`.`backend`; a backend asked for by name works or raises."""
    folder = importlib.import_module(operator).__path__
    choices = [module.name for module in pkgutil.iter_modules(folder)]
    name = "cpu" if backend == "auto" else backend
    if name not in choices:
        raise one_of("backend", backend, ["auto", *choices])
    return importlib.import_module(f"{operator}.{name}")
