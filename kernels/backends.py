"""Finds the file that computes an operator: `reference`, `cpu`, ... beside its __init__."""

from __future__ import annotations

from types import ModuleType

from kernels import registry

AUTO = "auto"


def load(operator: str, backend: str) -> ModuleType:
    """The module `operator`.`backend`; a backend asked for by name works or raises."""
    name = "cpu" if backend == AUTO else backend
    return registry.load(operator, name, what="backend", hint=f"or {AUTO}")
