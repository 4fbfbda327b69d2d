"""`pseudoseg`: soft targets from two views of one network, fused; for pictures without labels.

PseudoSeg (Zou et al., ICLR 2021). Two sources speak of the weak view of a crop, and neither is
learned from through the target: the decoder's logits d, and logits a of a branch that exists in
training alone. It classifies the crop from the mean of the encoder's last level; the weights of a
class make its map of that level (Grad-CAM, which is closed for a linear classifier), places that
look alike share their maps by attention, and a 1x1 convolution turns them into a.

    p = (softmax(d / r) + softmax(a / r)) / 2, r the root of the mean square of d and a together
    target = p^(1/T) / sum p^(1/T), T the `temperature`
    loss = CE(labelled) + CE(strong view, target) + CE(a, labelled) + BCE(classes of the crop)

The strong view is the same crop in other light, with a box cut out; the box and what lies outside
of the picture count for nothing. The target is soft, so it stays on the small grid. A class is
present in an unlabelled crop if the classifier finds it likelier than not. Otherwise than the
authors do: r is of one crop, not of a batch, so that it does not depend on how a batch is divided;
strong views leave the running statistics of batch norms alone; padding takes part in the attention.
Reconstructed: a trains the branch alone; attention works on the grid of one `level` (0 is the
finest).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer import grids, loss, mixing, norms
from trainer.attention import attended
from trainer.backbones.layers import BatchNorm
from trainer.batch import Batch, Unlabelled, crops_of
from trainer.disguise import Disguise
from trainer.method_options import within
from trainer.objective import Objective, Task, refuse_full
from trainer.views import OUTSIDE

KEYS = 128
BACKGROUND = "background"
SMALLEST = 1e-6


@dataclass(frozen=True, kw_only=True)
class Options:
    """The temperature is published."""

    temperature: float = within(0.5, 1e-3)
    level: int = within(1, 0)


def build(task: Task, options: Options) -> PseudoSeg:
    """The method for that task."""
    return PseudoSeg(task, options)


class PseudoSeg(Objective):
    """Learns from labels, and from what decoder and branch agree on."""

    disguise = Disguise(views=1, jittered=1.0, greyed=0.0, blurred=0.0)

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task)
        refuse_full(self.recipe)
        self.options = options
        self.branch = Branch(task, options)

    def mass(self, batch: Batch) -> Tensor:
        """The labelled mass, what is valid of the strong views, and the number of crops."""
        valid = self._valid(crops_of(batch)).sum()
        return torch.stack([super().mass(batch), valid, valid.new_tensor(len(batch.pictures))])

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        with self.autocast(batch):
            levels = self.network.encode(batch.pictures)
            heads = self.network.decode_heads(levels, batch.pictures)
        present = (batch.shares.sum((2, 3)) > 0).float()
        scores = self.branch.scores(levels)
        shares = loss.weighed(batch.shares, self.class_weights)
        maps = loss.by_cell(self._maps(levels, present, grids.sides(batch.shares)), shares).sum()
        classes = F.binary_cross_entropy_with_logits(scores, present, reduction="sum")
        return (
            self.supervised(heads, batch, mass[0])
            + maps / loss.positive(mass[0])
            + classes / (mass[2] * scores.shape[1])
            + self._strong(batch, mass[1])
        )

    def _strong(self, batch: Batch, mass: Tensor) -> Tensor:
        crops = crops_of(batch)
        targets = self.targets(batch) * self._valid(crops)[:, None]
        hidden = mixing.over(crops.weak, _hidden(crops).to(crops.weak.device))
        colour = torch.tensor(OUTSIDE, dtype=torch.uint8, device=crops.weak.device)
        with self.autocast(batch), norms.held(self.network):
            logits = self.network(torch.where(hidden, colour, crops.strong[0]))
        return loss.by_cell(logits.float(), targets).sum() / loss.positive(mass)

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What both sources say of the weak views, [N,C,h,w]."""
        weak = crops_of(batch).weak
        with self.autocast(batch):
            levels = self.network.encode(weak)
            decoded = self.network.decode(levels, weak).float()
        # As likely as not, or likelier.
        present = (self.branch.scores(levels) >= 0).float()
        return fused(
            decoded, self._maps(levels, present, grids.sides(decoded)), self.options.temperature
        )

    def _maps(self, levels: list[Tensor], present: Tensor, size: grids.Size) -> Tensor:
        return grids.spread(self.branch(levels, present), self.network.padded(size), size)

    def _valid(self, crops: Unlabelled) -> Tensor:
        return crops.valid * ~_hidden(crops).to(crops.valid.device)


