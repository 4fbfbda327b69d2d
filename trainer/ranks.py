"""The processes that train one model together, as `torchrun` starts them; usually there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from kernels.errors import UserError
from trainer import talk
from trainer.recipe import Recipe

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which process this is, of how many; `device` is where their sums are made."""

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process writes the log and the checkpoints."""
        return self.rank == 0

    def part(self, size: int) -> range:
        """The places of a batch that are this process's."""
        return range(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items of a list that are this process's."""
        return items[self.rank :: self.count]

    def sum(self, value: Tensor) -> Tensor:
        """The sum over the processes; every one of them must ask."""
        if self.count == 1:
            return value
        total = value.detach().clone().to(self.device)
        distributed.all_reduce(total)
        return total.to(value.device)

    def any(self, wish: bool) -> bool:
        """Whether any process says yes; every one of them must ask."""
        return bool(self.sum(torch.tensor(float(wish))) > 0)

    def told(self, text: str) -> str:
        """What the first process says; every one of them must ask."""
        said = [text]
        if self.count > 1:
            distributed.broadcast_object_list(said)
        return said[0]

    def refuse_too_many(self, recipe: Recipe) -> None:
        """Raise where a process, or a part of its batch, would have no picture."""
        if recipe.batch < self.count * recipe.accumulate:
            raise UserError(
                f"--batch {recipe.batch} is too small for {self.count} processes with "
                f"--accumulate {recipe.accumulate}",
                hint=f"give --batch {self.count * recipe.accumulate} or more",
            )

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """What the first process does in the block is done when the others enter it."""
        if not self.leads:
            distributed.barrier()
        yield
        if self.leads and self.count > 1:
            distributed.barrier()


ALONE = Ranks()


@contextmanager
def joined(device: str) -> Iterator[tuple[Ranks, str]]:
    """The processes of this run and the device of this one; `torchrun` says it by environment."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE, device
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = device.startswith("cuda")
    own = _own_gpu(device, local) if on_gpu else device
    talk.console.quiet = rank != 0
    distributed.init_process_group("nccl" if on_gpu else "gloo", rank=rank, world_size=count)
    try:
        yield Ranks(rank=rank, count=count, device=own), own
    except RuntimeError as error:
        if not _is_of_another(error):
            raise
        raise UserError(
            f"process {rank} of {count} lost the others ({str(error).splitlines()[0]})",
            hint="the first error above says why; `trainer fit --resume last` goes on",
        ) from None
    finally:
        talk.console.quiet = False
        distributed.destroy_process_group()


def _own_gpu(device: str, local: int) -> str:
    if device != "cuda":
        raise UserError(
            f"--device {device} is one GPU, and torchrun starts a process for each",
            hint="use --device cuda, and CUDA_VISIBLE_DEVICES to choose among them",
        )
    if local >= torch.cuda.device_count():
        raise UserError(
            f"process {local + 1} of this machine has no GPU: there are "
            f"{torch.cuda.device_count()}",
            hint="give torchrun --nproc-per-node no more than there are",
        )
    torch.cuda.set_device(local)
    return f"cuda:{local}"


def _is_of_another(error: RuntimeError) -> bool:
    """Whether what failed is the talk between the processes."""
    told = str(error).lower()
    return isinstance(error, distributed.DistError) or "gloo" in told or "nccl" in told
