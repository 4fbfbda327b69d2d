"""The graph around the network: full-size picture -> small picture, logits -> full-size mask.

It computes what `kernels.shrink` and `kernels.paint` compute, at any picture size, in standard
operators. The tensors `small` and `logits` keep their names, so that a server can cut there;
`small` is float32 of whole numbers, because TensorRT keeps no uint8 inside a graph.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from onnx import ModelProto, TensorProto, compose, helper

from export.nodes import Nodes, Value
from kernels.artefact import IMAGE, LOGITS, MASK, SMALL
from kernels.contract import Contract
from kernels.paint import mask_dtype

HEIGHT, WIDTH = 1, 2


def around(network: ModelProto, contract: Contract) -> ModelProto:
    """`network` (small -> logits) with the geometry put around it (image -> mask)."""
    core = compose.add_prefix(network, "network/", rename_inputs=False, rename_outputs=False)
    head = _shrink(contract.factor)
    mask_type = helper.np_dtype_to_tensor_dtype(np.dtype(mask_dtype(len(contract.classes))))
    tail = _paint(mask_type)
    graph = helper.make_graph(
        [*head.nodes, *core.graph.node, *tail.nodes],
        "softres",
        [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info(MASK, mask_type, ["N", "H", "W"])],
        [*head.constants.values(), *core.graph.initializer, *tail.constants.values()],
    )
    return helper.make_model(
        graph,
        opset_imports=core.opset_import,
        ir_version=core.ir_version,
        functions=core.functions,
        producer_name=contract.writer,
    )


def _shrink(factor: Fraction) -> Nodes:
    """image -> small: weighted sums over the cells, rounded half to even."""
    graph = Nodes(prefix="shrink")
    image = graph.value(IMAGE)
    if factor == 1:
        graph.call("Cast", image, to=TensorProto.FLOAT, name=SMALL)
        return graph
    # A column of sums stays below 2^24 (255 x 65 535 rows), so float32 holds it exactly; sums over
    # both axes need whole numbers. The cast comes first: TensorRT takes uint8 into nothing else.
    picture = graph.call("Cast", image, to=TensorProto.FLOAT)
    height, rows, shares = _cells(graph, HEIGHT, factor)
    shares = graph.call("Cast", graph.call("Unsqueeze", shares, [2, 3]), to=TensorProto.FLOAT)
    pixels = graph.call("Gather", picture, rows, axis=HEIGHT) * shares
    sums = graph.call("ReduceSum", pixels, [2], keepdims=0)
    width, columns, shares = _cells(graph, WIDTH, factor)
    whole = graph.call("Cast", sums, to=TensorProto.INT64)
    pixels = graph.call("Gather", whole, columns, axis=WIDTH) * graph.call("Unsqueeze", shares, [2])
    sums = graph.call("ReduceSum", pixels, [3], keepdims=0)
    graph.call("Cast", _half_even(graph, sums, height * width), to=TensorProto.FLOAT, name=SMALL)
    return graph


def _cells(graph: Nodes, axis: int, factor: Fraction) -> tuple[Value, Value, Value]:
    """The pixels of one axis, and per cell [cells, taps] which of them it covers and how much.

    The arithmetic of `kernels.factor`, in units of 1/cells of a pixel: there a pixel is `cells`
    long and a cell is `pixels` long.
    """
    pixels = graph.call("Shape", graph.value(IMAGE), start=axis, end=axis + 1)
    pixels = graph.call("Squeeze", pixels)
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
    return pixels, graph.call("Min", pixel, pixels - 1), shares


def _half_even(graph: Nodes, sums: Value, area: Value) -> Value:
    """sums / area, rounded half to even without leaving the integers."""
    raised, double_area = sums * 2 + area, area * 2
    rounded = raised // double_area
    is_half = graph.call("Equal", rounded * double_area, raised)
    odd = rounded - (rounded // 2) * 2
    return rounded - odd * graph.call("Cast", is_half, to=TensorProto.INT64)


def _paint(mask_type: int) -> Nodes:
    """logits -> mask: half-pixel bilinear up-sampling in one step, then the first best class."""
    graph = Nodes(prefix="paint")
    logits = graph.value(LOGITS)
    size = graph.call("Shape", graph.value(IMAGE), start=HEIGHT, end=WIDTH + 1)
    sizes = graph.call("Concat", graph.call("Shape", logits, start=0, end=2), size, axis=0)
    full = graph.call(
        "Resize",
        logits,
        None,
        None,
        sizes,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    winners = graph.call("ArgMax", full, axis=1, keepdims=0)
    graph.call("Cast", winners, to=mask_type, name=MASK)
    return graph
