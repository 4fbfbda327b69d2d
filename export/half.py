"""Writes a body in 16-bit floats, but for the operators that must not be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    inliner,
    numpy_helper,
    shape_inference,
)

from kernels.errors import UserError

# Products, sums of a few values, and what only moves values. Everything else stays float32: means
# over a picture add more values than 16 bits can count, and exponentials, divisions and norms turn
# small errors into large ones.
LOWERED = re.findall(
    r"\w+",
    """
    Add AveragePool Clip Concat Conv ConvTranspose DepthToSpace Expand Flatten Gather Gemm
    HardSigmoid HardSwish Identity LeakyRelu MatMul MaxPool Mul PRelu Pad Relu Reshape Resize
    Sigmoid Slice SpaceToDepth Split Squeeze Sub Transpose Unsqueeze
    """,
)
# What reads no numbers at all.
BLIND = ("Shape", "Size")
# Inputs that are float32 by definition, by operator: regions and scales.
ALWAYS_FLOAT = {"Resize": (1, 2)}


@dataclass(kw_only=True)
class _Lowering:
    """What is known while the nodes are gone through."""

    kind: int
    floats: set[str]  # tensors that were float32
    weights: dict[str, NDArray[Any]]
    round: Callable[[NDArray[np.float32]], NDArray[Any]]
    nodes: list[NodeProto] = field(default_factory=list)
    made: dict[str, TensorProto] = field(default_factory=dict)
    casts: dict[tuple[str, int], str] = field(default_factory=dict)

    def cast(self, name: str, kind: int) -> str:
        """`name` as another kind, once for all readers."""
        if (name, kind) not in self.casts:
            cast = f"{name}/{TensorProto.DataType.Name(kind).lower()}"
            self.nodes.append(helper.make_node("Cast", [name], [cast], name=cast, to=kind))
            self.casts[name, kind] = cast
        return self.casts[name, kind]

    def weight(self, name: str, *, low: bool) -> str:
        """A weight in 16 bits or as it was."""
        held = f"{name}/low" if low else name
        if held not in self.made:
            value = self.round(self.weights[name]) if low else self.weights[name]
            self.made[held] = numpy_helper.from_array(value, held)
        return held


def lower(
    model: ModelProto, kind: int, rounded: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> tuple[ModelProto, dict[str, int]]:
    """The body with 16-bit insides, and how many of which operators stayed float32."""
    source = shape_inference.infer_shapes(inliner.inline_local_functions(model))
    graph, kept = source.graph, Counter[str]()
    state = _Lowering(
        kind=kind,
        floats=_floats(graph),
        weights={entry.name: numpy_helper.to_array(entry) for entry in graph.initializer},
        round=rounded,
    )
    low: set[str] = set()
    for node in graph.node:
        if node.op_type in BLIND:
            state.nodes.append(node)
            continue
        is_low = node.op_type in LOWERED
        if not is_low and any(name in state.floats for name in (*node.input, *node.output)):
            kept[node.op_type] += 1
        _place(state, node, low, is_low=is_low)
    for output in graph.output:
        _restore(state, output.name, low)
    result = ModelProto()
    result.CopyFrom(source)
    for listed in (result.graph.node, result.graph.initializer, result.graph.value_info):
        del listed[:]
    result.graph.node.extend(state.nodes)
    result.graph.initializer.extend(state.made.values())
    return result, dict(sorted(kept.items()))


def _floats(graph: GraphProto) -> set[str]:
    typed = [*graph.value_info, *graph.input, *graph.output]
    found = {v.name for v in typed if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {w.name for w in graph.initializer if w.data_type == TensorProto.FLOAT}


def _place(state: _Lowering, node: NodeProto, low: set[str], *, is_low: bool) -> None:
    """Append the node with its inputs in the kind it computes in."""
    placed = NodeProto()
    placed.CopyFrom(node)
    always = ALWAYS_FLOAT.get(node.op_type, ())
    for index, name in enumerate(node.input):
        wants_low = is_low and index not in always
        if name in state.weights:
            placed.input[index] = state.weight(name, low=wants_low and name in state.floats)
        elif name in state.floats and (name in low) != wants_low:
            placed.input[index] = state.cast(name, state.kind if wants_low else TensorProto.FLOAT)
    state.nodes.append(placed)
    if is_low:
        low.update(name for name in node.output if name in state.floats)


def _restore(state: _Lowering, name: str, low: set[str]) -> None:
    """Give an output of the body back in float32, under its own name."""
    if name not in low:
        return
    inner = f"{name}/low"
    for node in state.nodes:
        for names in (node.input, node.output):
            for index, given in enumerate(names):
                if given == name:
                    names[index] = inner
    state.nodes.append(helper.make_node("Cast", [inner], [name], to=TensorProto.FLOAT))


def to_float16(value: NDArray[np.float32]) -> NDArray[np.float16]:
    """Rounded to half precision; what it cannot hold is an error."""
    largest = float(np.finfo(np.float16).max)
    if np.abs(value).max(initial=0) > largest:
        raise UserError(
            f"a weight is beyond {largest:g}, the largest number of fp16",
            hint="use --precision bf16 or fp32",
        )
    return value.astype(np.float16)
