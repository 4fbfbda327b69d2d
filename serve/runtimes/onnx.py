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
from kernels.errors import UserError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

CONTRACT_KEY = "softres.contract"
SMALL, LOGITS = "small", "logits"
SMALL_TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
EXPORT_HINT = "export the checkpoint again with this softres"


class OnnxRuntime:
    """One session over the network of an artefact."""

    def __init__(self, *, contract: str, session: Any, name: str) -> None:
        self.contract = contract
        self.name = name
        self._session = session
        # Whole numbers from 0 to 255 in either case: some artefacts hold them as floats.
        self._small_type = SMALL_TYPES[session.get_inputs()[0].type]

    def logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        """uint8 [h,w,3], already shrunk -> float [C,h',w']."""
        feed = {SMALL: small[None].astype(self._small_type, copy=False)}
        (batch,) = self._session.run([LOGITS], feed)
        logits: NDArray[np.floating] = batch[0]
        return logits


def open_artefact(path: Path, threads: int | None) -> OnnxRuntime:
    """The network of the artefact at `path`, on `threads` threads or as many as the kernels use."""
    onnxruntime = _library("onnxruntime")
    model = _read(path)
    contract = _contract(model, path)
    cut(model, path)
    count = threads or kernel_threads.count()
    return OnnxRuntime(
        contract=contract,
        session=_session(onnxruntime, model, count, path),
        name=f"ONNX Runtime {onnxruntime.__version__} (CPU, threads: {count})",
    )


def cut(model: ModelProto, path: Path) -> None:
    """Leave in `model` only what makes `logits` out of `small`, at any size."""
    helper = _library("onnx.helper")
    graph = model.graph
    kept = _needed(graph, path)
    small_type, logits_type = _types(model, path)
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
    small, logits = ["N", "h", "w", 3], ["N", "C", "rows", "columns"]
    graph.input.append(helper.make_tensor_value_info(SMALL, small_type, small))
    graph.output.append(helper.make_tensor_value_info(LOGITS, logits_type, logits))


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"an ONNX artefact needs the package {name.partition('.')[0]}, which is not installed",
            hint="pip install 'softres[cpu]'",
        ) from None


def _read(path: Path) -> ModelProto:
    onnx, protobuf = _library("onnx"), _library("google.protobuf.message")
    try:
        model: ModelProto = onnx.load(path, load_external_data=False)
    except (protobuf.DecodeError, OSError) as error:
        raise UserError(f"'{path}' is not an ONNX file ({error})", hint=EXPORT_HINT) from None
    # Some files of other kinds read as a model with nothing in it.
    if not model.graph.node:
        raise UserError(f"'{path}' is not an ONNX file", hint=EXPORT_HINT)
    return model


def _contract(model: ModelProto, path: Path) -> str:
    for entry in model.metadata_props:
        if entry.key == CONTRACT_KEY:
            return str(entry.value)
    raise UserError(
        f"'{path}' is an ONNX file without a softres contract",
        hint="serve takes what the exporter wrote: only that names classes, colours and factor",
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


def _types(model: ModelProto, path: Path) -> tuple[int, int]:
    """The element types of `small` and `logits`, which a graph need not note."""
    kinds = _library("onnx").TensorProto
    inferred = _library("onnx.shape_inference").infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.output)
    known = {value.name: value.type.tensor_type.elem_type for value in values}
    # What inference cannot tell, ONNX Runtime will judge.
    small, logits = known.get(SMALL) or kinds.UINT8, known.get(LOGITS) or kinds.FLOAT
    if small not in (kinds.UINT8, kinds.FLOAT) or logits not in (kinds.FLOAT, kinds.FLOAT16):
        raise UserError(
            f"'{path}': '{SMALL}' must hold uint8 or float32, '{LOGITS}' float32 or float16",
            hint=EXPORT_HINT,
        )
    return small, logits


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
            f"'{path}': ONNX Runtime refuses the network ({error})", hint=EXPORT_HINT
        ) from None
