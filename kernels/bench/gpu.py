"""What is timed on a GPU, batches of sixteen, and what people use there instead."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import kernels
from kernels.bench.facts import versions
from kernels.bench.inputs import CLASSES, SIZE, blocks, learned
from kernels.bench.memory import Need
from kernels.bench.parity import check
from kernels.bench.timing import Stopwatch, Task, require, way
from kernels.errors import UserError
from kernels.factor import read
from kernels.shrink.triton import shrink as shrink_there
from kernels.soften.triton import soften as soften_there
from kernels.view import View

DEVICE = "cuda"
BATCH = 16
ROUNDS = 50
# More than any GPU's cache: every round finds it cold, as a training step would.
FLUSH_BYTES = 2**29
# Clock ticks, about a millisecond.
HEAD_START = 2_000_000
CROP = (192, 384)
SMALLER = (512, 683)


def facts() -> dict[str, str]:
    """What is measured with; an error where there is no GPU."""
    if not torch.cuda.is_available():
        raise UserError(
            "there is no CUDA device here: the GPU's half is not measured",
            hint="python -m kernels.bench times the CPU's half",
        )
    gpu = torch.cuda.get_device_properties(0)
    return {
        "device": f"{gpu.name} (sm_{gpu.major}{gpu.minor})",
        "cuda": str(torch.version.cuda),
        "batch": str(BATCH),
        **versions(),
    }


def parity() -> int:
    """The number of cases that agree with the reference."""
    return check("triton", _there, lambda tensor: tensor.cpu().numpy())


def needs() -> list[Need]:
    """The memory of painting a batch, ours and by way of full-size logits."""
    logits = _logits((64, 128), CLASSES, torch.float32)
    return [
        Need(way="kernels triton", megabytes=_peak(partial(kernels.paint, logits, SIZE))),
        Need(way="F.interpolate + argmax", megabytes=_peak(partial(_eager_paint, logits, SIZE))),
    ]


def tasks(logits: Path | None) -> Iterator[Task]:
    """Every task; `logits` is a trained model's, in a file."""
    yield from _soften_tasks()
    yield from _shrink_tasks()
    yield from _view_tasks()
    yield from _paint_tasks(logits)


def median(call: Callable[[], Any]) -> float:
    """Seconds of the median call between two events on the stream, the cache cold."""
    cold = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")
    call()
    times: list[float] = []
    for _ in range(ROUNDS):
        # By reading: what is written would still have to leave the cache while the call is timed.
        cold.sum()
        begin, end = _moment(), _moment()
        # The GPU waits a little, so that it never waits for Python.
        torch.cuda._sleep(HEAD_START)  # type: ignore[no-untyped-call]
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times) / 1e3


