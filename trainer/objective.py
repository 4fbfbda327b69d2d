"""What a step minimises: a network's heads held against a batch's targets, as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer import loss
from trainer.batch import Batch
from trainer.full_size import full_size_cross_entropy
from trainer.network import Network
from trainer.precision import autocast
from trainer.recipe import FULL, Recipe


class Objective(nn.Module):
    """Network and loss together, so that DistributedDataParallel can wrap them.

    A method that makes targets of its own makes them before this: it hands over a Batch.
    """

    class_weights: Tensor | None

    def __init__(
        self, network: Network, recipe: Recipe, class_weights: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.register_buffer("class_weights", class_weights, persistent=False)

    def mass(self, batch: Batch) -> Tensor:
        """What the loss of the whole batch is divided by: its labelled mass, weighed."""
        if self.recipe.labels == FULL:
            return loss.labelled(batch.labels, self.class_weights, batch.ignore)
        return loss.weighed(batch.shares, self.class_weights).sum()

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        with autocast(self.recipe.precision, batch.pictures.device.type):
            heads = self.network.heads(batch.pictures)
        losses = [
            weight * self._of(logits.float(), batch, mass)
            for weight, logits in zip(self.network.head_weights, heads, strict=True)
        ]
        return torch.stack(losses).sum()

    def _of(self, logits: Tensor, batch: Batch, mass: Tensor) -> Tensor:
        if self.recipe.labels == FULL:
            return full_size_cross_entropy(
                logits, batch.labels, mass, weights=self.class_weights, ignore=batch.ignore
            )
        shares = loss.weighed(batch.shares, self.class_weights)
        if self.recipe.loss == "jdt":
            # It is no sum over cells: a part of a batch counts by its labelled mass.
            return loss.jaccard_distance(logits, shares) * (shares.sum() / mass)
        by_cell = loss.by_cell(logits, shares, divergence=self.recipe.loss == "kl")
        if self.recipe.ohem < 1:
            return loss.hardest(by_cell, shares.sum(1), self.recipe.ohem) / (
                self.recipe.ohem * loss.positive(mass)
            )
        return by_cell.sum() / loss.positive(mass)
