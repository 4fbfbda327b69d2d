"""Where an artefact comes from: which checkpoint, which recipe, which versions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from export.options import Options
from trainer.checkpoint import Checkpoint
from trainer.version import writer


def facts(checkpoint: Checkpoint, options: Options, opset: int) -> dict[str, Any]:
    """What the checkpoint and the programs at hand can tell."""
    return {
        "precision": options.precision,
        "head": options.head,
        **options.intake.plain(),
        "opset": opset,
        "exporter": writer(),
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "recipe": checkpoint.recipe.plain(),
        "steps": checkpoint.steps_done,
    }


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
