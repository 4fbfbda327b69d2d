"""The same network in PyTorch on the picture as it is, and argmax: what factor 1 costs.

Its masks are no measure: this network was trained on small pictures. One that is trained at
factor 1 computes just as much.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from export.bench.ways import Job, Pictures
from kernels.paint import Mask, mask_dtype
from trainer import checkpoint

TITLE = "PyTorch, full size"
SUFFIX = ".ckpt"


class FullSize:
    """The network, shown every pixel."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads)
        loaded = checkpoint.load(job.file)
        self._network = loaded.network.eval()
        self._kind = mask_dtype(len(loaded.contract.classes))

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture."""
        return self._masked(self._logits(pictures))

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """All of it, and the network's part."""
        begin = time.perf_counter()
        logits = self._logits(pictures)
        network = time.perf_counter() - begin
        self._masked(logits)
        return time.perf_counter() - begin, network

    def answer(self, pictures: Pictures) -> None:
        """Nobody says what it should be."""

    def convolutions(self) -> None:
        """All of them are what they were trained as."""

    def _logits(self, pictures: Pictures) -> Tensor:
        """One for every pixel, also where the network answers for several at once."""
        height, width = pictures.shape[1:3]
        sight = self._network.sight
        with torch.inference_mode():
            below, right = -height % sight, -width % sight
            whole = np.pad(pictures, ((0, 0), (0, below), (0, right), (0, 0)), "edge")
            logits: Tensor = self._network(torch.from_numpy(whole))
            if sight > 1:
                logits = F.interpolate(logits, scale_factor=float(sight), mode="bilinear")
            return logits[..., :height, :width]

    def _masked(self, logits: Tensor) -> Mask:
        with torch.inference_mode():
            return np.asarray(logits.argmax(1)).astype(self._kind)


def obstacle(build: dict[str, Any]) -> str:
    """PyTorch is there, or no checkpoint would be."""
    return ""


def open_way(job: Job) -> FullSize:
    """The checkpoint on the CPU."""
    return FullSize(job)
