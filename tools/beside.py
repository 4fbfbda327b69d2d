"""Trains alone and beside a busy program, with threads that wait as in libgomp and as we have it.

`python tools/beside.py --model lite0`: pictures a second of a few steps, in a process of its own
each time, in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer import SPINS, data, loader, views
from trainer.comparison.table import pipes
from trainer.learner import Learner
from trainer.recipe import NONE, Recipe

TURNS = 3
STEPS = 12
# Before they count.
FIRST_STEPS = 4
BUSY = "while True: pass"
# How often a thread looks before it sleeps: libgomp's own number, and ours.
WAITS = {"as in libgomp": "300000", "ours": SPINS}


def main() -> None:
    """Print pictures a second of each kind of waiting, alone and beside."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--data", default="streets")
    words.add_argument("--model", default="compact")
    words.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.once:
        print(once(Recipe(data=given.data, model=given.model, weights=NONE)))
        return
    found: dict[tuple[str, bool], list[float]] = {}
    for _ in range(TURNS):
        for busy in (False, True):
            for name, spins in WAITS.items():
                with beside(busy):
                    found.setdefault((name, busy), []).append(apart(spins))
    medians = {key: statistics.median(speeds) for key, speeds in found.items()}
    rows = [(name, f"{medians[name, False]:.1f}", f"{medians[name, True]:.1f}") for name in WAITS]
    print(pipes([("pictures a second", "alone", "beside a busy program"), *rows]))


@contextmanager
def beside(busy: bool) -> Iterator[None]:
    """With a program that takes all it can of one core, or without."""
    if not busy:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BUSY]) as other:
        try:
            yield
        finally:
            other.kill()


def apart(spins: str) -> float:
    """What `once` gives in a process whose threads wait so."""
    return float(
        subprocess.run(
            [sys.executable, *sys.argv, "--once"],
            env={**os.environ, "GOMP_SPINCOUNT": spins},
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )


def once(recipe: Recipe) -> float:
    """Pictures a second of the training loop."""
    dataset = data.load(recipe.data)
    crop = views.crop_size(data.usual_size(dataset.split("train")), recipe)
    learner = Learner(recipe, dataset, torch.device("cpu"))
    source = loader.batches(dataset, recipe, crop)
    for step in range(FIRST_STEPS + STEPS):
        if step == FIRST_STEPS:
            begin = time.perf_counter()
        learner.step(next(source))
    return STEPS * recipe.batch / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
