"""Counts where an artefact does otherwise than the checkpoint: same bytes, same logits, same mask.

A pixel may change only where two classes are so close that rounding decides: the artefact's logits
differ from torch's in the last digits, and other up-samplers place a pixel to float precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

import kernels
from export.intake import Intake
from export.targets import Answer
from kernels.errors import RefusedError
from kernels.paint import Mask, Painting, painting
from kernels.picture import Picture, seen
from kernels.picture import size as size_of
from kernels.taps import taps
from trainer.checkpoint import Checkpoint

# Of the largest logit. fp32 networks agree to about 1e-6; one wrong weight is far from that.
LOGIT_TOLERANCE = 2e-5
EPSILON = float(np.finfo(np.float32).eps)
HINT = "a network that is right for one size alone wants that size: --size 512x1024 --batch 1"
SIZES = ((256, 384), (333, 517), (40, 24))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How an artefact compares with the checkpoint, over all verification pictures."""

    pictures: int
    pixels: int
    small_differs: int  # bytes of small pictures that are not kernels.shrink's
    logit_error: float
    logit_size: float
    changed: int  # pixels with another class
    unexplained: int  # of these, the ones that rounding cannot explain
    # Pixels whose class or confidence does not follow from the artefact's own logits.
    mispainted: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the artefact does the same as the checkpoint. Written so that NaN disagrees."""
        close = self.logit_error <= LOGIT_TOLERANCE * self.logit_size
        return close and self.is_around and self.unexplained == 0

    @property
    def is_around(self) -> bool:
        """Whether all that surrounds the network is right, however exact the network is."""
        return self.small_differs == 0 and self.mispainted == 0

    @property
    def is_finite(self) -> bool:
        """Whether the artefact's logits are numbers."""
        return bool(np.isfinite(self.logit_error))

    def __str__(self) -> str:
        changed = f"{self.changed} of {self.pixels:,} pixels differ from torch's"
        beyond = f" ({self.unexplained} by more than rounding)" if self.changed else ""
        small = f", {self.small_differs} small pixels differ" if self.small_differs else ""
        head = f", {self.mispainted} pixels are not what its logits say" if self.mispainted else ""
        return (
            f"{changed}{beyond} on {self.pictures} pictures, logits by at most "
            f"{self.logit_error:.0e} of {self.logit_size:.0f}{small}{head}"
        )

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            pictures=self.pictures + other.pictures,
            pixels=self.pixels + other.pixels,
            small_differs=self.small_differs + other.small_differs,
            logit_error=float(np.maximum(self.logit_error, other.logit_error)),
            logit_size=max(self.logit_size, other.logit_size),
            changed=self.changed + other.changed,
            unexplained=self.unexplained + other.unexplained,
            mispainted=self.mispainted + other.mispainted,
        )