class Branch(nn.Module):
    """Self-attention Grad-CAM: where each class of a crop is, from a classifier of whole crops."""

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__()
        widths, classes = task.network.widths, len(task.classes)
        self.level = min(options.level, len(widths) - 1)
        self.background = task.classes.index(BACKGROUND) if BACKGROUND in task.classes else None
        self.classifier = nn.Linear(widths[-1], classes)
        self.query = nn.Conv2d(sum(widths), KEYS, 1, bias=False)
        self.key = nn.Conv2d(sum(widths), KEYS, 1, bias=False)
        self.logits = nn.Sequential(nn.Conv2d(classes, classes, 1, bias=False), BatchNorm(classes))

    def scores(self, levels: list[Tensor]) -> Tensor:
        """Logits [N,C] of the classes of a crop; the encoder learns from them."""
        scores: Tensor = self.classifier(levels[-1].float().mean((2, 3)))
        return scores

    def forward(self, levels: list[Tensor], present: Tensor) -> Tensor:
        """Logits [N,C,gh,gw] on the grid of the branch's level; the encoder learns nothing here."""
        grid = levels[self.level].shape[2], levels[self.level].shape[3]
        column = grids.hyper_column([level.detach() for level in levels], grid)
        maps = grids.resized(self._maps(levels[-1].detach().float(), present), grid)
        found = attended(
            self.query(column).flatten(2), self.key(column).flatten(2), maps.flatten(2), KEYS**-0.5
        )
        shared = found.reshape(maps.shape) + maps
        if self.background is not None:
            shared = _with_background(shared, self.background)
        logits: Tensor = self.logits(shared)
        return logits

    def _maps(self, features: Tensor, present: Tensor) -> Tensor:
        weights = self.classifier.weight.detach()
        maps = torch.einsum("ck,nkhw->nchw", weights, features).relu()
        return maps / maps.amax((2, 3), keepdim=True).clamp_min(SMALLEST) * present[..., None, None]


def fused(decoded: Tensor, mapped: Tensor, temperature: float) -> Tensor:
    """One sharpened distribution of two sources' logits [N,C,h,w], on one scale for each crop."""
    both = torch.cat([decoded, mapped], 1)
    scale = both.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(SMALLEST)
    mean = ((decoded / scale).softmax(1) + (mapped / scale).softmax(1)) / 2
    sharp = mean ** (1 / temperature)
    return sharp / sharp.sum(1, keepdim=True)


def _with_background(maps: Tensor, background: int) -> Tensor:
    """The background is where no other class is; a map and its attention come to 2 at most."""
    others = torch.cat([maps[:, :background], maps[:, background + 1 :]], 1)
    absent = 2 - others.amax(1, keepdim=True)
    return torch.cat([maps[:, :background], absent, maps[:, background + 1 :]], 1)


def _hidden(crops: Unlabelled) -> Tensor:
    """bool [N,h,w]: the box that is cut out of each strong view, by the crop's seed."""
    size = crops.valid.shape[1], crops.valid.shape[2]
    boxes = [mixing.box(size, np.random.default_rng(seed)) for seed in crops.seeds]
    return torch.from_numpy(np.stack(boxes))
