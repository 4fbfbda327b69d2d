"""Chooses the file that computes an operator: `reference`, `cpu`, `triton` beside its __init__."""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import ModuleType
from typing import Protocol, TypeGuard

from kernels.errors import UserError, one_of

AUTO = "auto"
GPU = "triton"
INTERPRETED = "TRITON_INTERPRET"
BACKENDS = ("cpu", "reference", GPU)


class DeviceTensor(Protocol):
    """A torch tensor, which the CPU's side of the kernels never imports."""

    @property
    def is_cuda(self) -> bool:
        """Whether it lies on a GPU."""


def for_gpu(given: object, backend: str) -> TypeGuard[DeviceTensor]:
    """Whether the GPU's kernels are meant: by name, or because the data is there already."""
    there = getattr(given, "is_cuda", None)
    # In Triton's interpreter tensors on the CPU do as well.
    if backend == GPU and not (there or (there is False and INTERPRETED in os.environ)):
        where = "one on the CPU" if there is False else type(given).__name__
        raise UserError(
            f"backend '{GPU}' takes torch tensors on a GPU, not {where}",
            hint="move the data there, or use backend 'cpu'",
        )
    return backend == GPU or (backend == AUTO and bool(there))


# Cached: a lookup in the import system would cost as much as a small picture.
@cache
def load(operator: str, backend: str) -> ModuleType:
    """The module `operator`.`backend`; a backend asked for by name works or raises."""
    name = "cpu" if backend == AUTO else backend
    if name not in BACKENDS:
        raise one_of("backend", backend, [AUTO, *BACKENDS])
    try:
        return importlib.import_module(f"{operator}.{name}")
    except ModuleNotFoundError as error:
        if name != GPU or error.name not in ("torch", "triton"):
            raise
        raise UserError(
            f"backend '{GPU}' needs the package {error.name}, which is not installed",
            hint="triton comes with torch on CUDA machines: install softres with its extra 'train'",
        ) from None