def pictures(intake: Intake | None = None, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Batches with structure at every scale: two pictures of even and odd sizes, or what fits."""
    taken = intake or Intake()
    rng = np.random.default_rng(seed)
    count = taken.fixed_batch or min(2, taken.batch[1] if taken.batch else 2)
    return [np.stack([structured(rng, size) for _ in range(count)]) for size in _sizes(taken)]


def _sizes(taken: Intake) -> list[tuple[int, int]]:
    if taken.size is None:
        return list(SIZES)
    fitting = [size for size in SIZES if taken.takes(size)]
    return list(dict.fromkeys([*fitting, *taken.size]))


def structured(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One picture with something to see at every scale."""
    total = np.zeros((*size, 3))
    for scale in (64, 16, 4, 1):
        coarse = rng.normal(size=(-(size[0] // -scale), -(size[1] // -scale), 3))
        total += np.kron(coarse, np.ones((scale, scale, 1)))[: size[0], : size[1]]
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One batch, seen by the checkpoint and by its artefact."""

    ours: Mask
    theirs: Mask
    verdict: Verdict


def compare(checkpoint: Checkpoint, batch: NDArray[np.uint8], answer: Answer) -> Comparison:
    """The checkpoint through torch and the kernels, against the artefact's answer."""
    small = kernels.seen(batch, checkpoint.contract)
    logits = torch_logits(checkpoint, small)
    size = (batch.shape[1], batch.shape[2])
    if answer.logits.shape != logits.shape:
        raise RefusedError(
            f"at pictures of {size[0]}x{size[1]} its logits are {answer.logits.shape}, "
            f"torch's are {logits.shape}",
            hint=HINT,
        )
    ours = kernels.paint(logits, size)
    own = painting(answer.logits, size, margin=True)
    theirs = own.mask if answer.mask is None else answer.mask
    finite = bool(np.isfinite(answer.logits).all())
    painted = _unexplained(answer.logits, own.mask, theirs) if finite else 0
    verdict = Verdict(
        pictures=len(batch),
        pixels=ours.size,
        small_differs=_differing(small, answer.small),
        logit_error=float(np.abs(answer.logits - logits).max()) if finite else math.inf,
        logit_size=float(np.abs(logits).max()),
        changed=_differing(ours, theirs),
        unexplained=_unexplained(logits, ours, theirs),
        mispainted=painted + (_misjudged(own, answer) if finite else 0),
    )
    return Comparison(ours=ours, theirs=theirs, verdict=verdict)


def _unexplained(logits: NDArray[np.float32], ours: Mask, theirs: Mask) -> int:
    return sum(len(unexplained(*each)) for each in zip(logits, ours, theirs, strict=True))


def _misjudged(own: Painting, answer: Answer) -> int:
    """Pixels whose confidence is off by more than the one step that rounding may take."""
    if answer.confidence is None or own.margin is None:
        return 0
    return int((np.abs(own.margin.astype(int) - answer.confidence.astype(int)) > 1).sum())


def changed_pixels(checkpoint: Checkpoint, picture: Picture, served: Mask) -> tuple[int, int]:
    """Pixels of a served mask that torch gives another class, and those beyond rounding."""
    logits = torch_logits(checkpoint, seen(picture, checkpoint.contract)[None])[0]
    ours = kernels.paint(logits, size_of(picture))
    return _differing(ours, served), len(unexplained(logits, ours, served))


def torch_logits(checkpoint: Checkpoint, small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Small pictures [N,h,w,3] through the checkpoint's own network."""
    with torch.inference_mode():
        # A copy: a decoder's own array may not be written to, and torch wants to be able to.
        return np.asarray(checkpoint.network(torch.tensor(small)))


def _differing(one: NDArray[np.generic], other: NDArray[np.generic]) -> int:
    return int((one != other).sum()) if one.shape == other.shape else max(one.size, other.size)


def unexplained(logits: NDArray[np.float32], ours: Mask, theirs: Mask) -> NDArray[np.int64]:
    """[n,2] pixels where the masks differ though the classes are further apart than rounding."""
    y, x = np.nonzero(ours != theirs)
    down, across = taps(ours.shape[0], logits.shape[1]), taps(ours.shape[1], logits.shape[2])
    # How much better `ours` is than `theirs`, at the four logit cells around each pixel.
    corners = np.stack(
        [
            logits[ours[y, x], rows[y], columns[x]] - logits[theirs[y, x], rows[y], columns[x]]
            for rows in (down.near, down.far)
            for columns in (across.near, across.far)
        ]
    ).astype(np.float64)
    below, right = down.weight[y], across.weight[x]
    weights = np.stack(
        [(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right]
    )
    lead = np.abs((weights * corners).sum(0))
    slope, size = np.ptp(corners, axis=0), np.abs(logits).max()
    # Positions are rounded in proportion to the map's side, values in proportion to their size;
    # and each of the two logits may be off by what is tolerated.
    rounding = 8 * EPSILON * (max(logits.shape[1:]) * slope + size)
    beyond = ~(lead <= 2 * LOGIT_TOLERANCE * size + rounding)
    return np.asarray(np.argwhere(ours != theirs)[beyond])
