"""What training costs: seconds, memory at its height, and arithmetic."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch

from kernels.bench import memory
from trainer.stopwatch import Stopwatch


@dataclass(kw_only=True)
class Spent:
    """What the steps of a run took, over all the times it was gone on with."""

    # All steps, waits for data included, looks at the validation split not.
    seconds: float = 0.0
    # The median of the last steps.
    step_seconds: float = 0.0
    # Bytes a step needs at its height beyond what setup left (on a GPU: all that is allocated
    # there); 0 where nobody can tell.
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


class Gauge(Protocol):
    """Tells the height of some memory since it was last asked to forget."""

    def forget(self) -> None:
        """What was before counts no more."""

    def height(self) -> int:
        """Bytes."""

    def now(self) -> int:
        """Bytes that a step is not to be charged with."""


class Resident:
    """The memory of this process, in which a CPU computes."""

    def forget(self) -> None:
        """What was before counts no more."""
        memory.forget_height()

    def height(self) -> int:
        """Bytes."""
        return memory.resident(memory.HEIGHT)

    def now(self) -> int:
        """Bytes there are without the step: the interpreter, torch, the waiting pictures."""
        return memory.resident(memory.NOW)


class Allocated:
    """The memory of a GPU that tensors take, weights included."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def forget(self) -> None:
        """What was before counts no more."""
        torch.cuda.reset_peak_memory_stats(self._device)

    def height(self) -> int:
        """Bytes."""
        return torch.cuda.max_memory_allocated(self._device)

    def now(self) -> int:
        """Nothing: all that is there is there for the training."""
        return 0


def gauge(device: torch.device) -> Gauge | None:
    """The one for `device`; only Linux tells of its processes."""
    if device.type == "cuda":
        return Allocated(device)
    return Resident() if memory.can_measure() else None


class Meter:
    """Measures the memory of a run's steps, and of nothing between them."""

    def __init__(self, spent: Spent, device: torch.device) -> None:
        self._spent, self._gauge = spent, gauge(device)
        self._before: int | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """The block is a step."""
        if self._gauge is None:
            yield
            return
        if self._before is None:
            # With the first batch at hand everything is loaded that stays.
            self.settle()
            self._before = self._gauge.now()
        self.look()
        self._gauge.forget()
        yield
        self._spent.memory = max(self._spent.memory, self._gauge.height() - self._before)

    def look(self) -> None:
        """Take note of the whole process's height."""
        if self._gauge:
            self._spent.whole = max(self._spent.whole, self._gauge.height())

    def settle(self) -> None:
        """Give back what was freed: kept for later it would look like the next step's need."""
        if isinstance(self._gauge, Resident):
            # Only glibc keeps so much, and has a call for it.
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
