"""Writes the int8 of a network as the uint8 that ONNX Runtime's CPU multiplies fast.

An artefact holds what TensorRT takes: int8 around 0, and `Conv, Relu, QuantizeLinear` to be fused.
ONNX Runtime computes a convolution in 8 bits only where it is quantised at once, and turns off that
path for an activation between. Rounding and cutting at zero change places without changing one
value, and uint8 around 128 stands for the same numbers as int8 around 0.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

# What ONNX calls: its types of 8 bits.
UINT8, INT8 = 2, 3
# Stands for 0, and so it is the least that leaves a Relu.
MIDDLE = "uint8/128"


def unsigned(model: Any) -> None:
    """Rewrite a ModelProto, whose weights stay int8; one without int8 stays as it is."""
    graph = model.graph
    signed = {weight.name for weight in graph.initializer if _is_zero(weight)}
    quantised = {
        node.output[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[2] in signed
    }
    if not quantised:
        return
    graph.initializer.add(name=MIDDLE, data_type=UINT8, raw_data=bytes([128]))
    for node in graph.node:
        ours = {"QuantizeLinear": node.output, "DequantizeLinear": node.input}.get(node.op_type)
        if ours and ours[0] in quantised:
            node.input[2] = MIDDLE
    _cut_afterwards(graph, quantised)


def _is_zero(weight: Any) -> bool:
    """Whether it is the zero point of a tensor that is int8 around 0."""
    is_byte = weight.data_type == INT8 and not weight.dims
    return is_byte and not any(weight.raw_data) and not any(weight.int32_data)


def _cut_afterwards(graph: Any, quantised: set[str]) -> None:
    """`Relu, QuantizeLinear` -> `QuantizeLinear, Clip`, where nothing else reads the Relu."""
    readers = Counter(name for node in graph.node for name in node.input)
    # A result of the graph is read by whoever runs it.
    readers.update(value.name for value in graph.output)
    alone = [n for n in graph.node if n.op_type == "Relu" and readers[n.output[0]] == 1]
    sources = {node.output[0]: node.input[0] for node in alone}
    nodes, moved = [], set()
    for node in graph.node:
        nodes.append(node)
        read = node.input[0] if node.input else ""
        if node.op_type == "QuantizeLinear" and node.output[0] in quantised and read in sources:
            moved.add(read)
            nodes.append(_clip_after(node))
            node.input[0] = sources[read]
    _replace(graph, [n for n in nodes if not (n.op_type == "Relu" and n.output[0] in moved)])


def _clip_after(node: Any) -> Any:
    """What gives the node's result, cut at zero, under the name that the node gave it."""
    name = node.output[0]
    node.output[0] = f"{name}/whole"
    return type(node)(
        op_type="Clip", name=f"{name}/clip", input=[node.output[0], MIDDLE], output=[name]
    )


def _replace(graph: Any, nodes: list[Any]) -> None:
    # Copies: what is deleted from a graph takes its nodes along.
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
