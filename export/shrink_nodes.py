"""The nodes that shrink a picture to the bytes of `kernels.shrink`, at any size."""

from __future__ import annotations

from onnx import TensorProto

from export.nodes import Nodes, Value
from kernels.artefact import IMAGE, SMALL
from kernels.contract import Contract

HEIGHT, WIDTH = 1, 2


def shrink(graph: Nodes, size: tuple[Value, Value], contract: Contract) -> None:
    """image -> small: weighted sums over the cells, rounded half to even."""
    image = graph.value(IMAGE)
    if contract.factor == contract.sight == 1:
        graph.call("Cast", image, to=TensorProto.FLOAT, name=SMALL)
        return
    # A column of sums stays below 2^24 (255 x 65 535 rows), so float32 holds it exactly; sums over
    # both axes need whole numbers. The cast comes first: TensorRT takes uint8 into nothing else.
    picture = graph.call("Cast", image, to=TensorProto.FLOAT)
    rows, shares = _cells(graph, size[0], contract)
    shares = graph.call("Cast", graph.call("Unsqueeze", shares, [2, 3]), to=TensorProto.FLOAT)
    pixels = graph.call("Gather", picture, rows, axis=HEIGHT) * shares
    sums = graph.call("ReduceSum", pixels, [2], keepdims=0)
    columns, shares = _cells(graph, size[1], contract)
    whole = graph.call("Cast", sums, to=TensorProto.INT64)
    pixels = graph.call("Gather", whole, columns, axis=WIDTH) * graph.call("Unsqueeze", shares, [2])
    sums = graph.call("ReduceSum", pixels, [3], keepdims=0)
    area = size[0] * size[1]
    graph.call("Cast", _half_even(graph, sums, area), to=TensorProto.FLOAT, name=SMALL)


def _cells(graph: Nodes, pixels: Value, contract: Contract) -> tuple[Value, Value]:
    """Of one axis, per cell [cells, taps], which pixels it covers and how much of each.

    The arithmetic of `kernels.factor`, in units of 1/cells of a pixel: there a pixel is `cells`
    long and a cell is `pixels` long.
    """
    top, bottom = contract.factor.numerator, contract.factor.denominator
    cells = graph.call("Max", (pixels * (2 * top) + bottom) // (2 * bottom), 1) * contract.sight
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
