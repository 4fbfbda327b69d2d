"""How a kernel is compiled for the CPU: numba, without the interpreter lock, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """`kernel` as machine code; without a cache where no folder for one can be written."""
    try:
        return cast(Kernel, numba.njit(nogil=True, cache=True)(kernel))
    except RuntimeError:
        return cast(Kernel, numba.njit(nogil=True)(kernel))
