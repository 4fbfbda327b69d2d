"""The checkpoint in PyTorch at its own factor, `F.interpolate` to full size, argmax: the usual."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import kernels
from export.bench.ways import Job, Pictures
from export.targets import Answer
from kernels.paint import Mask, mask_dtype
from trainer import checkpoint

TITLE = "PyTorch + interpolate"
SUFFIX = ".ckpt"


class Eager:
    """The network as it was trained."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads)
        loaded = checkpoint.load(job.file)
        self._network, self._contract = loaded.network.eval(), loaded.contract
        self._kind = mask_dtype(len(self._contract.classes))

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture."""
        return self._masked(self._logits(self._small(pictures)), pictures)

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """All of it, and the network's part."""
        begin = time.perf_counter()
        small = self._small(pictures)
        middle = time.perf_counter()
        logits = self._logits(small)
        network = time.perf_counter() - middle
        self._masked(logits, pictures)
        return time.perf_counter() - begin, network

    def answer(self, pictures: Pictures) -> Answer:
        """What every stage gave."""
        small = self._small(pictures)
        logits = self._logits(small)
        return Answer(
            small=small.astype(np.float32),
            logits=np.asarray(logits),
            mask=self._masked(logits, pictures),
        )

    def convolutions(self) -> None:
        """All of them are what they were trained as."""

    def _small(self, pictures: Pictures) -> Pictures:
        return kernels.seen(pictures, self._contract)

    def _logits(self, small: Pictures) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = self._network(torch.from_numpy(small))
            return logits

    def _masked(self, logits: Tensor, pictures: Pictures) -> Mask:
        with torch.inference_mode():
            full = F.interpolate(logits, size=pictures.shape[1:3], mode="bilinear")
            return np.asarray(full.argmax(1)).astype(self._kind)


def obstacle(build: dict[str, Any]) -> str:
    """PyTorch is there, or no checkpoint would be."""
    return ""


def open_way(job: Job) -> Eager:
    """The checkpoint on the CPU."""
    return Eager(job)
