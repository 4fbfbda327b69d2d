"""Finds how far the values of a body reach, by looking at training pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto

from export.geometry import PICTURE
from export.precisions import Samples
from trainer import talk

BINS = 2048
# Steps of an int8 to one side of zero.
STEPS = 127


@dataclass(kw_only=True)
class Reach:
    """How the sizes of one tensor's values are spread over [0, largest]."""

    largest: float
    counts: NDArray[np.int64]  # [BINS]

    def percentile(self, share: float) -> float:
        """Below this lies that share of the values, in percent."""
        below = np.cumsum(self.counts) / max(1, self.counts.sum())
        place = int(np.searchsorted(below, share / 100))
        return self.largest * min(place + 1, BINS) / BINS

    def least_error(self) -> float:
        """Where to cut so that rounding and cutting together lose least, squared."""
        centres = (np.arange(BINS) + 0.5) / BINS * self.largest
        cuts = self.largest * np.arange(BINS // 16, BINS + 1, 16) / BINS
        rounding = (cuts / STEPS) ** 2 / 12
        beyond = np.maximum(centres - cuts[:, None], 0) ** 2
        inside = centres <= cuts[:, None]
        losses = ((inside * rounding[:, None] + beyond) * self.counts).sum(1)
        return float(cuts[losses.argmin()])


def reaches(model: ModelProto, tensors: list[str], samples: Samples) -> dict[str, Reach]:
    """The spread of each tensor: one pass for the largest value, one to count."""
    session = _watching(model, tensors)
    largest = dict.fromkeys(tensors, 0.0)
    for name, values in _seen(session, tensors, samples, "calibrating: how far"):
        largest[name] = max(largest[name], float(np.abs(values).max()))
    # What is zero throughout needs a scale above 0 all the same.
    found = {
        name: Reach(largest=most or 1.0, counts=np.zeros(BINS, np.int64))
        for name, most in largest.items()
    }
    for name, values in _seen(session, tensors, samples, "calibrating: how often"):
        place = (np.abs(values).ravel() * (BINS / found[name].largest)).astype(np.int64)
        found[name].counts += np.bincount(np.minimum(place, BINS - 1), minlength=BINS)
    return found


def _seen(
    session: onnxruntime.InferenceSession, tensors: list[str], samples: Samples, what: str
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every tensor's values, picture by picture."""
    inner = [name for name in tensors if name != PICTURE]
    for picture in talk.track(samples.read(), what, len(samples)):
        if PICTURE in tensors:
            yield PICTURE, picture
        yield from zip(inner, session.run(inner, {PICTURE: picture}), strict=True)


def _watching(model: ModelProto, tensors: list[str]) -> onnxruntime.InferenceSession:
    shown = ModelProto()
    shown.CopyFrom(model)
    already = {value.name for value in (*model.graph.output, *model.graph.input)}
    shown.graph.output.extend(ValueInfoProto(name=n) for n in tensors if n not in already)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
