"""What training costs: seconds, memory at its height, and arithmetic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from trainer.stopwatch import Stopwatch


@dataclass(kw_only=True)
class Spent:
    """What the steps of a run took, over all the times it was gone on with."""

    # All steps, waits for data included, looks at the validation split not.
    seconds: float = 0.0
    # The median of the last steps.
    step_seconds: float = 0.0
    # Bytes of tensors at a step's height: weights, gradients and the optimiser's own, and what is
    # kept on the way there and back. 0 where nobody can tell.
    memory: int = 0
    # Bytes of the whole process at its height.
    whole: int = 0

    def note(self, watch: Stopwatch) -> None:
        """Take note of a step."""
        self.seconds += watch.length
        self.step_seconds = watch.median


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run came to cost. None is what could not be measured."""

    device: str
    threads: int
    # Pictures a step.
    batch: int
    seconds: float
    picture_seconds: float | None
    # Bytes, as in Spent.
    memory: int | None
    whole_memory: int | None
    # Floating point operations, a multiplication and an addition being two: one training crop
    # there and back, and the mask of one full picture.
    crop_flops: int | None
    picture_flops: int | None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def cost(
    spent: Spent, batch: int, device: torch.device, flops: tuple[int | None, int | None]
) -> Cost:
    """The sum of it all."""
    return Cost(
        device=_told(device),
        threads=torch.get_num_threads(),
        batch=batch,
        seconds=round(spent.seconds, 3),
        picture_seconds=round(spent.step_seconds / batch, 6) or None,
        memory=spent.memory or None,
        whole_memory=spent.whole or None,
        crop_flops=flops[0],
        picture_flops=flops[1],
    )


def _told(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
