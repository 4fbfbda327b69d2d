"""fp32: the numbers as they were trained."""

from __future__ import annotations

from onnx import ModelProto

from export.precisions import Applied, Gate, Samples

GATE = Gate(exact=True)
CALIBRATED = False


def apply(model: ModelProto, samples: Samples | None) -> Applied:
    """The same body."""
    return Applied(model=model)
