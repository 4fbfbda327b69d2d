"""Runs an ONNX artefact with ONNX Runtime, on the CPU or on an NVIDIA GPU.

The graph paints full-size masks by itself. Here only its network, `small` -> `logits`, is cut out
and run: the kernels around it give the same mask without ever holding logits of full size, and
every stage has its own time. Its int8, if it has any, becomes the uint8 that this CPU is fast in.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads as kernel_threads
from kernels.artefact import CONTRACT_KEY, IMAGE, LOGITS, SMALL
from kernels.contract import Contract
from kernels.cut import EXPORT_HINT, cut
from kernels.errors import UserError, about
from kernels.session import CPU, CUDA, providers, settle
from kernels.unsigned import unsigned

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["CONTRACT_KEY", "OnnxRuntime", "cut", "open_artefact"]

# One call already fills the cores of a CPU: four pictures of 256 x 512 in a call took 158 ms each,
# one by one 148. A GPU is filled by several.
BATCH = {CPU: 1, CUDA: 8}


class OnnxRuntime:
    """One session over the network of an artefact."""

    def __init__(
        self,
        *,
        contract: str,
        session: Any,
        name: str,
        batch: int = 1,
        most_batch: int | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.contract = contract
        self.name = name
        self.batch = batch
        self.most_batch = most_batch
        self.size = size
        self._session = session

    def logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        """uint8 [h,w,3], already shrunk -> float [C,h',w']; a leading batch axis is kept."""
        batch = small if small.ndim == 4 else small[None]
        (found,) = self._session.run([LOGITS], {SMALL: batch.astype(np.float32)})
        logits: NDArray[np.floating] = found if small.ndim == 4 else found[0]
        return logits

    def close(self) -> None:
        """Give the session back."""
        self._session = None


def open_artefact(
    path: Path, threads: int | None, *, device: str = "auto", workers: int = 1
) -> OnnxRuntime:
    """The network of the artefact at `path`, on `threads` threads or as many as the kernels use."""
    onnxruntime = _library("onnxruntime")
    provider = _provider(onnxruntime, device)
    model = _read(path)
    contract = _contract(model, path)
    most_batch, size = _taken(model, path)
    cut(model, path, _small(size, contract, path))
    if provider == CPU:
        unsigned(model)
    count = threads or kernel_threads.count()
    session = _session(onnxruntime, model, count, path, provider)
    runs_on = _verified(session, provider, device)
    where = "CUDA" if runs_on == CUDA else f"CPU, threads: {count}"
    return OnnxRuntime(
        contract=contract,
        session=session,
        name=f"ONNX Runtime {onnxruntime.__version__} ({where})",
        batch=min(BATCH[runs_on], most_batch or BATCH[runs_on]),
        most_batch=most_batch,
        size=size,
    )


def _provider(onnxruntime: Any, device: str) -> str:
    """What is asked for, as ONNX Runtime calls it; `auto` takes a GPU where one may be."""
    there = CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not there:
        raise UserError(
            "device cuda: this onnxruntime runs on a CPU alone",
            hint="install softres with its extra 'gpu' in place of 'cpu', or take --device cpu",
        )
    return CUDA if there and device != "cpu" else CPU


def _verified(session: Any, wanted: str, device: str) -> str:
    """The provider that really runs: where CUDA does not start, ONNX Runtime goes on without."""
    runs_on: str = CUDA if CUDA in session.get_providers() else CPU
    if device == "cuda" and runs_on != wanted:
        raise UserError(
            f"device cuda: ONNX Runtime fell back to {', '.join(session.get_providers())}",
            hint="its log says what CUDA lacks: a driver, cuDNN or a GPU; or take --device cpu",
        )
    return runs_on


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"an ONNX artefact needs the package {name.partition('.')[0]}, which is not installed",
            hint="install softres with its extra 'cpu'",
        ) from None


def _read(path: Path) -> ModelProto:
    onnx, protobuf = _library("onnx"), _library("google.protobuf.message")
    try:
        model: ModelProto = onnx.load(path, load_external_data=False)
    except (protobuf.DecodeError, OSError, ValueError) as error:
        raise UserError(f"'{path}' is not an ONNX file ({error})", hint=EXPORT_HINT) from None
    # Some files of other kinds read as a model with nothing in it.
    if not model.graph.node:
        raise UserError(f"'{path}' is not an ONNX file", hint=EXPORT_HINT)
    return model


def _contract(model: ModelProto, path: Path) -> str:
    try:
        texts = {entry.key: entry.value for entry in model.metadata_props}
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is damaged ({error})", hint=EXPORT_HINT) from None
    if CONTRACT_KEY in texts:
        return str(texts[CONTRACT_KEY])
    raise UserError(
        f"'{path}' is an ONNX file without a softres contract",
        hint="serve takes what the exporter wrote: only that names classes, colours and sizes",
    )


def _taken(model: ModelProto, path: Path) -> tuple[int | None, tuple[int, int] | None]:
    """How many pictures in a call and of which size the graph is for; None is any.

    A graph for one size pads and crops for that size alone.
    """
    for value in model.graph.input:
        if value.name != IMAGE:
            continue
        sides = value.type.tensor_type.shape.dim[:3]
        batch, *size = (*(side.dim_value for side in sides), 0)[:3]
        if len(sides) < 3 or batch > 1 or any(size) != all(size):
            told = ", ".join(side.dim_param or str(side.dim_value) for side in sides)
            raise UserError(
                f"'{path}' takes pictures of one shape alone: [{told}]",
                hint="what is served is one picture: export the checkpoint without --batch, "
                "and without --size for pictures of any size",
            )
        return batch or None, (size[0], size[1]) if all(size) else None
    return None, None


def _small(size: tuple[int, int] | None, contract: str, path: Path) -> tuple[int, int] | None:
    """The size of what the network sees of such a picture."""
    if size is None:
        return None
    with about(path):
        return Contract.from_json(contract).seen_size(size)


def _session(
    onnxruntime: Any, model: ModelProto, threads: int, path: Path, provider: str = CPU
) -> Any:
    options = settle(onnxruntime.SessionOptions(), threads)
    given, wanted = model.SerializeToString(), providers(provider)
    try:
        return onnxruntime.InferenceSession(given, options, providers=wanted)
    # ONNX Runtime's errors have no class in common below Exception.
    except Exception as error:
        raise UserError(
            f"'{path}': ONNX Runtime refuses the network ({error})",
            hint=f"{EXPORT_HINT}, in a --precision that it computes there: fp32, fp16 or int8",
        ) from None
