"""Takes training views on a GPU: picture and labels go up whole, and only small ones come of them.

Cut, mirrored, shrunk and softened in one pass by the kernels; the same views as on the CPU, bit for
bit but for the light, whose mean of a picture is summed up in another order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kernels import view as geometry
from kernels.shrink.triton import shrink
from kernels.soften.triton import MOST_AREA, soften
from trainer import views
from trainer.batch import Batch, tensor_of
from trainer.data import Dataset, Sample
from trainer.jitter import LUMA, Light
from trainer.recipe import Recipe
from trainer.views import OUTSIDE, Shot, View

# A small picture and its shares.
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Negative:
    """A decoded sample where the GPU can fetch it, and what is to be seen of it."""

    picture: Tensor  # uint8 [H,W,3]
    labels: Tensor  # [H,W]
    shot: Shot


class Camera:
    """Takes the views of a run on one GPU."""

    def __init__(
        self, crop: tuple[int, int], recipe: Recipe, dataset: Dataset, device: torch.device
    ) -> None:
        self.crop, self.recipe, self.dataset, self.device = crop, recipe, dataset, device
        sight = recipe.effective_sight
        self._seen = crop[0] * sight, crop[1] * sight

    def prepare(self, sample: Sample, shot: Shot) -> Negative | View:
        """What a thread does: all that the GPU cannot, which may be the whole view."""
        if self.recipe.labels != "area" or self._area(shot) > MOST_AREA:
            return views.take(sample, shot, self.crop, self.recipe, self.dataset)
        return Negative(
            picture=self._fetchable(sample.picture),
            labels=self._fetchable(sample.labels),
            shot=shot,
        )

    def take(self, prepared: list[Negative | View]) -> Batch:
        """The batch, on the GPU; nothing here waits for it."""
        alike: dict[tuple[torch.Size, torch.dtype], list[Negative]] = defaultdict(list)
        for one in prepared:
            if isinstance(one, Negative):
                alike[one.labels.shape, one.labels.dtype].append(one)
        made = {id(one): both for group in alike.values() for one, both in self._develop(group)}
        seen = [made[id(one)] if isinstance(one, Negative) else self._send(one) for one in prepared]
        cut = [one.labels for one in prepared if isinstance(one, View) and one.labels is not None]
        return Batch(
            pictures=torch.stack([picture for picture, _ in seen]),
            shares=torch.stack([shares for _, shares in seen]),
            labels=tuple(tensor_of(labels).to(self.device) for labels in cut),
            ignore=self.dataset.ignore,
        )

    def _develop(self, group: list[Negative]) -> Iterator[tuple[Negative, Pair]]:
        """The small pictures and shares of samples of one size and type, in one call each."""
        seen = [_view(one.shot) for one in group]
        small = shrink(
            self._together([one.picture for one in group]),
            views=seen,
            small=self._seen,
            outside=OUTSIDE,
        )
        shares = soften(
            self._together([one.labels for one in group]),
            None,
            len(self.dataset.classes),
            self.dataset.ignore,
            views=seen,
            small=self.crop,
            check=False,
        )
        for place, one in enumerate(group):
            light = one.shot.light
            yield one, (lit(small[place], light) if light else small[place], shares[place])

    def _send(self, view: View) -> Pair:
        return tensor_of(view.picture).to(self.device), torch.from_numpy(view.shares).to(
            self.device
        )

    def _together(self, tensors: list[Tensor]) -> Tensor:
        batch = torch.empty(
            (len(tensors), *tensors[0].shape), dtype=tensors[0].dtype, device=self.device
        )
        for place, tensor in enumerate(tensors):
            batch[place].copy_(tensor, non_blocking=True)
        return batch

    def _fetchable(self, array: NDArray[Any]) -> Tensor:
        """In memory that stays where it is, so that the copy does not hold anybody up."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def _area(self, shot: Shot) -> int:
        """The parts of a pixel that a cell counts."""
        height, width = shot.window.height, shot.window.width
        down, across = Fraction(height, self.crop[0]), Fraction(width, self.crop[1])
        return down.numerator * across.numerator


def lit(picture: Tensor, light: Light) -> Tensor:
    """`picture` in that light, as `Light.on` does it."""
    colours = picture.reshape(-1, 3).float()
    luma = torch.tensor(LUMA, dtype=torch.float32, device=picture.device)
    matrix = torch.from_numpy(light.matrix).to(picture.device, non_blocking=True)
    changed = colours @ matrix.T + light.lift * (colours.mean(0) @ luma)
    return changed.round().clamp(0, 255).to(torch.uint8).reshape(picture.shape)


def _view(shot: Shot) -> geometry.View:
    window = shot.window
    return geometry.View(
        top=window.top,
        left=window.left,
        height=window.height,
        width=window.width,
        flip=shot.flip,
    )
