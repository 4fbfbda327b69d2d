"""The network in ONNX Runtime between `kernels.shrink` and `kernels.paint`: what is served."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import onnx

import kernels
from export import intake
from export.bench import sessions
from export.bench.ways import Job, Pictures
from export.targets import Answer
from kernels.artefact import LOGITS, SMALL
from kernels.paint import Mask
from kernels.session import CPU
from kernels.unsigned import unsigned

TITLE = "network + paint"
SUFFIX = ".onnx"


class Painted:
    """The cut network with the kernels around it."""

    def __init__(self, job: Job, provider: str = CPU) -> None:
        self._threads, self._provider = job.threads, provider
        self._model = onnx.load(job.file)
        self._contract = sessions.leave_network(self._model, job.file)
        if provider == CPU:
            unsigned(self._model)
        self._session = sessions.opened(self._model, job.threads, provider)

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture."""
        mask = self._pass(pictures)[0].mask
        assert mask is not None
        return mask

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """All of it, and the session's part."""
        begin = time.perf_counter()
        _, network = self._pass(pictures)
        return time.perf_counter() - begin, network

    def answer(self, pictures: Pictures) -> Answer:
        """What every stage gave."""
        return self._pass(pictures)[0]

    def convolutions(self) -> tuple[int, int] | None:
        """As ONNX Runtime fuses this network for a CPU; what it does on a GPU it does not tell."""
        if self._provider != CPU:
            return None
        return sessions.convolutions(self._model, self._threads)

    def _pass(self, pictures: Pictures) -> tuple[Answer, float]:
        small = kernels.seen(pictures, self._contract).astype(np.float32)
        begin = time.perf_counter()
        (logits,) = self._session.run([LOGITS], {SMALL: small})
        network = time.perf_counter() - begin
        mask = kernels.paint(logits, (pictures.shape[1], pictures.shape[2]))
        return Answer(small=small, logits=logits, mask=mask), network


def obstacle(build: dict[str, Any]) -> str:
    """What is served takes one picture."""
    taken = intake.read(intake.DYNAMIC, build.get("batch", intake.DYNAMIC))
    if (taken.fixed_batch or 1) > 1:
        return "a graph for several pictures at once is not served"
    return "ONNX Runtime's CPU cannot compute it" if build.get("precision") == "bf16" else ""


def open_way(job: Job) -> Painted:
    """The network on the CPU."""
    return Painted(job)
