"""Times the training loop beside a bare forward and backward of the same model, turn by turn."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

# Before torch: it says how torch's threads wait.
import trainer  # noqa: F401  # isort: skip
import torch

from kernels.errors import reported
from trainer import data, loader, views
from trainer.cache import cached
from trainer.learner import Learner
from trainer.recipe import Recipe

TURNS = 6
FIRST_STEPS = 5


def main() -> None:
    """Print both, and the share by which the loop is slower."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--data", default="streets")
    words.add_argument("--cache", type=Path, help="folder of decoded pictures, as for fit")
    words.add_argument("--steps", type=int, default=15, help="of each kind, each turn")
    given = words.parse_args()
    with reported():
        bare, loop = times(Recipe(data=given.data, steps=10**6), given.steps, given.cache)
    pictures = Recipe.batch / statistics.median(loop)
    print(f"bare forward and backward  {1e3 * statistics.median(bare):8.1f} ms a step")
    print(f"the training loop          {1e3 * statistics.median(loop):8.1f} ms a step")
    over = statistics.median(b / a for a, b in zip(bare, loop, strict=True)) - 1
    print(f"the loop's overhead        {100 * over:8.1f} %  (median of {TURNS} turns)")
    print(f"pictures a second          {pictures:8.1f}  ({torch.get_num_threads()} threads)")


def times(recipe: Recipe, steps: int, cache: Path | None) -> tuple[list[float], list[float]]:
    """Seconds a step of bare arithmetic and of the loop, one of each a turn."""
    dataset = data.load(recipe.data)
    if cache:
        dataset = cached(dataset, cache)
        for pair in dataset.split("train"):
            pair.read()
    crop = views.crop_size(data.usual_size(dataset.split("train")), recipe)
    learner = Learner(recipe, dataset, torch.device("cpu"))
    source = loader.batches(dataset, recipe, crop)
    batch = next(source)

    def arithmetic() -> None:
        learner.optimiser.zero_grad(set_to_none=True)
        learner.objective(batch, learner.objective.mass(batch)).backward()

    def step() -> None:
        # As in fit: the wait for the batch, the step, and the loss as a number.
        learner.step(next(source))

    pairs = [(_settled(arithmetic, steps), _settled(step, steps)) for _ in range(TURNS)]
    return [bare for bare, _ in pairs], [loop for _, loop in pairs]


def _settled(call: Callable[[], None], count: int) -> float:
    # Before it counts: the threads' work ahead is done in the one, and used up in the other.
    _seconds(call, FIRST_STEPS)
    return _seconds(call, count)


def _seconds(call: Callable[[], None], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count


if __name__ == "__main__":
    main()
