"""int8: convolutions in whole numbers of 8 bits, calibrated on training pictures.

The last convolution reads int8 and gives float32: rounding its results would round the logits.
"""

from __future__ import annotations

from onnx import ModelProto

from export.calibrate import reaches
from export.precisions import Applied, Gate, Samples
from export.quantise import inlined, quantise, sites

GATE = Gate(miou=0.01, waivable=True)
CALIBRATED = True


def apply(model: ModelProto, samples: Samples | None) -> Applied:
    """The body with explicit quantisation."""
    if samples is None:
        raise ValueError("int8 has to see training pictures")
    source = inlined(model)
    where = sites(source)
    found = reaches(source, where.tensors, samples)
    cuts = {name: reach.least_error() for name, reach in found.items()}
    facts = {
        "calibration": {"method": "least squared error", **samples.facts},
        "int8_convolutions": len(where.nodes),
    }
    return Applied(model=quantise(source, where, cuts), facts=facts)
