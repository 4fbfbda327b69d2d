"""From the bytes of a picture to the bytes of its mask, each stage timed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.paint import Mask
from kernels.picture import MOST_PIXELS, decode
from serve import encode, runtimes

STAGES = ("decode", "shrink", "network", "paint", "encode")
WARM_UP_SIDE = 64


class Stopwatch:
    """Milliseconds by stage, in the order the stages ran."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under `name`."""
        begin = time.perf_counter()
        yield
        self.milliseconds[name] = (time.perf_counter() - begin) * 1000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An encoded mask and what each stage of making it took."""

    body: bytes
    media_type: str
    milliseconds: dict[str, float]


class Segmenter:
    """One opened artefact with the kernels around it; several threads may use it at once."""

    def __init__(
        self, model: Path, *, threads: int | None = None, max_pixels: int = MOST_PIXELS
    ) -> None:
        self.runtime = runtimes.open_artefact(model, threads)
        with about(model):
            self.contract = Contract.from_json(self.runtime.contract)
        self.max_pixels = max_pixels
        self._encoder = encode.load("png")
        self._model = model

    def warm_up(self) -> None:
        """Compile the kernels and try the network, so that no request waits for it."""
        side = min(WARM_UP_SIDE, math.isqrt(self.max_pixels))
        # A picture file of our own making takes the way of every request.
        blank = np.zeros(self.runtime.size or (side, side), np.uint8)
        self.answer(self._encoder.encode(blank, ((0, 0, 0),)))

    def mask(self, picture: NDArray[np.uint8], clock: Stopwatch | None = None) -> Mask:
        """uint8 [H,W,3] -> the class of every pixel, [H,W]."""
        clock = clock or Stopwatch()
        self._refuse_size(picture)
        with clock.stage("shrink"):
            small = kernels.shrink(picture, self.contract.factor)
        with clock.stage("network"):
            logits = self._logits(small)
        with clock.stage("paint"):
            return kernels.paint(logits, (picture.shape[0], picture.shape[1]))

    def answer(self, data: bytes) -> Answer:
        """The bytes of a JPEG, PNG or WebP file -> the encoded mask of the upright picture."""
        clock = Stopwatch()
        with clock.stage("decode"):
            picture = decode(data, "picture", most_pixels=self.max_pixels)
        mask = self.mask(picture, clock)
        with clock.stage("encode"):
            body = self._encoder.encode(mask, self.contract.palette)
        return Answer(
            body=body, media_type=self._encoder.MEDIA_TYPE, milliseconds=clock.milliseconds
        )

    def _refuse_size(self, picture: NDArray[np.uint8]) -> None:
        """Raise where the artefact was exported for pictures of another size alone."""
        height, width, _ = picture.shape
        only = self.runtime.size
        if only is not None and only != (height, width):
            raise UserError(
                f"the picture is {height}x{width} (height x width), and this model takes "
                f"{only[0]}x{only[1]} alone",
                hint="send pictures of that size, or serve an artefact that was exported "
                "without --size",
            )

    def _logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        logits = self.runtime.logits(small)
        if len(logits) != len(self.contract.classes):
            raise UserError(
                f"'{self._model}': the network has {len(logits)} classes, "
                f"its contract {len(self.contract.classes)}",
                hint="export the checkpoint again with this softres",
            )
        return logits
