"""Writes int8 into a body as explicit QuantizeLinear and DequantizeLinear, as TensorRT wants it.

Weights are int8 with a scale for each output channel, activations int8 with one scale, all of them
symmetric: zero is 0. What a convolution reads and what it gives are int8, and whoever else reads
those values reads the same ones, so that additions and concatenations join int8 with int8.
"""

from __future__ import annotations

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
)

from export.calibrate import STEPS

# With the axis of the weights that is the output channel.
QUANTISED = {"Conv": 0}
# What belongs to the convolution before it.
ACTIVATIONS = ("Relu", "Clip", "HardSwish")


@dataclass(frozen=True, kw_only=True)
class Sites:
    """Where int8 goes: the tensors, and the convolutions whose weights it is."""

    tensors: list[str]
    nodes: list[str]


def sites(model: ModelProto) -> Sites:
    """Every convolution but the last ones, whose results are the logits."""
    graph, tensors = model.graph, dict[str, None]()
    weights = {entry.name for entry in graph.initializer}
    readers = _readers(graph)
    nodes = []
    for node in graph.node:
        if node.op_type not in QUANTISED or node.input[1] not in weights:
            continue
        nodes.append(node.output[0])
        tensors[node.input[0]] = None
        result = _activated(node.output[0], readers)
        if not _is_last(result, readers, graph):
            tensors[result] = None
    return Sites(tensors=list(tensors), nodes=nodes)


def _readers(graph: GraphProto) -> dict[str, list[NodeProto]]:
    found: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def _activated(name: str, readers: dict[str, list[NodeProto]]) -> str:
    """The result of a convolution after the activation that alone reads it."""
    following = readers.get(name, [])
    if len(following) == 1 and following[0].op_type in ACTIVATIONS:
        return str(following[0].output[0])
    return name


def _is_last(name: str, readers: dict[str, list[NodeProto]], graph: GraphProto) -> bool:
    """Whether nothing that is quantised reads what comes of it."""
    seen, waiting = set[str](), [name]
    while waiting:
        for node in readers.get(waiting.pop(), []):
            if node.op_type in QUANTISED:
                return False
            waiting.extend(output for output in node.output if output not in seen)
            seen.update(node.output)
    return True


@dataclass(kw_only=True)
class _Rewriting:
    """The new graph while it grows."""

    scales: dict[str, float]
    nodes: list[NodeProto] = field(default_factory=list)
    weights: dict[str, TensorProto] = field(default_factory=dict)

    def hold(self, name: str, value: NDArray[np.generic]) -> str:
        """A constant of that name."""
        self.weights[name] = numpy_helper.from_array(value, name)
        return name

    def pair(self, name: str) -> None:
        """Quantise a tensor and give it back."""
        scale = self.hold(f"{name}/scale", np.array(self.scales[name] / STEPS, np.float32))
        zero = self.hold(f"{name}/zero", np.array(0, np.int8))
        self.add("QuantizeLinear", [name, scale, zero], f"{name}/int8")
        self.add("DequantizeLinear", [f"{name}/int8", scale, zero], f"{name}/back")

    def channels(self, name: str, value: NDArray[np.float32], axis: int) -> str:
        """Weights as int8 with a scale per channel of `axis`."""
        others = tuple(each for each in range(value.ndim) if each != axis)
        most = np.abs(value).max(axis=others)
        scales = np.where(most > 0, most, 1).astype(np.float32) / np.float32(STEPS)
        shape = [-1 if each == axis else 1 for each in range(value.ndim)]
        steps = np.clip(np.rint(value / scales.reshape(shape)), -STEPS, STEPS).astype(np.int8)
        inputs = [
            self.hold(f"{name}/int8", steps),
            self.hold(f"{name}/scale", scales),
            self.hold(f"{name}/zero", np.zeros(len(scales), np.int8)),
        ]
        self.add("DequantizeLinear", inputs, f"{name}/back", axis=axis)
        return f"{name}/back"

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """One more node."""
        node = helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.nodes.append(node)


def inlined(model: ModelProto) -> ModelProto:
    """The body without functions of its own."""
    return inliner.inline_local_functions(model)


def quantise(model: ModelProto, where: Sites, cuts: dict[str, float]) -> ModelProto:
    """The body with int8 at those sites; `cuts` are the sizes that 127 stands for."""
    graph, state = model.graph, _Rewriting(scales=cuts)
    values = {entry.name: entry for entry in graph.initializer}
    for name in (value.name for value in graph.input if value.name in cuts):
        state.pair(name)
    for node in graph.node:
        _place(state, node, where, values)
    made = ModelProto()
    made.CopyFrom(model)
    for listed in (made.graph.node, made.graph.initializer, made.graph.value_info):
        del listed[:]
    read = {name for node in state.nodes for name in node.input}
    kept = [entry for name, entry in values.items() if name in read]
    made.graph.node.extend(state.nodes)
    made.graph.initializer.extend([*kept, *state.weights.values()])
    return made


def _place(
    state: _Rewriting, node: NodeProto, where: Sites, values: dict[str, TensorProto]
) -> None:
    placed = NodeProto()
    placed.CopyFrom(node)
    if node.output[0] in where.nodes:
        name = node.input[1]
        if f"{name}/int8" not in state.weights:
            weights = numpy_helper.to_array(values[name])
            state.channels(name, weights, QUANTISED[node.op_type])
        placed.input[1] = f"{name}/back"
    for index, name in enumerate(node.input):
        if name in state.scales:
            placed.input[index] = f"{name}/back"
    state.nodes.append(placed)
    for name in node.output:
        if name in state.scales:
            state.pair(name)
