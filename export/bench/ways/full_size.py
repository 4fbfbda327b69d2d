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
        return self._masked(self._logits(pictures), pictures)

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """All of it, and the network's part."""
        begin = time.perf_counter()
        logits = self._logits(pictures)
        network = time.perf_counter() - begin
        self._masked(logits, pictures)
        return time.perf_counter() - begin, network

    def answer(self, pictures: Pictures) -> None:
        """Nobody says what it should be."""

    def convolutions(self) -> None:
        """All of them are what they were trained as."""

    def _logits(self, pictures: Pictures) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = self._network(torch.from_numpy(pictures))
            return logits

    def _masked(self, logits: Tensor, pictures: Pictures) -> Mask:
        with torch.inference_mode():
            if logits.shape[2:] != pictures.shape[1:3]:
                logits = F.interpolate(logits, size=pictures.shape[1:3], mode="bilinear")
            return np.asarray(logits.argmax(1)).astype(self._kind)


def obstacle(build: dict[str, Any]) -> str:
    """PyTorch is there, or no checkpoint would be."""
    return ""


def open_way(job: Job) -> FullSize:
    """The checkpoint on the CPU."""
    return FullSize(job)
