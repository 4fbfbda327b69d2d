"""One GPU as an engine wants it: its context, and memory that is kept from call to call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError
from serve.device import HINT, driver


class Gpu:
    """The primary context of a GPU, which `serve.device.Painter` uses as well."""

    def __init__(self, device: int = 0) -> None:
        self.cuda = driver()
        if not 0 <= device < self.cuda.Device.count():
            raise UserError(f"there is no GPU {device}", hint=HINT)
        gpu = self.cuda.Device(device)
        self.name = str(gpu.name())
        major, minor = gpu.compute_capability()
        self.architecture: int = 10 * major + minor
        self._context = gpu.retain_primary_context()

    @contextmanager
    def current(self) -> Iterator[None]:
        """The GPU's context is this thread's for a while."""
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()


class Memory:
    """Bytes on the GPU and, page-locked so that copies need no wait, the same here; they grow."""

    def __init__(self, gpu: Gpu) -> None:
        self._cuda = gpu.cuda
        self._there: Any = None
        self._here: NDArray[np.uint8] | None = None
        self._size = 0

    def reserve(self, size: int) -> int:
        """The address on the GPU of at least so many bytes; what was there is gone."""
        if size > self._size:
            self.free()
            self._there = self._cuda.mem_alloc(size)
            self._size = size
        return int(self._there)

    def send(self, data: NDArray[np.uint8], stream: Any) -> int:
        """Copy to the GPU, after what is on the stream; the address."""
        address, here = self.reserve(data.nbytes), self._mirror(data.nbytes)
        here[:] = data.reshape(-1)
        self._cuda.memcpy_htod_async(address, here, stream)
        return address

    def fetch(self, shape: tuple[int, ...], kind: Any, stream: Any) -> NDArray[Any]:
        """Copy from the GPU, after what is on the stream, and wait for it."""
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        here = self._mirror(size)
        self._cuda.memcpy_dtoh_async(here, self.reserve(size), stream)
        stream.synchronize()
        # A copy of its own: the next call writes here.
        return np.array(here.view(kind).reshape(shape))

    def free(self) -> None:
        """Give both back; the context must be current."""
        if self._there is not None:
            self._there.free()
        self._there, self._here, self._size = None, None, 0

    def _mirror(self, size: int) -> NDArray[np.uint8]:
        if self._here is None or self._here.size < size:
            self._here = self._cuda.pagelocked_empty(self._size, np.uint8)
        return self._here[:size]
