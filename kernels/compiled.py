"""How a kernel is compiled for the CPU: numba, without the interpreter lock, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """`kernel` as machine code; without a cache where no folder for one can be written."""
    try:
        made: Any = numba.njit(nogil=True, cache=True)(kernel)
        # Machine code holds the kernels it calls, but numba dates it by its own file alone: without
        # this, an edit of another file would leave the old code in use.
        file = made._cache._cache_file
        if not hasattr(file, "_source_stamp"):
            raise RuntimeError("this numba keeps its cache otherwise")
        file._source_stamp = _stamp()
    except (RuntimeError, AttributeError):
        made = numba.njit(nogil=True)(kernel)
    return cast(Kernel, made)


@cache
def _stamp() -> tuple[tuple[float, int], ...]:
    """When and how long every file of the kernels was written."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return tuple((stat.st_mtime, stat.st_size) for stat in (file.stat() for file in files))
