"""The graph around the body: full-size picture -> normalised picture, logits -> full-size mask.

It computes what `kernels.shrink`, `trainer.network.Network` and `kernels.paint` compute, in
standard operators. The tensors `small` and `logits` keep their names, so that a server can cut
there; `small` is float32 of whole numbers, because TensorRT keeps no uint8 inside a graph. All of
it is float32 and whole numbers, whatever the body is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, compose, helper

from export.intake import Intake, Size
from export.nodes import Nodes, Value
from kernels.artefact import CONFIDENCE, IMAGE, LOGITS, MASK, SMALL
from kernels.contract import Contract
from kernels.factor import small_size
from kernels.paint import mask_dtype

HEIGHT, WIDTH = 1, 2
# What goes into a traced body and comes out of it.
PICTURE, SCORES = "picture", "scores"
PREFIX = "network/"
HEADS = {"mask": (MASK,), "logits": (LOGITS,), "mask+confidence": (MASK, CONFIDENCE)}
# Of the lead of the best logit over the second, in a byte of confidence.
SIXTEENTHS, MOST_BYTE = 16, 255


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
    _shrink(graph, size, contract.factor)
    graph.prefix = "feed"
    # Of `small` itself: a reader that cuts there has no image to measure.
    fixed = small_size(taken.fixed_size, contract.factor) if taken.fixed_size else None
    cells = _sides(graph, graph.value(SMALL), fixed)
    _feed(graph, body, cells)
    before = len(graph.nodes)
    logits = _logits(graph, body, cells)
    if logits.name != LOGITS:
        _rename(core.graph, logits.name, LOGITS)
    if head != "logits":
        _paint(graph, size, contract, taken, head)
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
        MASK: (_mask_type(classes), shape),
        CONFIDENCE: (TensorProto.UINT8, shape),
        LOGITS: (TensorProto.FLOAT, [shape[0], classes, *cells]),
    }
    return [helper.make_tensor_value_info(name, *kinds[name]) for name in HEADS[head]]


def _mask_type(classes: int) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(mask_dtype(classes))))


def _sides(graph: Nodes, picture: Value, fixed: Size | None) -> tuple[Value, Value]:
    """Height and width of [N,H,W,...], as numbers where they are known."""
    if fixed:
        return graph.constant(fixed[0]), graph.constant(fixed[1])
    ends = [graph.call("Shape", picture, start=axis, end=axis + 1) for axis in (HEIGHT, WIDTH)]
    return graph.call("Squeeze", ends[0]), graph.call("Squeeze", ends[1])


def _shrink(graph: Nodes, size: tuple[Value, Value], factor: Fraction) -> None:
    """image -> small: weighted sums over the cells, rounded half to even."""
    image = graph.value(IMAGE)
    if factor == 1:
        graph.call("Cast", image, to=TensorProto.FLOAT, name=SMALL)
        return
    # A column of sums stays below 2^24 (255 x 65 535 rows), so float32 holds it exactly; sums over
    # both axes need whole numbers. The cast comes first: TensorRT takes uint8 into nothing else.
    picture = graph.call("Cast", image, to=TensorProto.FLOAT)
    rows, shares = _cells(graph, size[0], factor)
    shares = graph.call("Cast", graph.call("Unsqueeze", shares, [2, 3]), to=TensorProto.FLOAT)
    pixels = graph.call("Gather", picture, rows, axis=HEIGHT) * shares
    sums = graph.call("ReduceSum", pixels, [2], keepdims=0)
    columns, shares = _cells(graph, size[1], factor)
    whole = graph.call("Cast", sums, to=TensorProto.INT64)
    pixels = graph.call("Gather", whole, columns, axis=WIDTH) * graph.call("Unsqueeze", shares, [2])
    sums = graph.call("ReduceSum", pixels, [3], keepdims=0)
    area = size[0] * size[1]
    graph.call("Cast", _half_even(graph, sums, area), to=TensorProto.FLOAT, name=SMALL)


def _cells(graph: Nodes, pixels: Value, factor: Fraction) -> tuple[Value, Value]:
    """Of one axis, per cell [cells, taps], which pixels it covers and how much of each.

    The arithmetic of `kernels.factor`, in units of 1/cells of a pixel: there a pixel is `cells`
    long and a cell is `pixels` long.
    """
    top, bottom = factor.numerator, factor.denominator
    cells = graph.call("Max", (pixels * (2 * top) + bottom) // (2 * bottom), 1)
    # A cell touches ceil(pixels / cells) pixels, and one more where edges fall between pixels.
    uneven = graph.call("Min", pixels - (pixels // cells) * cells, 1)
    taps = (pixels - 1) // cells + uneven + 1
    cell_first = graph.call("Unsqueeze", graph.call("Range", 0, cells, 1), [1]) * pixels
    pixel = cell_first // cells + graph.call("Range", 0, taps, 1)
    pixel_first = pixel * cells
    first = graph.call("Max", pixel_first, cell_first)
    last = graph.call("Min", pixel_first + cells, cell_first + pixels)
    shares = graph.call("Max", last - first, 0)
    return graph.call("Min", pixel, pixels - 1), shares


def _half_even(graph: Nodes, sums: Value, area: Value) -> Value:
    """sums / area, rounded half to even without leaving the integers."""
    raised, double_area = sums * 2 + area, area * 2
    rounded = raised // double_area
    is_half = graph.call("Equal", rounded * double_area, raised)
    odd = rounded - (rounded // 2) * 2
    return rounded - odd * graph.call("Cast", is_half, to=TensorProto.INT64)


def _feed(graph: Nodes, body: Body, cells: tuple[Value, Value]) -> None:
    """small -> picture: normalised, and padded below and to the right to what the body takes."""
    mean, spread = (part.astype(np.float32).reshape(3, 1, 1) for part in (body.mean, body.spread))
    steps: list[tuple[str, list[Any], dict[str, Any]]] = [
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
        ("Sub", [mean], {}),
        ("Div", [spread], {}),
    ]
    lacking = [_lacking(side, body.multiple) for side in cells]
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


def _logits(graph: Nodes, body: Body, cells: tuple[Value, Value]) -> Value:
    """scores -> logits: brought back to the grid of the small picture, the padding cut away."""
    graph.prefix = "logits"
    value = graph.value(PREFIX + SCORES)
    padded = any(_is_padded(side, body.multiple) for side in cells)
    if body.stride > 1:
        scales = np.array([1, 1, body.stride, body.stride], np.float32)
        value = _enlarge(graph, value, scales=scales, name="" if padded else LOGITS)
    if padded:
        ends = graph.call("Concat", *(graph.call("Unsqueeze", s, [0]) for s in cells), axis=0)
        value = graph.call("Slice", value, [0, 0], ends, [2, 3], name=LOGITS)
    return value


def _is_padded(side: Value, multiple: int) -> bool:
    return bool(multiple > 1 if side.known is None else int(side.known) % multiple)


def _enlarge(
    graph: Nodes, value: Value, *, scales: Any = None, sizes: Any = None, name: str = ""
) -> Value:
    return graph.call(
        "Resize",
        value,
        None,
        scales,
        sizes,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
        name=name,
    )


def _rename(core: GraphProto, old: str, new: str) -> None:
    """Call a result of the core by another name, wherever it is made or read."""
    for node in core.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new


def _paint(
    graph: Nodes, size: tuple[Value, Value], contract: Contract, taken: Intake, head: str
) -> None:
    """logits -> mask: half-pixel bilinear up-sampling in one step, then the first best class."""
    graph.prefix = "paint"
    logits, classes = graph.value(LOGITS), len(contract.classes)
    sides = [graph.call("Unsqueeze", side, [0]) for side in size]
    batch = taken.fixed_batch
    count = graph.constant([batch]) if batch else graph.call("Shape", logits, start=0, end=1)
    sizes = graph.call("Concat", count, [classes], *sides, axis=0)
    full = _enlarge(graph, logits, sizes=sizes)
    winners = graph.call("ArgMax", full, axis=1, keepdims=0)
    graph.call("Cast", winners, to=_mask_type(classes), name=MASK)
    if CONFIDENCE in HEADS[head]:
        _confidence(graph, full, classes)


def _confidence(graph: Nodes, full: Value, classes: int) -> None:
    """By how much the best class leads, as `kernels.paint` tells it: whole sixteenths, 255 most."""
    if classes == 1:
        # Nothing competes: 255 everywhere, made from the values so that it has their size.
        alone = graph.call("Equal", full, full)
        lead = graph.call("Cast", alone, to=TensorProto.FLOAT) * np.array([MOST_BYTE], np.float32)
        lead = graph.call("Squeeze", lead, [1])
    else:
        best, _ = graph.calls("TopK", full, [2], axis=1, names=["paint/best", "paint/best_index"])
        first = graph.call("Gather", best, 0, axis=1)
        lead = (first - graph.call("Gather", best, 1, axis=1)) * np.array([SIXTEENTHS], np.float32)
        lead = graph.call("Min", lead, np.array([MOST_BYTE], np.float32))
    # Cast to a whole number cuts, as the kernel does.
    whole = graph.call("Cast", lead, to=TensorProto.INT32)
    graph.call("Cast", whole, to=TensorProto.UINT8, name=CONFIDENCE)
