"""bf16: like fp16 with the range of float32 and 8 bits of precision.

Eight bits change eight times as many pixels as fp16's eleven, so its gate is wider. ONNX Runtime
has no bfloat16 convolution on a CPU: the artefact runs on TensorRT alone, and `export.twin` stands
for it when it is verified.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, version_converter

from export.half import lower
from export.precisions import Applied, Gate, Samples
from export.twin import TWIN

GATE = Gate(changed=0.005, miou=0.003)
CALIBRATED = False
# The first in which a convolution takes bfloat16.
OPSET = 22


def apply(model: ModelProto, samples: Samples | None) -> Applied:
    """The body in bfloat16."""
    lowered, kept = lower(
        version_converter.convert_version(model, OPSET), TensorProto.BFLOAT16, _rounded
    )
    return Applied(model=lowered, facts={"float32_operators": kept, "verified_as": TWIN})


def _rounded(value: NDArray[np.float32]) -> NDArray[Any]:
    return value.astype(ml_dtypes.bfloat16)
