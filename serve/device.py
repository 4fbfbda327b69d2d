"""Every call of pycuda: paints on the GPU with a kernel that was compiled ahead of time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.ahead import MOST_BYTE_CLASSES, POINTER, Cubin, PaintLaunch, paint_launch
from kernels.errors import UserError

Window = tuple[int, int, int, int]
LOGITS = {"*fp32": np.float32, "*fp16": np.float16}
HINT = "install softres with its extra 'gpu' on a machine with an NVIDIA driver and CUDA's toolkit"


def driver() -> Any:
    """pycuda's driver, ready; a UserError where the package or the GPU is missing."""
    try:
        cuda = importlib.import_module("pycuda.driver")
    # Without libcuda the import itself fails, as an ImportError.
    except ImportError as error:
        raise UserError(f"painting on a GPU needs pycuda ({error})", hint=HINT) from None
    try:
        cuda.init()
    except cuda.Error as error:
        raise UserError(f"the GPU cannot be used ({error})", hint=HINT) from None
    return cuda


class Painter:
    """A compiled `paint`, loaded on one GPU; several threads may use it at once."""

    def __init__(self, cubin: Cubin, *, device: int = 0) -> None:
        self.cubin = cubin
        self._cuda = driver()
        if not 0 <= device < self._cuda.Device.count():
            raise UserError(f"there is no GPU {device}", hint=HINT)
        gpu = self._cuda.Device(device)
        _check_architecture(cubin, gpu)
        # The primary context is the one the network's runtime uses as well.
        self._context = gpu.retain_primary_context()
        with self.current():
            self._module = self._cuda.module_from_buffer(cubin.code)
            self._kernel = self._module.get_function(cubin.name)

    @contextmanager
    def current(self) -> Iterator[None]:
        """The GPU's context is this thread's for a while."""
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()

    def paint(
        self,
        logits: NDArray[np.floating[Any]] | int,
        size: tuple[int, int],
        *,
        shape: tuple[int, int, int] | None = None,
        window: Window | None = None,
        stream: Any = None,
    ) -> NDArray[np.unsignedinteger[Any]]:
        """[C,h,w] -> the mask; `logits` may be an address on the GPU, with their `shape`.

        Runs on `stream`, after what is there already; only the mask leaves the GPU.
        """
        given = logits.shape if isinstance(logits, np.ndarray) else shape or ()
        if len(given) != 3 or min(given) < 1:
            raise UserError(f"logits must be [C,h,w] and not empty, not {tuple(given)}")
        if given[0] != self.cubin.constants["classes"] or self.cubin.constants["with_margin"]:
            raise UserError(f"logits: {self.cubin.name} does not paint {given[0]} classes alone")
        launch = paint_launch(1, (given[1], given[2]), size, window)
        with self.current():
            # In a frame of its own: a stream and page-locked memory can only be given back while
            # the context is current, which is when that frame ends.
            return self._painted(logits, launch, stream)

    def _painted(
        self, logits: NDArray[np.floating[Any]] | int, launch: PaintLaunch, stream: Any
    ) -> NDArray[np.unsignedinteger[Any]]:
        queue = self._cuda.Stream() if stream is None else stream
        classes = self.cubin.constants["classes"]
        kind = np.uint8 if classes <= MOST_BYTE_CLASSES else np.uint16
        # Copies to memory that may be paged out would wait for the stream.
        mask = self._cuda.pagelocked_empty(launch.shape, kind)
        try:
            with ExitStack() as held:
                painted = self._cuda.mem_alloc(mask.nbytes)
                held.callback(painted.free)
                given = self._on_gpu(logits, queue, held)
                # First of all that is undone: nothing may be freed while the stream works on it.
                held.callback(queue.synchronize)
                self._launch((given, painted, painted), launch.numbers, launch.grid, queue)
                self._cuda.memcpy_dtoh_async(mask, painted, queue)
            # A copy of its own: page-locked memory is scarce, and an answer may live long.
            return np.array(mask)
        finally:
            # An error would keep this frame, and with it these two.
            del mask, queue

    def _on_gpu(self, logits: NDArray[np.floating[Any]] | int, stream: Any, held: ExitStack) -> Any:
        if isinstance(logits, int):
            return logits
        kind = LOGITS.get(self.cubin.arguments[0].kind)
        if logits.dtype != kind:
            wanted = self.cubin.arguments[0].kind.removeprefix(POINTER)
            raise UserError(f"logits are {logits.dtype}; the kernel was compiled for {wanted}")
        given = self._cuda.mem_alloc(logits.nbytes)
        held.callback(given.free)
        self._cuda.memcpy_htod_async(given, np.ascontiguousarray(logits), stream)
        return given

    def _launch(
        self,
        pointers: tuple[Any, ...],
        numbers: tuple[int, ...],
        grid: tuple[int, int, int],
        stream: Any,
    ) -> None:
        self._kernel(
            *packed(self.cubin, pointers, numbers),
            block=(self.cubin.threads, 1, 1),
            grid=grid,
            stream=stream,
            shared=self.cubin.shared,
        )


def packed(cubin: Cubin, pointers: tuple[Any, ...], numbers: tuple[int, ...]) -> list[Any]:
    """One value of the declared kind for every argument of the kernel; scratch is null."""
    remaining = [iter(pointers), iter(numbers)]
    values = [
        np.uintp(int(next(remaining[0], 0)))
        if argument.kind.startswith(POINTER)
        else np.int32(next(remaining[1]))
        for argument in cubin.arguments
    ]
    if any(True for rest in remaining for _ in rest):
        raise UserError(f"{cubin.name} takes other arguments", hint="export the model again")
    return values


def _check_architecture(cubin: Cubin, gpu: Any) -> None:
    major, minor = gpu.compute_capability()
    if not cubin.runs_on(10 * major + minor):
        made = f"{cubin.architecture // 10}.{cubin.architecture % 10}"
        raise UserError(
            f"the kernel was compiled for compute capability {made};"
            f" {gpu.name()} has {major}.{minor}",
            hint="export the model again for this GPU",
        )
