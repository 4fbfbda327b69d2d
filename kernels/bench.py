"""`python -m kernels.bench`: every operator beside its alternatives, in one run, after parity.

Times are medians of many calls on inputs like real ones; ratios within a run mean more than
milliseconds, because machines are shared. `bytes` counts each input read once and each output
written once, and `% copy` is their rate against a plain copy of as many bytes in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels import threads
from kernels.cases import FACTORS, SIZES

SIZE = (1024, 2048)
CLASSES = 19
SECONDS = 1.5
PACKAGES = ("numpy", "numba", "torch", "triton", "onnxruntime", "opencv-python-headless", "pillow")


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to do a task; the first way of a task is ours."""

    name: str
    call: Callable[[], Any]
    check: Callable[[Any, Any], None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is timed: our operator and what people use instead."""

    name: str
    bytes: int
    ways: list[Way]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured line."""

    task: str
    way: str
    milliseconds: float
    times_ours: float
    gigabytes_a_second: float
    share_of_copy: float


def main() -> None:
    """Check parity, then time; a table, or JSON with `--json`."""
    words = argparse.ArgumentParser(prog="python -m kernels.bench", description=__doc__)
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--logits", type=Path, help=".npy [C,h,w] of a trained model, to paint too")
    given = words.parse_args()
    cases = check_parity()
    print(f"parity: {cases} cases equal to the reference", file=sys.stderr)
    rows = _cpu_rows(given.logits)
    facts = {"device": _processor(), "threads": threads.count(), **_versions()}
    if given.json:
        print(json.dumps({"facts": facts, "rows": [asdict(row) for row in rows]}, indent=1))
        return
    print("  ".join(f"{name} {value}" for name, value in facts.items()))
    print(_table(rows))


def check_parity(backend: str = "cpu") -> int:
    """Compare a backend with the reference on awkward inputs; the number of cases, or an error."""
    rng = np.random.default_rng(0)
    cases = 0
    for size in SIZES:
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        labels = rng.integers(0, 5, size, dtype=np.uint8)
        logits = np.round(rng.normal(size=(5, 7, 9)), 1).astype(np.float32)
        for factor in FACTORS:
            both = [kernels.shrink(picture, factor, backend=b) for b in (backend, "reference")]
            _equal(*both)
            _equal(*(kernels.soften(labels, factor, 5, backend=b) for b in (backend, "reference")))
            cases += 2
        _equal(*(kernels.paint(logits, size, backend=b) for b in (backend, "reference")))
        cases += 1
    return cases


def _cpu_rows(logits: Path | None) -> list[Row]:
    tasks = [*_soften_tasks(), *_shrink_tasks(), *_paint_tasks(logits)]
    return [row for task in tasks for row in _timed(task)]


def _soften_tasks() -> Iterator[Task]:
    labels = blocks(SIZE, CLASSES)
    for factor, step in (("1/4", 4), ("1/8", 8), ("2/5", 0)):
        shares = kernels.soften(labels, factor, CLASSES)
        size = shares.shape[1:]
        ways = [
            _way("kernels cpu", partial(kernels.soften, labels, factor, CLASSES)),
            _way("cv2 INTER_AREA per class", partial(_cv2_soften, labels, size), _close),
        ]
        if step:
            ways.append(
                _way("F.one_hot + avg_pool2d", partial(_torch_soften, labels, step), _close)
            )
        yield Task(name=f"soften {factor}", bytes=labels.nbytes + shares.nbytes, ways=ways)


def _shrink_tasks() -> Iterator[Task]:
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for factor in ("1/4", "1/8", "2/5"):
        small = kernels.shrink(picture, factor)
        size = (small.shape[0], small.shape[1])
        ways = [
            _way("kernels cpu", partial(kernels.shrink, picture, factor)),
            _way("cv2 INTER_AREA", partial(_cv2_area, picture, size), _within_one),
        ]
        if factor != "2/5":
            # Between whole pixels pillow's box takes the nearest ones instead of parts.
            ways.append(_way("pillow BOX", partial(_pillow_box, picture, size), _within_one))
        yield Task(name=f"shrink {factor}", bytes=picture.nbytes + small.nbytes, ways=ways)


def _paint_tasks(given: Path | None) -> Iterator[Task]:
    cases = [
        ("paint 19x64x128 -> 1024x2048", learned((64, 128), CLASSES), SIZE),
        ("paint 19x256x512 -> 1024x2048", learned((256, 512), CLASSES), SIZE),
        ("paint 150x128x128 -> 512x683", learned((128, 128), 150), (512, 683)),
    ]
    if given is not None:
        logits = np.load(given).astype(np.float32)
        cases.append((f"paint {given.name} -> 1024x2048", logits, SIZE))
    for name, logits, size in cases:
        ways = [
            _way("kernels cpu", partial(kernels.paint, logits, size)),
            _way("onnxruntime Resize+ArgMax", _onnx_paint(logits, size), _alike),
            _way("F.interpolate + argmax", partial(_torch_paint, logits, size), _alike),
        ]
        yield Task(name=name, bytes=logits.nbytes + size[0] * size[1], ways=ways)


def blocks(size: tuple[int, int], classes: int) -> NDArray[np.uint8]:
    """A label map like a street's: big areas, smaller things, thin ones on top, some void."""
    rng = np.random.default_rng(0)
    labels = np.zeros(size, np.uint8)
    for index in range(400):
        side = size[0] // (2 + index // 8)
        height, width = side, max(2, round(side * rng.uniform(0.05, 2)))
        top, left = rng.integers(-height, size[0]), rng.integers(-width, size[1])
        label = 255 if index % 40 == 39 else rng.integers(0, classes)
        labels[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = label
    return labels


def learned(cells: tuple[int, int], classes: int) -> NDArray[np.float32]:
    """Logits as a good model gives them: the logarithm of the shares of such a label map."""
    labels = blocks((8 * cells[0], 8 * cells[1]), classes)
    noise = np.random.default_rng(2).normal(0, 0.3, (classes, *cells))
    return np.asarray(np.log(kernels.soften(labels, "1/8", classes) + 1e-3) + noise, np.float32)


def _cv2_soften(labels: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.float32]:
    import cv2

    planes = ((labels == label).astype(np.float32) for label in range(CLASSES))
    flat = (cv2.resize(p, (size[1], size[0]), interpolation=cv2.INTER_AREA) for p in planes)
    return np.stack(list(flat))


def _torch_soften(labels: NDArray[np.uint8], step: int) -> NDArray[np.float32]:
    import torch
    from torch.nn import functional as F

    known = torch.from_numpy(np.minimum(labels, CLASSES)).long()
    planes = F.one_hot(known, CLASSES + 1).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        return np.asarray(F.avg_pool2d(planes, step)[0, :CLASSES])


def _cv2_area(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA))


def _pillow_box(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BOX))


