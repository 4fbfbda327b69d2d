"""fp16: convolutions and what lies between them in half precision.

The geometry around the body stays float32 and whole numbers (masks are as exact as the logits), and
so do means over the picture, norms, exponentials and divisions: see `export.half`. `export.twin`,
which rounds where a GPU does, stands for it when it is verified.
"""

from __future__ import annotations

from onnx import ModelProto, TensorProto

from export.half import lower, to_float16
from export.precisions import Applied, Gate, Samples
from export.twin import TWIN

GATE = Gate(changed=0.001, miou=0.001)
CALIBRATED = False


def apply(model: ModelProto, samples: Samples | None) -> Applied:
    """The body in float16."""
    lowered, kept = lower(model, TensorProto.FLOAT16, to_float16)
    return Applied(model=lowered, facts={"float32_operators": kept, "verified_as": TWIN})
