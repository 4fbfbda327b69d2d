"""Runs an ONNX artefact with ONNX Runtime, on the CPU or on an NVIDIA GPU.

The graph paints full-size masks by itself. Here only its network, `small` -> `logits`, is cut out
and run: the kernels around it give the same mask without ever holding logits of full size, and
every stage has its own time.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads as kernel_threads
from kernels.artefact import CONTRACT_KEY, IMAGE, LOGITS, SMALL
from kernels.errors import UserError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

EXPORT_HINT = "export the checkpoint again with this softres"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# One call already fills the cores of a CPU: four pictures of 256 x 512 in a call took 158 ms each,
# one by one 148. A GPU is filled by several.
BATCH = {CPU: 1, CUDA: 8}
# Sizes come as they come: an exhaustive search would be made anew for each of them. Rounding to
# TF32 would move logits by a thousandth.
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}


class OnnxRuntime:
    """One session over the network of an artefact."""

    size: tuple[int, int] | None = None

    def __init__(self, *, contract: str, session: Any, name: str, batch: int = 1) -> None:
        self.contract = contract
        self.name = name
        self.batch = batch
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
    _refuse_fixed(model, path)
    cut(model, path)
    count = threads or kernel_threads.count()
    session = _session(onnxruntime, model, count, path, provider)
    runs_on = _verified(session, provider, device)
    where = "CUDA" if runs_on == CUDA else f"CPU, threads: {count}"
    return OnnxRuntime(
        contract=contract,
        session=session,
        name=f"ONNX Runtime {onnxruntime.__version__} ({where})",
        batch=BATCH[runs_on],
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


def cut(model: ModelProto, path: Path) -> None:
    """Leave in `model` only what makes `logits` out of `small`, at any size."""
    onnx = _library("onnx")
    graph = model.graph
    kept = _needed(graph, path)
    for index in reversed(range(len(graph.node))):
        if index not in kept:
            del graph.node[index]
    read = {name for node in graph.node for name in _reads(node)}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in read:
            del graph.initializer[index]
    # Shapes noted for the whole graph would bind the cut one; the runtime infers its own.
    for listed in (graph.input, graph.output, graph.value_info):
        del listed[:]
    kind, shape = onnx.TensorProto.FLOAT, ["N", "h", "w", 3]
    graph.input.append(onnx.helper.make_tensor_value_info(SMALL, kind, shape))
    graph.output.append(onnx.ValueInfoProto(name=LOGITS))


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
        hint="serve takes what the exporter wrote: only that names classes, colours and factor",
    )


def _refuse_fixed(model: ModelProto, path: Path) -> None:
    """A graph for one size pads and crops for that size alone: others would come out displaced."""
    for value in model.graph.input:
        sides = value.type.tensor_type.shape.dim[:3]
        if value.name == IMAGE and any(side.dim_value for side in sides):
            told = ", ".join(side.dim_param or str(side.dim_value) for side in sides)
            raise UserError(
                f"'{path}' takes pictures of one shape alone: [{told}]",
                hint="export the checkpoint without --size and --batch: what is served is any size",
            )


def _needed(graph: GraphProto, path: Path) -> set[int]:
    """The nodes on the way from `small` to `logits`."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    absent = [name for name in (SMALL, LOGITS) if name not in maker]
    if absent:
        raise UserError(
            f"'{path}' has no tensor named {' or '.join(absent)} to cut the network at",
            hint=EXPORT_HINT,
        )
    # Weights may be listed among the inputs as well.
    inputs = {value.name for value in graph.input} - {weight.name for weight in graph.initializer}
    needed: set[int] = set()
    wanted = [LOGITS]
    while wanted:
        name = wanted.pop()
        if name in inputs:
            raise UserError(
                f"'{path}': the network reads '{name}' past '{SMALL}'", hint=EXPORT_HINT
            )
        if name != SMALL and name in maker and maker[name] not in needed:
            needed.add(maker[name])
            wanted.extend(_reads(graph.node[maker[name]]))
    return needed


def _reads(node: NodeProto) -> Iterator[str]:
    """Every name the node may read, the bodies of its branches and loops included."""
    yield from node.input
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                yield from _reads(inner)
            yield from (value.name for value in body.output)


def _session(
    onnxruntime: Any, model: ModelProto, threads: int, path: Path, provider: str = CPU
) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin while they wait for the next network take the cores from paint.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = [CPU] if provider == CPU else [(CUDA, CUDA_OPTIONS), CPU]
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    # ONNX Runtime's errors have no class in common below Exception.
    except Exception as error:
        raise UserError(
            f"'{path}': ONNX Runtime refuses the network ({error})",
            hint=f"{EXPORT_HINT}, in a --precision that it computes there: fp32, fp16 or int8",
        ) from None
