"""Runs a TensorRT engine, of TensorRT itself or of TensorRT-RTX: pictures go up, masks come down.

The engine shrinks, and paints where its head is the mask. Where its head is the logits, they stay
on the GPU and the compiled `paint` in the artefact makes the mask of them there.
"""

from __future__ import annotations

import importlib
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import engine as artefact
from kernels.ahead import cubin_from
from kernels.artefact import IMAGE, LOGITS, MASK
from kernels.engine import Engine
from kernels.errors import UserError, about
from kernels.paint import Mask
from serve.device import Painter
from serve.gpu import Gpu, Memory

# The package that loads the engines of a flavour, and what to install for it.
PACKAGES = {"tensorrt": ("tensorrt", "gpu"), "rtx": ("tensorrt_rtx", "rtx")}


# More would wait for the same GPU, each with activations of its own.
MOST_LANES = 4


class Lane:
    """A stream with an execution context and memory of its own: one call at a time."""

    def __init__(self, trt: Any, plan: Any, gpu: Gpu, painter: Painter | None) -> None:
        self._painter = painter
        self._context = plan.create_execution_context()
        if self._context is None:
            raise UserError(
                "the GPU has no memory left for one more execution context",
                hint="start the server with fewer --workers",
            )
        self._stream = gpu.cuda.Stream()
        names = [plan.get_tensor_name(index) for index in range(plan.num_io_tensors)]
        self._kinds = {name: np.dtype(trt.nptype(plan.get_tensor_dtype(name))) for name in names}
        self._memory = {name: Memory(gpu) for name in names}

    def masks(self, pictures: NDArray[np.uint8]) -> Mask:
        """[N,H,W,3] -> [N,H,W]; the GPU's context must be current."""
        context = self._context
        if not context.set_input_shape(IMAGE, pictures.shape):
            raise UserError(f"the engine does not take pictures of {pictures.shape}")
        context.set_tensor_address(IMAGE, self._memory[IMAGE].send(pictures, self._stream))
        shapes = {}
        for name in self._memory.keys() - {IMAGE}:
            shapes[name] = shape = tuple(context.get_tensor_shape(name))
            size = int(np.prod(shape)) * self._kinds[name].itemsize
            context.set_tensor_address(name, self._memory[name].reserve(size))
        if not context.execute_async_v3(self._stream.handle):
            raise RuntimeError("TensorRT did not run the engine; its log says why")
        if MASK in shapes:
            return self._memory[MASK].fetch(shapes[MASK], self._kinds[MASK], self._stream)
        return self._painted(shapes[LOGITS], (pictures.shape[1], pictures.shape[2]))

    def close(self) -> None:
        """Give everything back; the GPU's context must be current."""
        for memory in self._memory.values():
            memory.free()
        self._context = self._stream = None

    def _painted(self, shape: tuple[int, ...], size: tuple[int, int]) -> Mask:
        assert self._painter is not None
        one = (shape[1], shape[2], shape[3])
        pace = int(np.prod(one)) * self._kinds[LOGITS].itemsize
        first = self._memory[LOGITS].reserve(pace * shape[0])
        return np.stack(
            [
                self._painter.paint(first + index * pace, size, shape=one, stream=self._stream)
                for index in range(shape[0])
            ]
        )


