"""`unimatch`: a teacher labels what it is sure of; the default where there are unlabelled pictures.

FixMatch for segmentation as in UniMatch V2 (Yang et al. 2025). A running average of the network
labels the weak view; where it is at least `confidence` sure its label is the target of two strong
views, which also have boxes of the next crop pasted in (CutMix) and are decoded from features of
which each view lost what the other one kept (complementary dropout).

    loss = 1/2 [labelled + 1/2 (strong 1 + strong 2)]

A strong view's loss is summed over what was labelled and divided by all that lies inside of the
pictures: the fewer pixels the teacher is sure of, the less they count. The boxes come from the next
crop of the same process and part of a batch. Otherwise than in the authors' code strong views leave
the running statistics of batch norms alone (docs/methods.md says what that is worth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer import loss, mixing, norms, pseudo
from trainer.batch import Batch, crops_of
from trainer.disguise import Disguise
from trainer.method_options import within
from trainer.objective import Objective, Task
from trainer.teacher import Teacher

VIEWS = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """The published choices."""

    confidence: float = within(0.95, 0, 1)
    # Of the teacher a step keeps that much.
    keep: float = within(0.996, 0, 1)
    # The shares of strong views that are mixed, and of crops whose features are dropped.
    mixed: float = within(0.5, 0, 1)
    dropped: float = within(0.5, 0, 1)
    # The widest spread of a blur, in small pixels.
    blur: float = within(2.0, 0)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What chance has decided of one crop."""

    boxes: NDArray[np.bool_]  # [views,h,w]
    gains: list[NDArray[np.float32]]  # of each level: [views,channels]


def build(task: Task, options: Options) -> UniMatch:
    """The method for that task."""
    return UniMatch(task, options)


class UniMatch(Objective):
    """Learns from labels, and from what its teacher is sure of."""

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task)
        self.options = options
        self.disguise = Disguise(views=VIEWS, most_blur=options.blur)
        self.widths = task.network.widths
        self.teacher = Teacher(task.network, options.keep)

    def mass(self, batch: Batch) -> Tensor:
        """The labelled mass, and what lies inside of the unlabelled pictures."""
        return torch.stack([super().mass(batch), crops_of(batch).valid.sum()])

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        labelled = super().forward(batch, mass[0])
        with self.autocast(batch):
            taught = self.teacher(crops_of(batch).weak)
        targets = pseudo.shares(
            taught,
            crops_of(batch),
            mode=self.recipe.labels,
            confidence=self.options.confidence,
        )
        return (labelled + self._strong(batch, targets, mass[1]) / VIEWS) / 2

    def follow(self, step: int) -> None:
        """The teacher moves on."""
        self.teacher.follow(self.network, step)

    def _strong(self, batch: Batch, targets: Tensor, valid: Tensor) -> Tensor:
        """The losses of both strong views, added up."""
        crops = crops_of(batch)
        size = crops.valid.shape[1], crops.valid.shape[2]
        draws = [draw(seed, size, self.widths, self.options) for seed in crops.seeds]
        # All of the first views, then all of the second ones.
        boxes = torch.from_numpy(np.stack([one.boxes for one in draws], 1)).to(targets.device)
        shown = [
            mixing.mixed(view, mixing.over(view, place))
            for view, place in zip(crops.strong, boxes, strict=True)
        ]
        wanted = torch.cat([mixing.mixed(targets, place[:, None]) for place in boxes])
        pictures = torch.cat(shown)
        with self.autocast(batch), norms.held(self.network):
            levels = self.network.encode(pictures)
            kept = [level * gain for level, gain in zip(levels, _gains(draws, levels), strict=True)]
            logits = self.network.decode(kept, pictures)
        return loss.by_cell(logits.float(), wanted).sum() / loss.positive(valid)


def draw(seed: int, size: tuple[int, int], widths: tuple[int, ...], options: Options) -> Draw:
    """Boxes and dropped channels of a crop, by its seed."""
    rng = np.random.default_rng(seed)
    boxes = [mixing.box(size, rng) & (rng.random() < options.mixed) for _ in range(VIEWS)]
    drops = rng.random() < options.dropped
    return Draw(boxes=np.stack(boxes), gains=[_complements(width, drops, rng) for width in widths])


def _complements(width: int, drops: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """[views,channels]: what one view loses the other has twice; all ones where nothing drops."""
    first = 2 * rng.integers(0, 2, width).astype(np.float32)
    return np.stack([first, 2 - first]) if drops else np.ones((VIEWS, width), np.float32)


def _gains(draws: list[Draw], levels: list[Tensor]) -> list[Tensor]:
    """Of each level [views*N,channels,1,1]."""
    stacked = [np.stack([one.gains[k] for one in draws], 1) for k in range(len(levels))]
    return [
        torch.from_numpy(gain).to(level.device).flatten(0, 1)[..., None, None].to(level.dtype)
        for gain, level in zip(stacked, levels, strict=True)
    ]
