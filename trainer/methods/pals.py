"""`pals`: labels smoothed by what the network says of places that look alike; all labelled.

Pixel-wise adaptive label smoothing by self-distillation (Park, Kim and Heo, Sensors 2022). From the
paper: similarities of all pairs of pixels gather the predicted distributions into one for each
pixel, which is added to the true labels. How exactly could not be had, so the following is a
reconstruction, and each choice an option:

    S = softmax(F F' / temperature), Q = S softmax(z / sharpness), T' = (1 - a) T + a v Q

F are the encoder's features on the grid of one `level` (0 is the finest), all levels side by side
and of length 1; z are the logits; neither is learned from through the target. A place counts in S
by its labelled mass, void not at all, and the mass v of a target stays what it was. a climbs from 0
to `alpha` over the first share `ramp` of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainer import grids
from trainer.attention import aggregated
from trainer.batch import Batch
from trainer.method_options import within
from trainer.objective import Objective, Task, refuse_full


@dataclass(frozen=True, kw_only=True)
class Options:
    """Our choices; the paper's are not known."""

    alpha: float = within(0.1, 0, 1)
    ramp: float = within(0.5, 0, 1)
    temperature: float = within(0.05, 1e-3)
    sharpness: float = within(1.0, 1e-3)
    level: int = within(1, 0)


def build(task: Task, options: Options) -> Pals:
    """The method for that task."""
    return Pals(task, options)


class Pals(Objective):
    """Learns from labels that its own predictions have smoothed."""

    steps: Tensor

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task)
        refuse_full(self.recipe)
        self.options = options
        # The coarsest level is the last one that there can be.
        self.level = min(options.level, len(task.network.widths) - 1)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        with self.autocast(batch):
            levels = self.network.encode(batch.pictures)
            heads = self.network.decode_heads(levels, batch.pictures)
        shares = self.smoothed(batch.shares, heads[0].float(), levels)
        return self.supervised(heads, replace(batch, shares=shares), mass)

    def follow(self, step: int) -> None:
        """The ramp goes by steps."""
        self.steps.fill_(step)

    @property
    def alpha(self) -> float:
        """How much the predictions count by now."""
        ramp = self.options.ramp * self.recipe.steps
        return self.options.alpha * min(1.0, float(self.steps) / ramp if ramp else 1.0)

    @torch.no_grad()
    def smoothed(self, shares: Tensor, logits: Tensor, levels: list[Tensor]) -> Tensor:
        """The targets [N,C,h,w] in place of `shares`, of the same mass in every cell."""
        cells = grids.sides(shares)
        padded = self.network.padded(cells)
        grid = levels[self.level].shape[2], levels[self.level].shape[3]
        predicted = (logits / self.options.sharpness).softmax(1)
        mass = shares.sum(1, keepdim=True)
        gathered = aggregated(
            grids.hyper_column(levels, grid).flatten(2),
            grids.pooled(predicted, padded, grid).flatten(2),
            grids.pooled(mass, padded, grid).flatten(1),
            self.options.temperature,
        )
        said = grids.spread(gathered.reshape(*gathered.shape[:2], *grid), padded, cells)
        # Cells at the edge of the padding have heard of nothing there: their shares come to less.
        said = said / said.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        return torch.lerp(shares, mass * said, self.alpha)
