"""The models one server has open, by name, and how a new file takes the place of an old one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import one_of
from serve.batching import Batcher
from serve.errors import UnknownError
from serve.log import logger
from serve.metrics import Metrics
from serve.segment import Segmenter
from serve.settings import Settings, named
from serve.workers import Workers

# What a call of the network found in one picture, and the seconds that the call took.
Found = tuple[NDArray[Any], float]


class Model:
    """One opened artefact, and who uses it; closed when it is replaced and the last one is done."""

    def __init__(
        self, name: str, path: Path, segmenter: Segmenter, batcher: Batcher[Found]
    ) -> None:
        self.name = name
        self.path = path
        self.segmenter = segmenter
        self.batcher = batcher
        self.loaded = time.time()
        self._users = 0
        self._retired = False

    @contextmanager
    def used(self) -> Iterator[Segmenter]:
        """It stays open as long as the block lasts."""
        self._users += 1
        try:
            yield self.segmenter
        finally:
            self._users -= 1
            self._close_unused()

    def retire(self) -> None:
        """Nobody finds it any more; those who have it finish."""
        self._retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        if self._retired and not self._users:
            self.segmenter.close()


class Models:
    """All of them; the first one is who answers where no name is given."""

    def __init__(
        self, settings: Settings, workers: Workers, *, metrics: Metrics | None = None
    ) -> None:
        self.paths = named(settings.models)
        self._metrics = metrics
        self._settings = settings
        self._workers = workers
        self._open: dict[str, Model] = {}
        self._reloading = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether all of them are open and warm."""
        return self._open.keys() == self.paths.keys()

    @property
    def first(self) -> Model:
        """Who answers /segment."""
        return self._open[next(iter(self.paths))]

    def all(self) -> list[Model]:
        """All that are open, in the order they were given."""
        return [self._open[name] for name in self.paths if name in self._open]

    def find(self, name: str) -> Model:
        """The model of that name, or an error with the nearest one."""
        if name in self._open:
            return self._open[name]
        told = one_of("model", name, self._open, hint="GET /models lists them")
        raise UnknownError(told.message, hint=told.hint)

    async def open(self) -> None:
        """Open and warm up all; a UserError of the first that cannot be."""
        for name, path in self.paths.items():
            self._open[name] = await self._opened(name, path)

    async def reload(self) -> list[str]:
        """Open all files anew beside the old ones; the names of those that could not be.

        A model is replaced when its successor is warm; a file that cannot be is passed over.
        """
        failed = []
        async with self._reloading:
            for name, path in self.paths.items():
                try:
                    fresh = await self._opened(name, path)
                # Half a file can make a reader fail in any way; the old model is still good.
                except Exception as error:
                    failed.append(name)
                    logger.error("model '%s' stays what it was: %s", name, error)
                    continue
                old, self._open[name] = self._open[name], fresh
                old.retire()
                logger.info("model '%s' was loaded anew from %s", name, path)
        return failed

    def close(self) -> None:
        """Close those that nobody uses, and the others when they are done."""
        for model in self.all():
            model.retire()
        self._open.clear()

    async def _opened(self, name: str, path: Path) -> Model:
        # Not on a worker: these shall go on answering.
        segmenter, most = await asyncio.to_thread(self._warm, path)

        async def call(feeds: Sequence[NDArray[np.uint8]]) -> list[Found]:
            if self._metrics:
                self._metrics.batches.labels(name).observe(len(feeds))
            # Of its own: a call may outlive those who asked for it.
            with model.used():
                return await self._workers.run(lambda: _timed(segmenter, feeds))

        batcher = Batcher(call, most=most, delay=self._settings.batch_delay / 1000)
        model = Model(name, path, segmenter, batcher)
        return model

    def _warm(self, path: Path) -> tuple[Segmenter, int]:
        """An opened artefact that has answered once, and how many pictures share a call."""
        told = self._settings
        segmenter = Segmenter(
            path,
            threads=told.threads,
            max_pixels=told.max_pixels,
            device=told.device,
            workers=self._workers.count,
            tile=told.tile,
            whole_decode=told.whole_decode,
        )
        try:
            segmenter.warm_up()
            # Where a call of several gives other logits than calls of one, masks would depend on
            # who else asks. It is done all the same for who wants it by number.
            most = segmenter.most_batch(told.max_batch)
            if most > 1 and told.max_batch is None and not segmenter.batches():
                most = 1
        except BaseException:
            segmenter.close()
            raise
        return segmenter, most


def _timed(segmenter: Segmenter, feeds: Sequence[NDArray[np.uint8]]) -> list[Found]:
    begin = time.perf_counter()
    found = segmenter.run(feeds)
    took = time.perf_counter() - begin
    return [(each, took) for each in found]