class TensorRTRuntime:
    """An engine on one GPU, with a lane for each worker, up to four."""

    def __init__(self, opened: Engine, trt: Any, gpu: Gpu, workers: int) -> None:
        self.contract = opened.contract
        flavour = "TensorRT-RTX" if opened.build["flavour"] == "rtx" else "TensorRT"
        self.name = f"{flavour} {trt.__version__} ({gpu.name})"
        self._gpu = gpu
        self._idle: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        with gpu.current():
            # The logger must live as long as what writes to it.
            self._logger = trt.Logger(trt.Logger.WARNING)
            runtime = trt.Runtime(self._logger)
            self._runtime, self._plan = runtime, runtime.deserialize_cuda_engine(opened.plan())
            if self._plan is None:
                raise UserError(
                    f"{opened.path}: {flavour} does not load this engine", hint=artefact.HINT
                )
            self._least, typical, self._most = _profile(trt, self._plan)
            painter = _painter(opened, self._plan, gpu)
            self._lanes = [
                Lane(trt, self._plan, gpu, painter) for _ in range(min(workers, MOST_LANES))
            ]
        self.size: tuple[int, int] | None = (typical[1], typical[2])
        self.batch = self._most[0]
        for lane in self._lanes:
            self._idle.put(lane)

    def masks(self, pictures: NDArray[np.uint8]) -> Mask:
        """uint8 [N,H,W,3] -> the class of every pixel [N,H,W]."""
        count = len(pictures)
        self._check(pictures.shape)
        # An engine for a fixed number of pictures is given blank ones as well.
        lacking = max(0, self._least[0] - count)
        whole = np.pad(pictures, ((0, lacking), (0, 0), (0, 0), (0, 0))) if lacking else pictures
        with self._lane() as lane, self._gpu.current():
            return lane.masks(whole)[:count]

    def close(self) -> None:
        """Give back the GPU's memory."""
        with self._gpu.current():
            for lane in self._lanes:
                lane.close()
            self._lanes.clear()
            self._plan = self._runtime = None

    def _check(self, shape: tuple[int, ...]) -> None:
        sides = zip(self._least[1:3], shape[1:3], self._most[1:3], strict=True)
        if not all(least <= side <= most for least, side, most in sides):
            spans = [f"{ends[1]}x{ends[2]}" for ends in (self._least, self._most)]
            raise UserError(
                f"picture: {shape[1]}x{shape[2]}, and this engine takes "
                f"{' to '.join(dict.fromkeys(spans))} (height x width)",
                hint="resize it, or have an engine built with --size for what is sent",
            )

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        """One that is idle, or the first to become so."""
        lane = self._idle.get()
        try:
            yield lane
        finally:
            self._idle.put(lane)


def open_artefact(
    path: Path, threads: int | None, *, device: str = "auto", workers: int = 1
) -> TensorRTRuntime:
    """The engine at `path`; one that this TensorRT on this GPU cannot load is an error."""
    if device == "cpu":
        raise UserError(
            f"'{path}' is an engine, which runs on a GPU alone",
            hint="serve the ONNX artefact on a CPU: unzip -p model.trt model.onnx > model.onnx",
        )
    opened = artefact.read(path)
    flavour = str(opened.build.get("flavour"))
    trt, gpu = _library(flavour, path), Gpu()
    artefact.refuse_unloadable(
        opened, flavour=flavour, version=str(trt.__version__), architecture=gpu.architecture
    )
    return TensorRTRuntime(opened, trt, gpu, workers)


def _library(flavour: str, path: Path) -> Any:
    package, extra = PACKAGES.get(flavour, PACKAGES["tensorrt"])
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"'{path}' is an engine of {flavour}, and {package} cannot be imported ({error})",
            hint=f"install NVIDIA's package {package} beside softres' extra '{extra}'",
        ) from None


def _profile(trt: Any, plan: Any) -> tuple[tuple[int, ...], ...]:
    """Least, typical and most [N,H,W,3] of the pictures."""
    names = [plan.get_tensor_name(index) for index in range(plan.num_io_tensors)]
    inputs = [name for name in names if plan.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    if inputs != [IMAGE] or not {MASK, LOGITS} & set(names):
        raise UserError(
            f"an engine of {', '.join(names)}: it lacks {IMAGE}, and {MASK} or {LOGITS}",
            hint=artefact.HINT,
        )
    return tuple(tuple(shape) for shape in plan.get_tensor_profile_shape(IMAGE, 0))


def _painter(opened: Engine, plan: Any, gpu: Gpu) -> Painter | None:
    """The artefact's own `paint` for this GPU, where the engine leaves that to be done."""
    names = [plan.get_tensor_name(index) for index in range(plan.num_io_tensors)]
    if MASK in names:
        return None
    for architecture in opened.build.get("architectures", []):
        kernel = f"paint-sm{architecture}"
        if f"{kernel}.json" in opened.build["sha256"]:
            with about(f"{opened.path}: {kernel}"):
                plain = json.loads(opened.read(f"{kernel}.json"))
                cubin = cubin_from(plain, opened.read(f"{kernel}.cubin"))
            if cubin.runs_on(gpu.architecture):
                return Painter(cubin)
    raise UserError(
        f"{opened.path}: its head is the logits, and it holds no kernel that paints them on "
        f"sm{gpu.architecture}",
        hint="export it with --head mask, or where triton is installed",
    )
