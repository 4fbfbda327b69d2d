"""From the bytes of a picture to the bytes of its mask, in three steps, each stage timed.

`take` and `finish` are for many threads at once; `run` between them may serve several pictures in
one call. Whoever wants no more than an answer calls all three by `answer`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.paint import Mask
from kernels.picture import MOST_PIXELS, decode
from serve import encode, runtimes, tiling

STAGES = ("queue", "decode", "shrink", "network", "paint", "encode")
WARM_UP_SIDE = 64
TILE = 2048


class Stopwatch:
    """Milliseconds by stage, in the order the stages first ran."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {"queue": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under `name`; a stage may come in parts."""
        begin = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.milliseconds[name] = self.milliseconds.get(name, 0.0) + seconds * 1000


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A picture on its way, and what of it the runtime is given."""

    picture: NDArray[np.uint8]  # [H,W,3], upright
    feed: NDArray[np.uint8]  # the small picture, or the picture where the runtime paints
    clock: Stopwatch


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An encoded mask and what each stage of making it took."""

    body: bytes
    media_type: str
    milliseconds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A full-size mask [H,W] and, if it was asked for, the winners' margin [H,W]."""

    mask: Mask
    margin: NDArray[np.uint8] | None


class Segmenter:
    """One opened artefact with the kernels around it; several threads may use it at once."""

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        max_pixels: int = MOST_PIXELS,
        device: str = "auto",
        workers: int = 1,
        tile: int = TILE,
    ) -> None:
        self.runtime = runtimes.open_artefact(model, threads, device=device, workers=workers)
        with about(model):
            self.contract = Contract.from_json(self.runtime.contract)
        self.max_pixels = max_pixels
        self.tile = tile
        self._encoder = encode.load("png")
        self._model = model

    def warm_up(self) -> None:
        """Compile the kernels and try the network, so that no request waits for it."""
        side = min(WARM_UP_SIDE, math.isqrt(self.max_pixels))
        # A picture file of our own making takes the way of every request.
        blank = np.zeros(self.runtime.size or (side, side), np.uint8)
        self.answer(self._encoder.encode(blank, ((0, 0, 0),)))

    def most_batch(self, wanted: int | None) -> int:
        """Pictures in one call: what pays, or what is wanted as far as it can be."""
        most = self.runtime.batch
        if wanted is None or isinstance(self.runtime, runtimes.Painting):
            return min(most, wanted or most)
        return wanted

    def batches(self) -> bool:
        """Whether two pictures in one call come out bit for bit as each alone."""
        height, width = self.runtime.size or (WARM_UP_SIDE, WARM_UP_SIDE)
        noise = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
        feeds = [self._feed(picture, Stopwatch()) for picture in noise]
        alone = [self.run([feed])[0] for feed in feeds]
        return all(map(np.array_equal, alone, self.run(feeds)))

    def take(self, data: bytes, clock: Stopwatch) -> Taken:
        """The bytes of a JPEG, PNG or WebP file -> what `run` wants of it."""
        with clock.stage("decode"):
            picture = decode(data, "picture", most_pixels=self.max_pixels)
        return self.prepared(picture, clock)

    def prepared(self, picture: NDArray[np.uint8], clock: Stopwatch) -> Taken:
        """uint8 [H,W,3], upright -> what `run` wants of it."""
        return Taken(picture=picture, feed=self._feed(picture, clock), clock=clock)

    def shares_calls(self, feed: NDArray[np.uint8]) -> bool:
        """Whether it may go into one call with others of its shape: a picture in tiles may not."""
        return isinstance(self.runtime, runtimes.Painting) or tiling.fits(feed, self.tile)

    def run(self, feeds: Sequence[NDArray[np.uint8]]) -> list[NDArray[Any]]:
        """Logits of small pictures, or masks of whole ones; several in one call."""
        runtime = self.runtime
        if isinstance(runtime, runtimes.Painting):
            return list(runtime.masks(np.stack(feeds)))
        assert isinstance(runtime, runtimes.Network)
        if len(feeds) > 1:
            return list(runtime.logits(np.stack(feeds)))
        (small,) = feeds
        if tiling.fits(small, self.tile):
            return [runtime.logits(small)]
        return [tiling.logits(runtime.logits, small, self._plan)]

    def finish(self, taken: Taken, found: NDArray[Any]) -> Answer:
        """What `run` found of the picture -> the encoded mask."""
        clock = taken.clock
        mask = self.painted(taken, found).mask
        with clock.stage("encode"):
            body = self._encoder.encode(mask, self.contract.palette)
        return Answer(
            body=body, media_type=self._encoder.MEDIA_TYPE, milliseconds=clock.milliseconds
        )

    def answer(self, data: bytes) -> Answer:
        """All three steps for one picture."""
        taken = self.take(data, Stopwatch())
        return self.finish(taken, self._found(taken))

    def mask(self, picture: NDArray[np.uint8]) -> Mask:
        """uint8 [H,W,3] -> the class of every pixel, [H,W]."""
        taken = self.prepared(picture, Stopwatch())
        return self.painted(taken, self._found(taken)).mask

    @property
    def paints_margin(self) -> bool:
        """Whether it can tell the margin: where the runtime paints, only the mask comes back."""
        return not isinstance(self.runtime, runtimes.Painting)

    def painted(self, taken: Taken, found: NDArray[Any], *, margin: bool = False) -> Plane:
        """What `run` found of the picture -> its mask and, where it can be had, the margin."""
        with taken.clock.stage("paint"):
            if isinstance(self.runtime, runtimes.Painting):
                return Plane(mask=found, margin=None)
            self._check(found)
            size = taken.picture.shape[0], taken.picture.shape[1]
            done = kernels.painting(found, size, margin=margin)
            return Plane(mask=done.mask, margin=done.margin)

    def close(self) -> None:
        """Give the artefact back; nobody uses it any more."""
        self.runtime.close()

    def _feed(self, picture: NDArray[np.uint8], clock: Stopwatch) -> NDArray[np.uint8]:
        with clock.stage("shrink"):
            if isinstance(self.runtime, runtimes.Painting):
                return picture
            return kernels.shrink(picture, self.contract.factor)

    def _found(self, taken: Taken) -> NDArray[Any]:
        with taken.clock.stage("network"):
            return self.run([taken.feed])[0]

    def _check(self, logits: NDArray[np.floating]) -> None:
        if len(logits) != len(self.contract.classes):
            raise UserError(
                f"'{self._model}': the network has {len(logits)} classes, "
                f"its contract {len(self.contract.classes)}",
                hint="export the checkpoint again with this softres",
            )

    @cached_property
    def _plan(self) -> tiling.Plan:
        """Measured at the first picture that is worked in tiles."""
        assert isinstance(self.runtime, runtimes.Network)
        return tiling.plan(self.runtime.logits, self.tile)


class File:
    """The job of a picture file: its mask as a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, segmenter: Segmenter, clock: Stopwatch) -> list[Taken]:
        """The picture in the file."""
        return [segmenter.take(self._data, clock)]

    def finish(
        self, segmenter: Segmenter, taken: Sequence[Taken], found: Sequence[NDArray[Any]]
    ) -> Answer:
        """Its mask, encoded."""
        return segmenter.finish(taken[0], found[0])
