"""Keeps batches ready while the network works, the same batches for the same seed and step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kernels.errors import UserError
from kernels.paint import Mask
from trainer import views
from trainer.batch import Batch
from trainer.census import Census
from trainer.data import Dataset
from trainer.ranks import ALONE, Ranks
from trainer.recipe import Recipe

__all__ = ["Batch", "batches"]

THREADS = 2
BATCHES_AHEAD = 3


def batches(
    dataset: Dataset,
    recipe: Recipe,
    crop: tuple[int, int],
    *,
    first: int = 0,
    ranks: Ranks = ALONE,
    census: Census | None = None,
) -> Iterator[Batch]:
    """One batch a step from step `first` on; of several processes each gets its part.

    Threads decode and shrink outside of the interpreter lock.
    """
    source = _Source(dataset=dataset, recipe=recipe, crop=crop, census=census)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="loader") as pool:
        waiting: deque[list[Future[views.View]]] = deque()
        try:
            for step in range(first, recipe.steps):
                places = ranks.part(recipe.batch)
                waiting.append([pool.submit(source.view, step, place) for place in places])
                if len(waiting) > BATCHES_AHEAD:
                    yield _stacked(waiting.popleft(), dataset.ignore)
            while waiting:
                yield _stacked(waiting.popleft(), dataset.ignore)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Knows what every place of every batch shows, whoever asks and in which order."""

    dataset: Dataset
    recipe: Recipe
    crop: tuple[int, int]
    census: Census | None

    def view(self, step: int, place: int) -> views.View:
        # Seeded by its place in the run, so that threads can finish in any order.
        rng = np.random.default_rng((self.recipe.seed, 1, step, place))
        pairs = self.dataset.split("train")
        index, shown = self._picked(len(pairs), step, place, rng)
        sample = pairs[index].read()
        return views.draw(sample, self.crop, self.recipe, self.dataset, rng, shown=shown)

    def _picked(
        self, pairs: int, step: int, place: int, rng: np.random.Generator
    ) -> tuple[int, int | None]:
        """The pair, and the class it is to show if any."""
        if self.census and self.recipe.class_uniform and rng.random() < self.recipe.class_uniform:
            return self.census.draw(rng)
        return _chosen(pairs, self.recipe, step)[place], None


def _chosen(pairs: int, recipe: Recipe, step: int) -> list[int]:
    """The pairs of a step: every epoch is a shuffle of its own, cut into batches."""
    places = range(step * recipe.batch, (step + 1) * recipe.batch)
    epochs = {place // pairs for place in places}
    order = {e: np.random.default_rng((recipe.seed, 0, e)).permutation(pairs) for e in epochs}
    return [int(order[place // pairs][place % pairs]) for place in places]


def _stacked(futures: list[Future[views.View]], ignore: int) -> Batch:
    try:
        drawn = [future.result() for future in futures]
    except MemoryError:
        raise UserError(
            "out of memory while pictures were read", hint="lower --batch, or free some"
        ) from None
    return Batch(
        pictures=torch.from_numpy(np.stack([view.picture for view in drawn])),
        shares=torch.from_numpy(np.stack([view.shares for view in drawn])),
        labels=tuple(_tensor(view.labels) for view in drawn if view.labels is not None),
        ignore=ignore,
    )


def _tensor(labels: Mask) -> Tensor:
    # torch can do little with uint16.
    return torch.from_numpy(labels if labels.dtype == np.uint8 else labels.astype(np.int32))
