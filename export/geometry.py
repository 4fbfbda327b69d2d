"""The graph around the body: full-size picture -> normalised picture, logits -> full-size mask.

It computes what `kernels.shrink`, `trainer.network.Network` and `kernels.paint` compute, in
standard operators. The tensors `small` and `logits` keep their names, so that a server can cut
there; `small` is float32 of whole numbers, because TensorRT keeps no uint8 inside a graph. All of
it is float32 and whole numbers, whatever the body is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, compose, helper

from export import paint_nodes, shrink_nodes
from export.intake import Intake, Size
from export.nodes import Nodes, Value
from export.paint_nodes import HEADS
from export.shrink_nodes import HEIGHT, WIDTH
from kernels.artefact import CONFIDENCE, IMAGE, LOGITS, MASK, SMALL
from kernels.contract import Contract
from kernels.factor import small_size

# What goes into a traced body and comes out of it.
PICTURE, SCORES = "picture", "scores"
PREFIX = "network/"


@dataclass(frozen=True, kw_only=True)
class Body:
    """A traced body: `picture` [N,3,h,w] -> `scores` [N,C,h/stride,w/stride]."""

    model: ModelProto
    mean: NDArray[np.float32]  # [3]
    spread: NDArray[np.float32]  # [3]
    multiple: int  # of which both sides are multiples
    stride: int

    def with_model(self, model: ModelProto) -> Body:
        """The same geometry around another body."""
        return replace(self, model=model)

    def picture_of(self, small: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the graph makes of one small picture [h,w,3] for the body: [1,3,h',w']."""
        mean, spread = self.mean.astype(np.float32), self.spread.astype(np.float32)
        picture = ((small.astype(np.float32) - mean) / spread).transpose(2, 0, 1)
        lacking = [-side % self.multiple for side in small.shape[:2]]
        return np.pad(picture, [(0, 0), *((0, side) for side in lacking)])[None]


def around(
    body: Body, contract: Contract, *, intake: Intake | None = None, head: str = "mask"
) -> ModelProto:
    """The body with the geometry put around it: image -> what `head` names."""
    taken, core = intake or Intake(), compose.add_prefix(body.model, PREFIX)
    opset = max(entry.version for entry in core.opset_import if not entry.domain)
    graph = Nodes(prefix="shrink", opset=opset)
    size = _sides(graph, graph.value(IMAGE), taken.fixed_size)
    shrink_nodes.shrink(graph, size, contract)
    graph.prefix = "feed"
    # Of `small` itself: a reader that cuts there has no image to measure.
    fixed = contract.seen_size(taken.fixed_size) if taken.fixed_size else None
    seen = _sides(graph, graph.value(SMALL), fixed)
    _feed(graph, body, seen)
    before = len(graph.nodes)
    logits = _logits(graph, body, seen, contract.sight)
    if logits.name != LOGITS:
        _rename(core.graph, logits.name, LOGITS)
    if head != "logits":
        paint_nodes.paint(graph, size, contract, taken, head)
    made = helper.make_graph(
        [*graph.nodes[:before], *core.graph.node, *graph.nodes[before:]],
        "softres",
        [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [*_promised(taken), 3])],
        _outputs(contract, taken, head),
        [*core.graph.initializer, *graph.constants.values()],
    )
    return helper.make_model(
        made,
        opset_imports=core.opset_import,
        ir_version=core.ir_version,
        functions=core.functions,
        producer_name=contract.writer,
    )


def _promised(taken: Intake) -> list[str | int]:
    """[N,H,W], with numbers for what is fixed."""
    height, width = taken.fixed_size or ("H", "W")
    return [taken.fixed_batch or "N", height, width]


def _outputs(contract: Contract, taken: Intake, head: str) -> list[ValueInfoProto]:
    classes = len(contract.classes)
    cells = small_size(taken.fixed_size, contract.factor) if taken.fixed_size else ("h", "w")
    shape = _promised(taken)
    kinds = {
        MASK: (paint_nodes.mask_type(classes), shape),
        CONFIDENCE: (TensorProto.UINT8, shape),
        LOGITS: (TensorProto.FLOAT, [shape[0], classes, *cells]),
    }
    return [helper.make_tensor_value_info(name, *kinds[name]) for name in HEADS[head]]


def _sides(graph: Nodes, picture: Value, fixed: Size | None) -> tuple[Value, Value]:
    """Height and width of [N,H,W,...], as numbers where they are known."""
    if fixed:
        return graph.constant(fixed[0]), graph.constant(fixed[1])
    ends = [graph.call("Shape", picture, start=axis, end=axis + 1) for axis in (HEIGHT, WIDTH)]
    return graph.call("Squeeze", ends[0]), graph.call("Squeeze", ends[1])


def _feed(graph: Nodes, body: Body, seen: tuple[Value, Value]) -> None:
    """small -> picture: normalised, and padded below and to the right to what the body takes."""
    mean, spread = (part.astype(np.float32).reshape(3, 1, 1) for part in (body.mean, body.spread))
    steps: list[tuple[str, list[Any], dict[str, Any]]] = [
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
        ("Sub", [mean], {}),
        ("Div", [spread], {}),
    ]
    lacking = [_lacking(side, body.multiple) for side in seen]
    if any(side.known is None or side.known for side in lacking):
        ends = [graph.call("Unsqueeze", side, [0]) for side in lacking]
        pads = graph.call("Concat", [0, 0, 0, 0, 0, 0], *ends, axis=0)
        steps.append(("Pad", [pads], {}))
    value = graph.value(SMALL)
    for operator, inputs, attributes in steps:
        name = PREFIX + PICTURE if operator == steps[-1][0] else ""
        value = graph.call(operator, value, *inputs, name=name, **attributes)


def _lacking(side: Value, multiple: int) -> Value:
    """Pixels up to the next side that the body takes."""
    return (side + (multiple - 1)) // multiple * multiple - side


def _logits(graph: Nodes, body: Body, seen: tuple[Value, Value], sight: int) -> Value:
    """scores -> logits: brought to their grid, the padding cut away."""
    graph.prefix = "logits"
    value = graph.value(PREFIX + SCORES)
    padded = any(_is_padded(side, body.multiple) for side in seen)
    if body.stride > sight:
        larger = body.stride // sight
        scales = np.array([1, 1, larger, larger], np.float32)
        value = paint_nodes.enlarge(graph, value, scales=scales, name="" if padded else LOGITS)
    if padded:
        ends = graph.call(
            "Concat", *(graph.call("Unsqueeze", s // sight, [0]) for s in seen), axis=0
        )
        value = graph.call("Slice", value, [0, 0], ends, [2, 3], name=LOGITS)
    return value


def _is_padded(side: Value, multiple: int) -> bool:
    return bool(multiple > 1 if side.known is None else int(side.known) % multiple)


def _rename(core: GraphProto, old: str, new: str) -> None:
    """Call a result of the core by another name, wherever it is made or read."""
    for node in core.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
