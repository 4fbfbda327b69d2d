"""Keeps batches ready while the network works, the same batches for the same seed and step."""

from __future__ import annotations

import importlib.util
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from kernels.errors import UserError
from trainer import talk, views
from trainer.batch import Batch, Unlabelled, tensor_of
from trainer.census import Census
from trainer.data import Dataset, Sample, read_picture, refuse_strays
from trainer.disguise import Disguise
from trainer.ranks import ALONE, Ranks
from trainer.recipe import Recipe

__all__ = ["Batch", "batches"]

CPU = torch.device("cpu")
# Enough on a CPU, where the network wants the cores; a GPU waits for decoded pictures.
THREADS = {"cpu": 2, "cuda": min(16, os.cpu_count() or 2)}
BATCHES_AHEAD = 3
# What sets the draws of a run apart; the labelled share is drawn with 2.
LABELLED_ORDER, LABELLED, UNLABELLED_ORDER, UNLABELLED = 0, 1, 3, 4


def batches(
    dataset: Dataset,
    recipe: Recipe,
    crop: tuple[int, int],
    *,
    first: int = 0,
    ranks: Ranks = ALONE,
    census: Census | None = None,
    device: torch.device = CPU,
    disguise: Disguise | None = None,
) -> Iterator[Batch]:
    """One batch a step from step `first` on; of several processes each gets its part.

    With a `disguise` a batch has as many unlabelled crops beside its labelled ones.
    Threads decode outside of the interpreter lock; what is left to do they do as well, or the GPU.
    """
    source = _Source(dataset=dataset, recipe=recipe, crop=crop, census=census)
    bench = _on_gpu(source, device) if reduces(device) else _on_cpu(source)
    if disguise:
        bench = _with_unlabelled(bench, source, disguise)
    with ThreadPoolExecutor(THREADS[device.type], thread_name_prefix="loader") as pool:
        waiting: deque[list[Future[Any]]] = deque()
        try:
            for step in range(first, recipe.steps):
                places = ranks.part(recipe.batch)
                waiting.append([pool.submit(bench.prepare, step, place) for place in places])
                if len(waiting) > BATCHES_AHEAD:
                    yield bench.gather(_results(waiting.popleft()))
            while waiting:
                yield bench.gather(_results(waiting.popleft()))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """Who does what: threads prepare each place, and the caller gathers a batch of them."""

    prepare: Callable[[int, int], Any]
    gather: Callable[[list[Any]], Batch]


def reduces(device: torch.device) -> bool:
    """Whether the device makes small pictures of the full ones itself."""
    if device.type != "cuda":
        return False
    if importlib.util.find_spec("triton"):
        return True
    talk.say("note: pictures are reduced on the CPU, because the package triton is not installed")
    return False


def _on_cpu(source: _Source) -> _Bench:
    def prepare(step: int, place: int) -> views.View:
        sample, shot = source.sample(step, place)
        return views.take(sample, shot, source.crop, source.recipe, source.dataset)

    return _Bench(prepare=prepare, gather=partial(stacked, ignore=source.dataset.ignore))


def _on_gpu(source: _Source, device: torch.device) -> _Bench:
    # By name: it brings triton, which a CPU does without.
    gpu_views = importlib.import_module("trainer.gpu_views")
    camera = gpu_views.Camera(source.crop, source.recipe, source.dataset, device)

    def prepare(step: int, place: int) -> Any:
        return camera.prepare(*source.sample(step, place))

    return _Bench(prepare=prepare, gather=camera.take)


def _with_unlabelled(bench: _Bench, source: _Source, disguise: Disguise) -> _Bench:
    """The same, and for every place a crop without labels, which the CPU makes."""

    def prepare(step: int, place: int) -> tuple[Any, views.Disguised]:
        return bench.prepare(step, place), source.unlabelled(step, place, disguise)

    def gather(prepared: list[tuple[Any, views.Disguised]]) -> Batch:
        batch = bench.gather([labelled for labelled, _ in prepared])
        return replace(batch, unlabelled=side_by_side([crop for _, crop in prepared]))

    return _Bench(prepare=prepare, gather=gather)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Knows what every place of every batch shows, whoever asks and in which order."""

    dataset: Dataset
    recipe: Recipe
    crop: tuple[int, int]
    census: Census | None

    def sample(self, step: int, place: int) -> tuple[Sample, views.Shot]:
        # Seeded by its place in the run, so that threads can finish in any order.
        rng = np.random.default_rng((self.recipe.seed, LABELLED, step, place))
        pairs = self.dataset.split("train")
        index, shown = self._picked(len(pairs), step, place, rng)
        pair, sample = pairs[index], pairs[index].read()
        # Here, where the file is known: not every data set has been looked at as a whole.
        classes, ignore = len(self.dataset.classes), self.dataset.ignore
        refuse_strays(sample.labels, pair.mask, classes, ignore)
        return sample, views.aim(sample.labels, self.crop, self.recipe, rng, shown=shown)

    def unlabelled(self, step: int, place: int, disguise: Disguise) -> views.Disguised:
        rng = np.random.default_rng((self.recipe.seed, UNLABELLED, step, place))
        paths = self.dataset.unlabelled
        path = paths[_chosen(len(paths), self.recipe, step, order=UNLABELLED_ORDER)[place]]
        return views.disguised(read_picture(path), self.crop, self.recipe, disguise, rng)

    def _picked(
        self, pairs: int, step: int, place: int, rng: np.random.Generator
    ) -> tuple[int, int | None]:
        """The pair, and the class it is to show if any."""
        if self.census and self.recipe.class_uniform and rng.random() < self.recipe.class_uniform:
            return self.census.draw(rng)
        return _chosen(pairs, self.recipe, step)[place], None


def _chosen(pairs: int, recipe: Recipe, step: int, *, order: int = LABELLED_ORDER) -> list[int]:
    """The pairs of a step: every epoch is a shuffle of its own, cut into batches."""
    places = range(step * recipe.batch, (step + 1) * recipe.batch)
    epochs = {place // pairs for place in places}
    shuffled = {
        e: np.random.default_rng((recipe.seed, order, e)).permutation(pairs) for e in epochs
    }
    return [int(shuffled[place // pairs][place % pairs]) for place in places]


def _results(futures: list[Future[Any]]) -> list[Any]:
    try:
        return [future.result() for future in futures]
    except MemoryError:
        raise UserError(
            "out of memory while pictures were read", hint="lower --batch, or free some"
        ) from None


def stacked(drawn: list[views.View], ignore: int) -> Batch:
    """Views as one batch."""
    return Batch(
        pictures=torch.from_numpy(np.stack([view.picture for view in drawn])),
        shares=torch.from_numpy(np.stack([view.shares for view in drawn])),
        labels=tuple(tensor_of(view.labels) for view in drawn if view.labels is not None),
        ignore=ignore,
    )


def side_by_side(crops: list[views.Disguised]) -> Unlabelled:
    """Unlabelled crops as one."""
    strong = zip(*(crop.strong for crop in crops), strict=True)
    return Unlabelled(
        weak=torch.from_numpy(np.stack([crop.weak for crop in crops])),
        strong=tuple(torch.from_numpy(np.stack(view)) for view in strong),
        valid=torch.from_numpy(np.stack([crop.valid for crop in crops])),
        frames=tuple(crop.frame for crop in crops),
        seeds=tuple(crop.seed for crop in crops),
    )
