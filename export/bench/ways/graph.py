"""The whole graph in ONNX Runtime, picture in, mask out: what any program does with the file."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

import kernels
from export.bench import sessions
from export.bench.ways import Job, Pictures
from export.targets import Answer
from kernels.artefact import CONFIDENCE, IMAGE, LOGITS, MASK, SMALL
from kernels.paint import Mask
from kernels.session import CPU

TITLE = "graph"
SUFFIX = ".onnx"


class Graph:
    """The graph as it lies in the file; one whose head is the logits is painted by the kernels."""

    def __init__(self, job: Job, provider: str = CPU) -> None:
        self._job, self._provider = job, provider
        self._model = onnx.load(job.file)
        self._outputs = [value.name for value in self._model.graph.output]
        self._session = sessions.opened(self._model, job.threads, provider)

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture."""
        return _mask(self._run(pictures), pictures)

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """The graph, and then its network alone: within one run nobody can part them."""
        begin = time.perf_counter()
        self.mask(pictures)
        total = time.perf_counter() - begin
        small = self._small(pictures)
        begin = time.perf_counter()
        self._network.run([LOGITS], {SMALL: small})
        return total, time.perf_counter() - begin

    def answer(self, pictures: Pictures) -> Answer:
        """From the session that is timed, and its inner tensors from one that shows them."""
        outputs = self._run(pictures)
        shown = [name for name in (SMALL, LOGITS) if name not in outputs]
        outputs |= dict(zip(shown, self._shown.run(shown, {IMAGE: pictures}), strict=True))
        return Answer(
            small=outputs[SMALL],
            logits=outputs[LOGITS],
            mask=_mask(outputs, pictures),
            confidence=outputs.get(CONFIDENCE),
        )

    def convolutions(self) -> tuple[int, int] | None:
        """As ONNX Runtime fuses this graph for a CPU; what it does on a GPU it does not tell."""
        if self._provider != CPU:
            return None
        return sessions.convolutions(self._model, self._job.threads)

    def _run(self, pictures: Pictures) -> dict[str, Any]:
        given = self._session.run(self._outputs, {IMAGE: pictures})
        return dict(zip(self._outputs, given, strict=True))

    def _small(self, pictures: Pictures) -> NDArray[np.float32]:
        (small,) = self._shown.run([SMALL], {IMAGE: pictures})
        return np.asarray(small)

    @cached_property
    def _network(self) -> onnxruntime.InferenceSession:
        model = _copied(self._model)
        sessions.leave_network(model, self._job.file)
        return sessions.opened(model, self._job.threads, self._provider)

    @cached_property
    def _shown(self) -> onnxruntime.InferenceSession:
        model = _copied(self._model)
        hidden = [name for name in (SMALL, LOGITS) if name not in self._outputs]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in hidden)
        return sessions.opened(model, self._job.threads, self._provider)


def _copied(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def _mask(outputs: dict[str, Any], pictures: Pictures) -> Mask:
    if MASK in outputs:
        mask: Mask = outputs[MASK]
    else:
        mask = kernels.paint(outputs[LOGITS], (pictures.shape[1], pictures.shape[2]))
    return mask


def obstacle(build: dict[str, Any]) -> str:
    """A CPU computes no convolution in bfloat16."""
    return "ONNX Runtime's CPU cannot compute it" if build.get("precision") == "bf16" else ""


def open_way(job: Job) -> Graph:
    """The graph on the CPU."""
    return Graph(job)
