"""Keeps batches ready while the network works, the same batches for the same seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer import views
from trainer.data import Dataset, Pair
from trainer.recipe import Recipe

THREADS = 2
BATCHES_AHEAD = 3


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step learns from."""

    pictures: Tensor  # uint8 [N,h,w,3]
    shares: Tensor  # float32 [N,C,h,w]


def batches(dataset: Dataset, recipe: Recipe, crop: tuple[int, int]) -> Iterator[Batch]:
    """One batch a step; threads decode and shrink outside of the interpreter lock."""
    pairs = dataset.split("train")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="loader") as pool:
        waiting: deque[list[Future[views.View]]] = deque()
        try:
            for step in range(recipe.steps):
                chosen = enumerate(_chosen(len(pairs), recipe, step))
                waiting.append(
                    [
                        pool.submit(_view, pairs, index, crop, recipe, dataset, (step, place))
                        for place, index in chosen
                    ]
                )
                if len(waiting) > BATCHES_AHEAD:
                    yield _stacked(waiting.popleft())
            while waiting:
                yield _stacked(waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _chosen(pairs: int, recipe: Recipe, step: int) -> list[int]:
    """The pairs of a step: every epoch is a shuffle of its own, cut into batches."""
    places = range(step * recipe.batch, (step + 1) * recipe.batch)
    epochs = {place // pairs for place in places}
    order = {e: np.random.default_rng((recipe.seed, 0, e)).permutation(pairs) for e in epochs}
    return [int(order[place // pairs][place % pairs]) for place in places]


def _view(
    pairs: Sequence[Pair],
    index: int,
    crop: tuple[int, int],
    recipe: Recipe,
    dataset: Dataset,
    moment: tuple[int, int],
) -> views.View:
    # Seeded by its place in the run, so that threads can finish in any order.
    rng = np.random.default_rng((recipe.seed, 1, *moment))
    return views.draw(pairs[index].read(), crop, recipe, dataset, rng)


def _stacked(futures: list[Future[views.View]]) -> Batch:
    drawn = [future.result() for future in futures]
    return Batch(
        pictures=torch.from_numpy(np.stack([view.picture for view in drawn])),
        shares=torch.from_numpy(np.stack([view.shares for view in drawn])),
    )
