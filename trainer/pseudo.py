"""From a teacher's logits to targets: painted at full size, and reduced as true labels are."""

from __future__ import annotations

import importlib
import importlib.util
import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

import kernels
from trainer.batch import Unlabelled
from trainer.full_size import MOST_AT_ONCE, enlarged
from trainer.recipe import FULL
from trainer.views import Frame


@torch.no_grad()
def shares(logits: Tensor, crops: Unlabelled, *, mode: str, confidence: float = 0.0) -> Tensor:
    """Logits [N,C,h,w] of weak views -> shares [N,C,h,w] of their labels at full size.

    Pixels of less than that confidence, and those outside of the picture, are missing mass.
    """
    reduced = "area" if mode == FULL else mode
    made = [
        _reduced(_labels(one, frame, confidence), one.shape, reduced, seed)
        for one, frame, seed in zip(logits, crops.frames, crops.seeds, strict=True)
    ]
    return torch.stack(made)


def _labels(logits: Tensor, frame: Frame, confidence: float) -> Tensor:
    """int32 [H,W]: the class of each pixel; the number of classes where it is void."""
    size = frame.height, frame.width
    gpu = logits.is_cuda and _has_triton()
    painted = kernels.paint(_given(logits, gpu), size)
    mask = torch.as_tensor(painted, device=logits.device).to(torch.int32)
    if confidence > 0:
        mask[~sure(logits, size, confidence)] = len(logits)
    labels = torch.full_like(mask, len(logits))
    labels[frame.inside] = mask[frame.inside]
    return labels


def _reduced(labels: Tensor, shape: torch.Size, mode: str, seed: int) -> Tensor:
    classes, height = shape[0], shape[1]
    gpu = labels.is_cuda and mode == "area" and _has_triton() and _is_coarse(labels, shape)
    made = kernels.soften(
        _given(labels, gpu),
        Fraction(height, labels.shape[0]),
        classes,
        ignore=classes,
        mode=mode,
        seed=seed,
    )
    return torch.as_tensor(made, device=labels.device)


def sure(logits: Tensor, size: tuple[int, int], confidence: float) -> Tensor:
    """bool [H,W]: where the likeliest class of the enlarged logits is that likely, or more."""
    height, width = size
    rows = max(1, MOST_AT_ONCE // (len(logits) * width))
    bands = []
    for first in range(0, height, rows):
        band = enlarged(logits, size, first, min(rows, height - first))
        bands.append(band.amax(0) - band.logsumexp(0) >= math.log(confidence))
    return torch.cat(bands)


def _is_coarse(labels: Tensor, shape: torch.Size) -> bool:
    """Whether a cell has no more parts of a pixel than the GPU counts."""
    sides = zip(labels.shape, shape[1:], strict=True)
    parts = math.prod(Fraction(full, small).numerator for full, small in sides)
    # By name: it brings triton, which a CPU does without.
    most: int = importlib.import_module("kernels.soften.triton").MOST_AREA
    return parts <= most


def _given(tensor: Tensor, gpu: bool) -> Any:
    return tensor.contiguous() if gpu else tensor.contiguous().cpu().numpy()


def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
