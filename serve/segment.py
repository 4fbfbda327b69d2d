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
from starlette.datastructures import QueryParams

import kernels
from kernels import png
from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.paint import Mask
from kernels.picture import MOST_PIXELS, Reduced, decode, reduced
from serve import encode, negotiate, runtimes
from serve.answer import Painted
from serve.negotiate import Ask

STAGES = ("decode", "shrink", "network", "paint", "encode")
WARM_UP_SIDE = 64
WARM_UP_ASKS = [*(f"format={name}" for name in encode.names()), "format=geojson&tolerance=1"]


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
        self,
        model: Path,
        *,
        threads: int | None = None,
        max_pixels: int = MOST_PIXELS,
        reduced_decode: bool = False,
    ) -> None:
        self.runtime = runtimes.open_artefact(model, threads)
        with about(model):
            self.contract = Contract.from_json(self.runtime.contract)
        self.max_pixels = max_pixels
        self.reduced_decode = reduced_decode
        self._model = model

    def warm_up(self) -> None:
        """Compile the kernels and try the network, so that no request waits for it."""
        side = min(WARM_UP_SIDE, math.isqrt(self.max_pixels))
        # A picture file of our own making takes the way of every request, in every format.
        blank = png.grey(np.zeros((side, side), np.uint8))
        for query in WARM_UP_ASKS:
            self.answer(blank, negotiate.read(QueryParams(query)))

    def mask(self, picture: NDArray[np.uint8]) -> Mask:
        """uint8 [H,W,3] -> the class of every pixel, [H,W]."""
        return self.painted(picture, negotiate.plain(), Stopwatch()).mask

    def painted(self, picture: NDArray[np.uint8] | Reduced, ask: Ask, clock: Stopwatch) -> Painted:
        """uint8 [H,W,3], or one that is reduced already -> all that an answer is made of."""
        with clock.stage("shrink"):
            seen = picture if isinstance(picture, Reduced) else self._shrunk(picture)
        # What is wrong with the question is said before the network works for it.
        kept, part = ask.kept(self.contract), ask.part(seen.size)
        with clock.stage("network"):
            logits = self._logits(seen.small)
        with clock.stage("paint"):
            done = kernels.painting(logits, seen.size, window=part, margin=ask.confidence)
        return Painted(
            mask=done.mask,
            contract=self.contract,
            picture=None if isinstance(picture, Reduced) else ask.seen(picture, part),
            confidence=done.margin,
            milliseconds=clock.milliseconds,
            kept=kept,
            window=part,
        )

    def answer(self, data: bytes, ask: Ask | None = None, name: str = "picture") -> Answer:
        """The bytes of a picture file -> what is asked for about the upright picture."""
        ask = ask or negotiate.plain()
        clock = Stopwatch()
        with clock.stage("decode"):
            picture = self._decoded(data, ask, name)
        painted = self.painted(picture, ask, clock)
        with clock.stage("encode"):
            body = ask.encode(painted)
        return Answer(body=body, media_type=ask.media_type, milliseconds=clock.milliseconds)

    def _decoded(self, data: bytes, ask: Ask, name: str) -> NDArray[np.uint8] | Reduced:
        seen = None
        if self.reduced_decode and not ask.wants_picture:
            seen = reduced(data, name, self.contract.factor, most_pixels=self.max_pixels)
        return seen or decode(data, name, most_pixels=self.max_pixels)

    def _shrunk(self, picture: NDArray[np.uint8]) -> Reduced:
        small = kernels.shrink(picture, self.contract.factor)
        return Reduced(small=small, size=(picture.shape[0], picture.shape[1]))

    def _logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        logits = self.runtime.logits(small)
        if len(logits) != len(self.contract.classes):
            raise UserError(
                f"'{self._model}': the network has {len(logits)} classes, "
                f"its contract {len(self.contract.classes)}",
                hint="export the checkpoint again with this softres",
            )
        return logits
