"""Runs an ONNX artefact with ONNX Runtime on the CPU.

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
from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.factor import small_size

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

EXPORT_HINT = "export the checkpoint again with this softres"


class OnnxRuntime:
    """One session over the network of an artefact."""

    def __init__(
        self, *, contract: str, session: Any, name: str, size: tuple[int, int] | None = None
    ) -> None:
        self.contract = contract
        self.name = name
        self.size = size
        self._session = session

    def logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        """uint8 [h,w,3], already shrunk -> float [C,h',w']."""
        (batch,) = self._session.run([LOGITS], {SMALL: small[None].astype(np.float32)})
        logits: NDArray[np.floating] = batch[0]
        return logits


def open_artefact(path: Path, threads: int | None) -> OnnxRuntime:
    """The network of the artefact at `path`, on `threads` threads or as many as the kernels use."""
    onnxruntime = _library("onnxruntime")
    model = _read(path)
    contract = _contract(model, path)
    size = _only_size(model, path)
    cut(model, path, _small(size, contract, path))
    count = threads or kernel_threads.count()
    return OnnxRuntime(
        contract=contract,
        session=_session(onnxruntime, model, count, path),
        name=f"ONNX Runtime {onnxruntime.__version__} (CPU, threads: {count})",
        size=size,
    )


def cut(model: ModelProto, path: Path, small: tuple[int, int] | None = None) -> None:
    """Leave in `model` only what makes `logits` out of `small`, at that size or at any."""
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
    kind, shape = onnx.TensorProto.FLOAT, ["N", *(small or ("h", "w")), 3]
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


def _only_size(model: ModelProto, path: Path) -> tuple[int, int] | None:
    """The one size of pictures that the graph is for: it pads and crops for that size alone."""
    for value in model.graph.input:
        if value.name != IMAGE:
            continue
        sides = value.type.tensor_type.shape.dim[:3]
        batch, *size = (side.dim_value for side in sides)
        if batch > 1 or any(size) != all(size):
            told = ", ".join(side.dim_param or str(side.dim_value) for side in sides)
            raise UserError(
                f"'{path}' takes pictures of one shape alone: [{told}]",
                hint="what is served is one picture: export the checkpoint without --batch, "
                "and without --size for pictures of any size",
            )
        return (size[0], size[1]) if all(size) else None
    return None


def _small(size: tuple[int, int] | None, contract: str, path: Path) -> tuple[int, int] | None:
    """The size of what the network sees of such a picture."""
    if size is None:
        return None
    with about(path):
        return small_size(size, Contract.from_json(contract).factor)


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


def _session(onnxruntime: Any, model: ModelProto, threads: int, path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin while they wait for the next network take the cores from paint.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's errors have no class in common below Exception.
    except Exception as error:
        raise UserError(
            f"'{path}': ONNX Runtime refuses the network ({error})",
            hint=f"{EXPORT_HINT}, in a --precision that it computes on a CPU: fp32, fp16 or int8",
        ) from None