def _torch_paint(logits: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.integer[Any]]:
    import torch
    from torch.nn import functional as F

    with torch.inference_mode():
        full = F.interpolate(torch.from_numpy(logits)[None], size=size, mode="bilinear")
        return np.asarray(full.argmax(1)[0])


def _onnx_paint(
    logits: NDArray[np.float32], size: tuple[int, int]
) -> Callable[[], NDArray[np.integer[Any]]]:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    sizes = numpy_helper.from_array(np.array([1, len(logits), *size]), "sizes")
    half_pixel = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    nodes = [
        helper.make_node("Resize", ["logits", "", "", "sizes"], ["full"], **half_pixel),
        helper.make_node("ArgMax", ["full"], ["mask"], axis=1, keepdims=0),
    ]
    shape = [1, *logits.shape]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("mask", TensorProto.INT64, [1, *size])],
        [sizes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.count()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: np.asarray(session.run(None, {"logits": logits[None]})[0][0])


def _way(
    name: str, call: Callable[[], Any], check: Callable[[Any, Any], None] | None = None
) -> Way:
    return Way(name=name, call=call, check=check or _equal)


def _equal(ours: Any, theirs: Any) -> None:
    _require(np.array_equal(ours, theirs), "differs")


def _close(ours: Any, theirs: Any) -> None:
    _require(np.allclose(ours, theirs, atol=1e-5), "differs by more than 1e-5")


def _within_one(ours: Any, theirs: Any) -> None:
    # Others round halves up, and pillow rounds after each axis.
    _require(np.abs(ours.astype(int) - theirs).max() <= 1, "differs by more than 1")


def _alike(ours: Any, theirs: Any) -> None:
    _require((ours != theirs).mean() <= 1e-5, "differs in more than 1 of 100 000 pixels")


def _require(fine: bool, what: str) -> None:
    if not fine:
        raise SystemExit(f"parity: a way {what}; nothing was timed")


def _timed(task: Task) -> list[Row]:
    """All ways of a task, one after the other, each checked against ours first."""
    ours = task.ways[0].call()
    for way in task.ways:
        way.check(ours, way.call())
    times = [_median(way.call) for way in task.ways]
    copy = _copy_rate(task.bytes)
    return [
        Row(
            task=task.name,
            way=way.name,
            milliseconds=1e3 * seconds,
            times_ours=seconds / times[0],
            gigabytes_a_second=task.bytes / seconds / 1e9,
            share_of_copy=task.bytes / seconds / copy,
        )
        for way, seconds in zip(task.ways, times, strict=True)
    ]


def _median(call: Callable[[], Any]) -> float:
    """Seconds of the median call, over about SECONDS and at least five of them."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _copy_rate(size: int) -> float:
    """Bytes read and written a second by a plain copy on all threads that moves `size` bytes.

    Of the task's own size: what fits a cache must be held against a copy that fits it too.
    """
    half = size // 2
    source, target = np.ones(half, np.uint8), np.empty(half, np.uint8)

    def copy() -> None:
        threads.over_rows(half, lambda a, b: np.copyto(target[a:b], source[a:b]))

    return 2 * half / _median(copy)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()} ({os.cpu_count()} cores)"


def _table(rows: list[Row]) -> str:
    lines = [f"{'':34}{'ms':>9} {'x ours':>8} {'GB/s':>7} {'% copy':>7}"]
    task = ""
    for row in rows:
        if row.task != task:
            task = row.task
            lines.append(task)
        lines.append(
            f"  {row.way:32}{row.milliseconds:9.2f} {row.times_ours:8.1f} "
            f"{row.gigabytes_a_second:7.2f} {100 * row.share_of_copy:7.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
