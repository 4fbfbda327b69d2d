"""Scores a network on its way, by as many processes as train it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from trainer.checkpoint import Checkpoint
from trainer.data import spaced
from trainer.evaluate import evaluate
from trainer.learner import Learner
from trainer.score import Score


def score(
    learner: Learner, split: str, *, most: int | None = None, model: Checkpoint | None = None
) -> Score:
    """The score over a split, or `most` pairs of it: each process scores its share of them."""
    shown = model.network.to(learner.device) if model else learner.shown
    ranks, dataset = learner.ranks, learner.dataset
    if ranks.count == 1:
        return evaluate(shown, learner.contract, dataset, split, most=most)
    pairs = ranks.share(spaced(dataset.split(split), most))
    if pairs:
        part = replace(dataset, splits={split: pairs})
        mine = evaluate(shown, learner.contract, part, split)
    else:
        # More processes than pairs: this one has nothing to add.
        empty = np.zeros((len(dataset.classes),) * 2, np.int64)
        mine = Score(classes=dataset.classes, confusion=empty, boundary=empty)
    confusion = ranks.sum(torch.from_numpy(mine.confusion)).numpy()
    boundary = ranks.sum(torch.from_numpy(mine.boundary)).numpy()
    return replace(mine, confusion=confusion, boundary=boundary)
