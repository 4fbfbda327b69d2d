"""Chooses the file that computes an operator: `reference`, `cpu`, ... beside its __init__."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType

from kernels.errors import one_of

AUTO = "auto"
BACKENDS = ("cpu", "reference")


# Cached: a lookup in the import system would cost as much as a small picture.
@cache
def load(operator: str, backend: str) -> ModuleType:
    """The module `operator`.`backend`; a backend asked for by name works or raises."""
    name = "cpu" if backend == AUTO else backend
    if name not in BACKENDS:
        raise one_of("backend", backend, [AUTO, *BACKENDS])
    return importlib.import_module(f"{operator}.{name}")
