"""From the bytes of a picture to the bytes of its mask, in three steps, each stage timed.

`take` and `finish` are for many threads at once; `run` between them may serve several pictures in
one call. Whoever wants no more than an answer calls all three by `answer`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import QueryParams

import kernels
from kernels import picture as pictures
from kernels import png
from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.paint import Mask, Window
from kernels.picture import MOST_PIXELS, Picture, Reduced, decode
from serve import encode, negotiate, runtimes, tiling
from serve.answer import Painted
from serve.clock import Stopwatch
from serve.negotiate import Ask
from serve.settings import TILE
from serve.upload import Upload

WARM_UP_SIDE = 64
WARM_UP_ASKS = [*(f"format={name}" for name in encode.names()), "format=geojson&tolerance=1"]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A picture on its way: what the runtime is given of it, and what its answer shall be."""

    feed: NDArray[np.uint8]  # the small picture, or the picture where the runtime paints
    size: tuple[int, int]  # (H, W) of the upright picture
    picture: NDArray[np.uint8] | None  # what the encoder will want of it
    ask: Ask
    kept: tuple[int, ...] | None
    window: Window | None
    clock: Stopwatch


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
        device: str = "auto",
        workers: int = 1,
        tile: int = TILE,
        whole_decode: bool = False,
    ) -> None:
        self.runtime = runtimes.open_artefact(model, threads, device=device, workers=workers)
        with about(model):
            self.contract = Contract.from_json(self.runtime.contract)
        self.max_pixels = max_pixels
        # In pixels that the network sees: so a tile costs the same whatever its sight.
        self.tile = tile * self.contract.sight
        # What paints eats whole pictures.
        self.whole_decode = whole_decode or isinstance(self.runtime, runtimes.Painting)
        self._model = model

    def warm_up(self) -> None:
        """Compile the kernels and try the network, so that no request waits for it."""
        side = min(WARM_UP_SIDE, math.isqrt(self.max_pixels))
        # A picture file of our own making takes the way of every request, in every format.
        blank = png.grey(np.zeros(self.runtime.size or (side, side), np.uint8))
        for query in WARM_UP_ASKS:
            ask = negotiate.read(QueryParams(query))
            if self._knows(ask):
                self.answer(blank, ask)

    def most_batch(self, wanted: int | None) -> int:
        """Pictures in one call: what pays, or what is wanted as far as it can be."""
        most = wanted or self.runtime.batch
        return min(most, self.runtime.most_batch or most)

    def batches(self) -> bool:
        """Whether two pictures in one call come out bit for bit as each alone."""
        height, width = self.runtime.size or (WARM_UP_SIDE, WARM_UP_SIDE)
        noise = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
        feeds = [self.prepared(each, negotiate.plain(), Stopwatch()).feed for each in noise]
        alone = [self.run([feed])[0] for feed in feeds]
        return all(map(np.array_equal, alone, self.run(feeds)))

    def take(
        self, data: bytes, clock: Stopwatch, ask: Ask | None = None, name: str = "picture"
    ) -> Taken:
        """The bytes of a picture file -> what `run` wants of it."""
        ask = ask or negotiate.plain()
        with clock.stage("decode"):
            picture = self.read(data, name)
            photo = self._photo(picture, data, name) if ask.wants_picture else None
        return self.prepared(picture, ask, clock, photo)

    def read(self, data: bytes, name: str) -> Picture:
        """The bytes of a picture file -> the picture, reduced by its decoder where it may be."""
        return pictures.read(
            data,
            name,
            self.contract,
            reduce=not self.whole_decode,
            most_pixels=self.max_pixels,
        )

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
        """What `run` found of the picture -> the answer that is asked for."""
        painted = self.paint(taken, found)
        with taken.clock.stage("encode"):
            body = taken.ask.encode(painted)
        milliseconds = taken.clock.milliseconds
        return Answer(body=body, media_type=taken.ask.media_type, milliseconds=milliseconds)

    def answer(self, data: bytes, ask: Ask | None = None, name: str = "picture") -> Answer:
        """All three steps for one picture."""
        taken = self.take(data, Stopwatch(), ask, name)
        return self.finish(taken, self._found(taken))

    def painted(self, picture: NDArray[np.uint8], ask: Ask, clock: Stopwatch) -> Painted:
        """uint8 [H,W,3] -> all that an answer is made of."""
        taken = self.prepared(picture, ask, clock, picture)
        return self.paint(taken, self._found(taken))

    def mask(self, picture: NDArray[np.uint8]) -> Mask:
        """uint8 [H,W,3] -> the class of every pixel, [H,W]."""
        return self.painted(picture, negotiate.plain(), Stopwatch()).mask

    def prepared(
        self,
        picture: Picture,
        ask: Ask,
        clock: Stopwatch,
        photo: NDArray[np.uint8] | None = None,
    ) -> Taken:
        """A picture, upright -> what `run` wants of it; the encoder may want the whole `photo`."""
        size = pictures.size(picture)
        self._refuse_size(size)
        # What is wrong with the question is said before the network works for it.
        kept, window = ask.kept(self.contract), ask.part(size)
        if not self._knows(ask):
            raise UserError(
                f"{self.runtime.name} paints without a confidence",
                hint="leave it out, or serve the ONNX artefact",
            )
        with clock.stage("shrink"):
            feed = self._feed(picture)
        return Taken(
            feed=feed,
            size=size,
            picture=None if photo is None else ask.seen(photo, window),
            ask=ask,
            kept=kept,
            window=window,
            clock=clock,
        )

    def paint(self, taken: Taken, found: NDArray[Any]) -> Painted:
        """What `run` found of the picture -> all that its answer is made of."""
        with taken.clock.stage("paint"):
            mask, confidence = self._planes(taken, found)
        return Painted(
            mask=mask,
            contract=self.contract,
            picture=taken.picture,
            confidence=confidence,
            milliseconds=taken.clock.milliseconds,
            kept=taken.kept,
            window=taken.window,
        )

    @property
    def has_confidence(self) -> bool:
        """An engine with a mask for its head does not say how far the best class leads."""
        return not isinstance(self.runtime, runtimes.Painting)

    def close(self) -> None:
        """Give the artefact back; nobody uses it any more."""
        self.runtime.close()

    def _photo(self, picture: Picture, data: bytes, name: str) -> NDArray[np.uint8]:
        """All its pixels: the mask is of the same small picture in every format."""
        if isinstance(picture, Reduced):
            return decode(data, name, most_pixels=self.max_pixels)
        return picture

    def _refuse_size(self, size: tuple[int, int]) -> None:
        """Raise where the artefact was exported for pictures of another size alone."""
        only = self.runtime.size
        # What paints checks by itself: an engine may take a range of sizes.
        if only and size != only and not isinstance(self.runtime, runtimes.Painting):
            raise UserError(
                f"the picture is {size[0]}x{size[1]} (height x width), and this model takes "
                f"{only[0]}x{only[1]} alone",
                hint="send pictures of that size, or serve an artefact that was exported "
                "without --size",
            )

    def _feed(self, picture: Picture) -> NDArray[np.uint8]:
        if isinstance(self.runtime, runtimes.Painting):
            # `read` lets nobody reduce what it shall eat.
            assert not isinstance(picture, Reduced)
            return picture
        return pictures.seen(picture, self.contract)

    def _knows(self, ask: Ask) -> bool:
        return self.has_confidence or not ask.confidence

    def _found(self, taken: Taken) -> NDArray[Any]:
        with taken.clock.stage("network"):
            return self.run([taken.feed])[0]

    def _planes(self, taken: Taken, found: NDArray[Any]) -> tuple[Mask, NDArray[np.uint8] | None]:
        if isinstance(self.runtime, runtimes.Painting):
            top, left, height, width = taken.window or (0, 0, *taken.size)
            return found[top : top + height, left : left + width], None
        self._check(found)
        done = kernels.painting(found, taken.size, window=taken.window, margin=taken.ask.confidence)
        return done.mask, done.margin

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
    """The job of a picture file: the answer that is asked for about it."""

    def __init__(self, upload: Upload, ask: Ask) -> None:
        self._upload = upload
        self._ask = ask

    def take(self, segmenter: Segmenter, clock: Stopwatch) -> list[Taken]:
        """The picture in the file."""
        return [segmenter.take(self._upload.data, clock, self._ask, self._upload.name)]

    def finish(
        self, segmenter: Segmenter, taken: Sequence[Taken], found: Sequence[NDArray[Any]]
    ) -> Answer:
        """What is asked for about it, encoded."""
        return segmenter.finish(taken[0], found[0])
