"""The nodes that paint the full-size mask, and tell how sure it is, as `kernels.paint` does."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from export.intake import Intake
from export.nodes import Nodes, Value
from kernels.artefact import CONFIDENCE, LOGITS, MASK
from kernels.contract import Contract
from kernels.paint import mask_dtype

HEADS = {"mask": (MASK,), "logits": (LOGITS,), "mask+confidence": (MASK, CONFIDENCE)}
# Of the lead of the best logit over the second, in a byte of confidence.
SIXTEENTHS, MOST_BYTE = 16, 255


def paint(
    graph: Nodes, size: tuple[Value, Value], contract: Contract, taken: Intake, head: str
) -> None:
    """logits -> mask: half-pixel bilinear up-sampling in one step, then the first best class."""
    graph.prefix = "paint"
    logits, classes = graph.value(LOGITS), len(contract.classes)
    sides = [graph.call("Unsqueeze", side, [0]) for side in size]
    batch = taken.fixed_batch
    count = graph.constant([batch]) if batch else graph.call("Shape", logits, start=0, end=1)
    sizes = graph.call("Concat", count, [classes], *sides, axis=0)
    full = enlarge(graph, logits, sizes=sizes)
    winners = graph.call("ArgMax", full, axis=1, keepdims=0)
    graph.call("Cast", winners, to=mask_type(classes), name=MASK)
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


def mask_type(classes: int) -> int:
    """What the mask is made of: one byte a pixel, past 256 classes two."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(mask_dtype(classes))))


def enlarge(
    graph: Nodes, value: Value, *, scales: Any = None, sizes: Any = None, name: str = ""
) -> Value:
    """Stretched bilinearly between half-pixel centres."""
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
