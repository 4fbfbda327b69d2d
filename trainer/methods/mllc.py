"""`mllc`: two graphs correct labels by each other; for pictures without labels.

Multi-level label correction (Xiao et al., IEEE TMM 2024). Places of a crop are the nodes; a node
has class logits X and an embedding F, and in each of two rounds

    X' = A X, A the cosines of F: each node's `neighbours` likest and itself, A + A', normalised
    X'' = (1 - r) X' + r X, r = .8 where X is reliable and .2 elsewhere; then two 1x1 convolutions
    F' = conv(relu(conv(B F))), B the cosines of softmax(X'') within a predicted class, normalised

X is reliable where its confidence is at least .95, or .95 n_c / max n of its class c, n being how
often each class was predicted with that confidence so far. Nothing is learned through A and B.

    labelled: CE of X and of both X'', + .1 * prototype loss
    unlabelled: CE of the same three on the mixed strong view (ClassMix), against the last X'' of a
    teacher on the weak view, weighed by the share of it with a confidence of at least .968

The prototype loss is the CE of cosines to running class means of F over a temperature of .1.
Reconstructed: F is a 1x1 convolution of the encoder's levels side by side; nodes lie on the grid of
one `level` (0 is the finest) and logits are brought there and back; the convolutions of X begin as
the identity; the prototype loss is the mean over all rounds' F and starts after a share `warm_up`
of the steps; n is counted on the teacher's weak views, and the share is of each crop; strong views
leave the running statistics of batch norms alone (docs/methods.md says what that is worth).

A block of likenesses takes 16 MB at a time whatever the number of nodes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer import grids, loss, mixing, norms, pseudo
from trainer.average import approach
from trainer.batch import Batch, Unlabelled, crops_of
from trainer.corrector import Corrector, Rounds
from trainer.disguise import Disguise
from trainer.method_options import within
from trainer.objective import Objective, Task, refuse_full
from trainer.teacher import Teacher


@dataclass(frozen=True, kw_only=True)
class Options:
    """The published choices; width of F, level and warm-up are ours in part."""

    neighbours: int = within(20, 1)
    confident: float = within(0.95, 0, 1)
    sure: float = within(0.968, 0, 1)
    trust: float = within(0.8, 0, 1)
    prototypes: float = within(0.1, 0)
    temperature: float = within(0.1, 1e-3)
    keep: float = within(0.99, 0, 1)
    warm_up: float = within(0.05, 0, 1)
    width: int = within(256, 1)
    level: int = within(1, 0)
    # The widest spread of a blur, in small pixels.
    blur: float = within(2.0, 0)


def build(task: Task, options: Options) -> Mllc:
    """The method for that task."""
    return Mllc(task, options)


class Mllc(Objective):
    """Learns from labels, and from a teacher's labels that graphs have corrected."""

    steps: Tensor
    counts: Tensor
    means: Tensor
    new_counts: Tensor
    new_sums: Tensor
    new_mass: Tensor

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task)
        refuse_full(self.recipe)
        self.options, classes = options, len(task.classes)
        self.disguise = Disguise(views=1, greyed=0.0, most_blur=options.blur)
        self.corrector = Corrector(
            task.network.widths,
            classes,
            Rounds(
                neighbours=options.neighbours,
                confident=options.confident,
                trust=options.trust,
                width=options.width,
                level=options.level,
            ),
        )
        self.teacher = Teacher(task.network, options.keep)
        self.teaching = copy.deepcopy(self.corrector).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        # What the steps have come to, and what the one under way will add.
        for name in ("counts", "new_counts", "new_mass"):
            self.register_buffer(name, torch.zeros(classes, dtype=torch.float64))
        for name in ("means", "new_sums"):
            self.register_buffer(name, torch.zeros(classes, options.width))

    def mass(self, batch: Batch) -> Tensor:
        """The labelled mass, and what lies inside of the unlabelled pictures."""
        return torch.stack([super().mass(batch), crops_of(batch).valid.sum()])

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        with self.autocast(batch):
            levels = self.network.encode(batch.pictures)
            heads = self.network.decode_heads(levels, batch.pictures)
        outputs, embeddings = self._corrected(self.corrector, heads[0], levels)
        shares = loss.weighed(batch.shares, self.class_weights)
        corrected = torch.stack([loss.by_cell(one, shares).sum() for one in outputs]).sum()
        return (
            self.supervised(heads, batch, mass[0])
            + corrected / loss.positive(mass[0])
            + self._prototype_loss(embeddings, batch.shares) / loss.positive(mass[0])
            + self._mixed(batch) / loss.positive(mass[1])
        )

    def noted(self) -> list[Tensor]:
        """What the step has counted, and what its class means are made of."""
        return [self.new_counts, self.new_mass, self.new_sums]

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """The teacher moves on, and what was counted counts from now on."""
        self.steps.fill_(step)
        self.teacher.follow(self.network, step)
        approach(self.teaching, self.corrector, self.options.keep, step)
        self.counts += self.new_counts
        there, known = self.new_mass > 0, self.means.any(1)
        fresh = self.new_sums[there] / self.new_mass[there, None].float()
        keep = self.options.keep * known[there, None].float()
        self.means[there] = keep * self.means[there] + (1 - keep) * fresh
        for one in self.noted():
            one.zero_()

    @property
    def thresholds(self) -> Tensor:
        """The confidence from which on each class is reliable."""
        most = self.counts.max().clamp_min(1)
        return (self.options.confident * self.counts / most).float()

    def _corrected(
        self, corrector: Corrector, logits: Tensor, levels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The logits after each round, on the labels' grid, and the embeddings before and after."""
        cells = grids.sides(logits)
        padded = self.network.padded(cells)
        grid = levels[corrector.level].shape[2], levels[corrector.level].shape[3]
        nodes = grids.pooled(logits.float(), padded, grid)
        outputs, embeddings = corrector(nodes, levels, self.thresholds)
        return [grids.spread(one, padded, cells) for one in outputs], embeddings

    def _prototype_loss(self, embeddings: list[Tensor], shares: Tensor) -> Tensor:
        """Summed over nodes, in cells of the labels; notes the class means of this step."""
        padded, grid = self.network.padded(grids.sides(shares)), grids.sides(embeddings[0])
        pooled = grids.pooled(shares, padded, grid)
        if self.training:
            self._note_means(embeddings[0].detach(), pooled)
        known = self.means.any(1)
        means = F.normalize(self.means.clone(), dim=1)
        wanted = loss.weighed(pooled, self.class_weights) * known[:, None, None]
        total = torch.zeros((), device=shares.device)
        for one in embeddings:
            alike = torch.einsum("cd,ndhw->nchw", means, F.normalize(one, dim=1))
            logits = (alike / self.options.temperature).masked_fill(~known[:, None, None], -1e4)
            total = total + loss.by_cell(logits, wanted).sum() / len(embeddings)
        warm = float(self.steps) >= self.options.warm_up * self.recipe.steps
        # Not left out, so that every weight has a gradient in every step.
        weight = self.options.prototypes * warm
        return weight * total * (padded[0] * padded[1] / (grid[0] * grid[1]))

    @torch.no_grad()
    def _note_means(self, embedding: Tensor, pooled: Tensor) -> None:
        unit = F.normalize(embedding, dim=1)
        self.new_sums += torch.einsum("nchw,ndhw->cd", pooled, unit)
        self.new_mass += pooled.sum((0, 2, 3))

    def _mixed(self, batch: Batch) -> Tensor:
        """The loss of the mixed strong views, summed over cells."""
        crops = crops_of(batch)
        taught = self._taught(batch)
        targets = pseudo.shares(taught, crops, mode=self.recipe.labels)
        targets = targets * self._sureness(taught, crops)[:, None, None, None]
        place = class_masks(taught.argmax(1), crops.seeds).roll(-1, 0)
        pictures = mixing.mixed(crops.strong[0], mixing.over(crops.strong[0], place))
        wanted = mixing.mixed(targets, place[:, None])
        with self.autocast(batch), norms.held(self.network):
            levels = self.network.encode(pictures)
            logits = self.network.decode(levels, pictures)
        outputs, _ = self._corrected(self.corrector, logits, levels)
        three = [logits.float(), *outputs]
        return torch.stack([loss.by_cell(one, wanted).sum() for one in three]).sum()

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Tensor:
        """The teacher's logits of the weak views, after the last round."""
        weak = crops_of(batch).weak
        with self.autocast(batch):
            levels = self.teacher.network.encode(weak)
            logits = self.teacher.network.decode(levels, weak).float()
        if self.training:
            confidence, predicted = logits.softmax(1).max(1)
            sure = (confidence >= self.options.confident) & (crops_of(batch).valid > 0)
            self.new_counts += torch.bincount(predicted[sure], minlength=logits.shape[1])
        return self._corrected(self.teaching, logits, levels)[0][-1]

    def _sureness(self, taught: Tensor, crops: Unlabelled) -> Tensor:
        """[N]: the share of each crop that the teacher is sure of."""
        sure = (taught.softmax(1).amax(1) >= self.options.sure) * crops.valid
        return sure.sum((1, 2)) / loss.positive(crops.valid.sum((1, 2)))


def class_masks(predicted: Tensor, seeds: tuple[int, ...]) -> Tensor:
    """bool [N,h,w]: half of the classes of each crop, drawn by its seed."""
    masks = []
    for one, seed in zip(predicted, seeds, strict=True):
        there = one.unique().cpu().numpy()
        drawn = np.random.default_rng(seed).permutation(there)[: (len(there) + 1) // 2]
        masks.append(torch.isin(one, torch.from_numpy(drawn).to(one.device)))
    return torch.stack(masks)
