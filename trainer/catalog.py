"""What the trainer can be told by name; adding one is adding a file."""

from __future__ import annotations

from types import ModuleType

from kernels import registry

KINDS = {"models": "model", "datasets": "data set", "methods": "method"}


def names(kind: str) -> list[str]:
    """The names that `kind` ('models', 'datasets', 'methods') offers."""
    return registry.names(f"trainer.{kind}")


def find(kind: str, spec: str) -> ModuleType:
    """The module of NAME or NAME:MORE; the error says which file to create."""
    name = spec.partition(":")[0]
    hint = f"to add one, create trainer/{kind}/{name.replace('-', '_')}.py"
    return registry.load(f"trainer.{kind}", name, what=KINDS[kind], hint=hint)