def _moment() -> Any:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def copy(size: int) -> float:
    """Seconds of a plain copy that moves `size` bytes, half read, half written."""
    source = torch.ones(size // 2, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return median(lambda: target.copy_(source))


STOPWATCH = Stopwatch(median=median, copy=copy)


def _soften_tasks() -> Iterator[Task]:
    labels = _labels()
    for factor, step in (("1/4", 4), ("1/8", 8), ("2/5", 0)):
        # Labels are looked at once, when they arrive, and not again in every step.
        ours = partial(soften_there, labels, read(factor), CLASSES, check=False)
        ways = [
            way(
                "kernels triton",
                ours,
                _as(partial(kernels.soften, _here(labels[-1]), factor, CLASSES)),
            )
        ]
        if step:
            ways.append(way("F.one_hot + avg_pool2d", partial(_eager_soften, labels, step), _close))
        moved = labels.nbytes + ours().nbytes
        yield Task(name=f"soften {factor}", bytes=moved, ways=ways)


def _shrink_tasks() -> Iterator[Task]:
    pictures = _pictures()
    for factor, step in (("1/4", 4), ("1/8", 8), ("2/5", 0)):
        ours = partial(kernels.shrink, pictures, factor)
        here = partial(kernels.shrink, _here(pictures[-1]), factor)
        ways = [way("kernels triton", ours, _as(here))]
        if step:
            ways.append(
                way("float, avg_pool2d, uint8", partial(_eager_shrink, pictures, step), _one)
            )
        yield Task(name=f"shrink {factor}", bytes=pictures.nbytes + ours().nbytes, ways=ways)


def _view_tasks() -> Iterator[Task]:
    """The training geometry: a window of each picture, some mirrored, all reduced to CROP."""
    pictures, labels = _pictures(), _labels()
    rng = np.random.default_rng(3)
    views = []
    for index in range(BATCH):
        height = int(CROP[0] * 4 / rng.uniform(0.8, 1.25))
        width = height * CROP[1] // CROP[0]
        top, left = rng.integers(0, SIZE[0] - height), rng.integers(0, SIZE[1] - width)
        views.append(
            View(top=int(top), left=int(left), height=height, width=width, flip=index % 2 == 1)
        )
    seen = sum(view.height * view.width for view in views)
    cells = BATCH * CROP[0] * CROP[1]
    shrunk = partial(shrink_there, pictures, views=views, small=CROP)
    soft = partial(soften_there, labels, None, CLASSES, views=views, small=CROP, check=False)
    picture, label = (_seen(_here(full[-1]), views[-1]) for full in (pictures, labels))
    factor = Fraction(CROP[0], views[-1].height)
    yield Task(
        name="shrink views",
        bytes=3 * (seen + cells),
        ways=[way("kernels triton", shrunk, _as(partial(kernels.shrink, picture, factor)))],
    )
    yield Task(
        name="soften views",
        bytes=seen + 4 * CLASSES * cells,
        ways=[way("kernels triton", soft, _as(partial(kernels.soften, label, factor, CLASSES)))],
    )


def _seen(full: Any, view: View) -> Any:
    """What a view that lies within the picture shows, on the CPU."""
    part = full[view.top : view.top + view.height, view.left : view.left + view.width]
    return part[:, ::-1] if view.flip else part


def _here(tensor: Tensor) -> Any:
    return tensor.cpu().numpy()


def _as(here: Callable[[], Any]) -> Callable[[Tensor, Tensor], None]:
    """Checks the last of a batch against what the CPU makes of it."""

    def check(ours: Tensor, _: Tensor) -> None:
        require(np.array_equal(_here(ours[-1]), here()), "differs from the CPU's")

    return check


def _paint_tasks(given: Path | None) -> Iterator[Task]:
    cases = [
        (f"paint 19x64x128 -> 1024x2048 {str(kind)[6:]}", _logits((64, 128), CLASSES, kind), SIZE)
        for kind in (torch.float32, torch.float16, torch.bfloat16)
    ]
    large = _logits((128, 128), 150, torch.float32)
    cases.append(("paint 150x128x128 -> 512x683 float32", large, SMALLER))
    if given is not None:
        one = torch.from_numpy(np.load(given).astype(np.float32))
        cases.append(
            (f"paint {given.name} -> 1024x2048", one.repeat(BATCH, 1, 1, 1).to(DEVICE), SIZE)
        )
    # For each size of its own: for any size it would be slower.
    compiled = torch.compile(_eager_paint, dynamic=False)
    for name, logits, size in cases:
        # Others blend logits of half precision in it, and so decide otherwise near a border.
        alike = partial(_alike, 1e-5 if logits.dtype == torch.float32 else 5e-2)
        ways = [
            way("kernels triton", partial(kernels.paint, logits, size), _same),
            way("F.interpolate + argmax", partial(_eager_paint, logits, size), alike),
            way("torch.compile of it", partial(compiled, logits, size), alike),
        ]
        yield Task(name=name, bytes=logits.nbytes + BATCH * size[0] * size[1], ways=ways)


def _labels() -> Tensor:
    one = torch.from_numpy(blocks(SIZE, CLASSES))
    return torch.stack([one.roll(64 * index, 1) for index in range(BATCH)]).to(DEVICE)


def _pictures() -> Tensor:
    rng = np.random.default_rng(1)
    return _there(rng.integers(0, 256, (BATCH, *SIZE, 3), dtype=np.uint8))


def _logits(cells: tuple[int, int], classes: int, kind: torch.dtype) -> Tensor:
    return torch.from_numpy(learned(cells, classes)).repeat(BATCH, 1, 1, 1).to(DEVICE, kind)


def _there(array: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(DEVICE)


def _eager_soften(labels: Tensor, step: int) -> Tensor:
    # One picture at a time: sixteen one-hot maps of full size are 5 GB as int64.
    planes = []
    for one in labels:
        known = one.clamp_max(CLASSES).long()
        hot = F.one_hot(known, CLASSES + 1).permute(2, 0, 1)[None].float()
        planes.append(F.avg_pool2d(hot, step)[0, :CLASSES])
    return torch.stack(planes)


def _eager_shrink(pictures: Tensor, step: int) -> Tensor:
    means = F.avg_pool2d(pictures.permute(0, 3, 1, 2).float(), step)
    return means.round().to(torch.uint8).permute(0, 2, 3, 1)


def _eager_paint(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logits, size=size, mode="bilinear").argmax(1).to(torch.uint8)


def _same(ours: Tensor, theirs: Tensor) -> None:
    require(torch.equal(ours, theirs), "differs")


def _close(ours: Tensor, theirs: Tensor) -> None:
    require(torch.allclose(ours, theirs, atol=1e-5), "differs by more than 1e-5")


def _one(ours: Tensor, theirs: Tensor) -> None:
    require(bool(((ours.int() - theirs.int()).abs() <= 1).all()), "differs by more than 1")


def _alike(few: float, ours: Tensor, theirs: Tensor) -> None:
    changed = float((ours != theirs).float().mean())
    require(changed <= few, f"differs in {changed:.2%} of the pixels, not {few:.3%}")


def _peak(call: Callable[[], Any]) -> float:
    call()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6
