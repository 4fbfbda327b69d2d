"""A float32 twin of a 16-bit graph, that shows on a CPU what the graph does on a GPU.

ONNX Runtime's CPU has no bfloat16 convolution, and float16 it computes in float32 without rounding
between operators: overflows and lost digits would go unseen. The twin rounds every weight and every
result to 16 bits and computes in float32 between, which is what tensor cores do.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

# For the build facts.
TWIN = "float32 with every result rounded to 16 bits"
KINDS = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def needs_twin(model: ModelProto) -> bool:
    """Whether the graph computes in 16 bits."""
    return any(weight.data_type in KINDS for weight in model.graph.initializer)


def twin(model: ModelProto) -> ModelProto:
    """The same graph in float32, with the roundings written out."""
    low = _low(model)
    made = ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    del made.graph.value_info[:]
    for weight in made.graph.initializer:
        if weight.data_type in KINDS:
            value = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(value, weight.name))
    for node in model.graph.node:
        made.graph.node.extend(_rounded(node, low))
    return made


def _low(model: ModelProto) -> dict[str, int]:
    """The tensors of 16 bits, and of which kind they are."""
    typed = shape_inference.infer_shapes(model).graph.value_info
    kinds = {value.name: value.type.tensor_type.elem_type for value in typed}
    return {name: kind for name, kind in kinds.items() if kind in KINDS}


def _rounded(node: NodeProto, low: dict[str, int]) -> list[NodeProto]:
    """The node, and the roundings of those of its results that had 16 bits."""
    placed = NodeProto()
    placed.CopyFrom(node)
    nodes = [placed]
    for attribute in placed.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i in KINDS:
            attribute.i = TensorProto.FLOAT
    for index, name in enumerate(node.output):
        if name in low:
            exact, short = f"{name}/exact", f"{name}/short"
            placed.output[index] = exact
            nodes.append(helper.make_node("Cast", [exact], [short], to=low[name]))
            nodes.append(helper.make_node("Cast", [short], [name], to=TensorProto.FLOAT))
    return nodes
