"""A float32 twin of a bfloat16 graph, for machines that cannot compute in bfloat16.

ONNX Runtime has no bfloat16 convolution on a CPU. The twin rounds every weight and every result to
bfloat16 and computes in float32 between, which is what tensor cores do.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

KIND = TensorProto.BFLOAT16


def needs_twin(model: ModelProto) -> bool:
    """Whether the graph computes in bfloat16."""
    return any(weight.data_type == KIND for weight in model.graph.initializer)


def twin(model: ModelProto) -> ModelProto:
    """The same graph in float32, with the roundings written out."""
    low = _low(model)
    made = ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    del made.graph.value_info[:]
    for weight in made.graph.initializer:
        if weight.data_type == KIND:
            value = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(value, weight.name))
    for node in model.graph.node:
        made.graph.node.extend(_rounded(node, low))
    return made


def _low(model: ModelProto) -> set[str]:
    typed = shape_inference.infer_shapes(model).graph.value_info
    return {value.name for value in typed if value.type.tensor_type.elem_type == KIND}


def _rounded(node: NodeProto, low: set[str]) -> list[NodeProto]:
    """The node, and the roundings of those of its results that were bfloat16."""
    placed = NodeProto()
    placed.CopyFrom(node)
    nodes = [placed]
    for attribute in placed.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == KIND:
            attribute.i = TensorProto.FLOAT
    for index, name in enumerate(node.output):
        if name in low:
            exact, short = f"{name}/exact", f"{name}/short"
            placed.output[index] = exact
            nodes.append(helper.make_node("Cast", [exact], [short], to=KIND))
            nodes.append(helper.make_node("Cast", [short], [name], to=TensorProto.FLOAT))
    return nodes
