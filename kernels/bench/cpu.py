"""What is timed on a CPU, and what people use there instead."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels import deflate, png, threads
from kernels.bench import memory
from kernels.bench.facts import processor, versions
from kernels.bench.inputs import CLASSES, SIZE, blocks, learned
from kernels.bench.memory import Need
from kernels.bench.parity import check
from kernels.bench.timing import Stopwatch, Task, copy, median, require, way
from kernels.contract import Colour
from kernels.paint import Mask

STOPWATCH = Stopwatch(median=median, copy=copy)


def facts() -> dict[str, str]:
    """What is measured with."""
    return {"device": processor(), "threads": str(threads.count()), **versions()}


def parity() -> int:
    """The number of cases that agree with the reference."""
    return check("cpu")


def needs() -> list[Need]:
    """The memory of painting, ours and by way of full-size logits."""
    return memory.needs(list(memory.WAYS))


def tasks(logits: Path | None) -> Iterator[Task]:
    """Every task; `logits` is a trained model's, in a file."""
    yield from _soften_tasks()
    yield from _shrink_tasks()
    yield from _paint_tasks(logits)
    yield _png_task(logits)


def _soften_tasks() -> Iterator[Task]:
    labels = blocks(SIZE, CLASSES)
    for factor, step in (("1/4", 4), ("1/8", 8), ("2/5", 0)):
        shares = kernels.soften(labels, factor, CLASSES)
        size = shares.shape[1:]
        ways = [
            way("kernels cpu", partial(kernels.soften, labels, factor, CLASSES)),
            way("cv2 INTER_AREA per class", partial(_cv2_soften, labels, size), _close),
        ]
        if step:
            ways.append(way("F.one_hot + avg_pool2d", partial(_torch_soften, labels, step), _close))
        yield Task(name=f"soften {factor}", bytes=labels.nbytes + shares.nbytes, ways=ways)


def _shrink_tasks() -> Iterator[Task]:
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for factor in ("1/4", "1/8", "2/5"):
        small = kernels.shrink(picture, factor)
        size = (small.shape[0], small.shape[1])
        ways = [
            way("kernels cpu", partial(kernels.shrink, picture, factor)),
            way("cv2 INTER_AREA", partial(_cv2_area, picture, size), _within_one),
        ]
        if factor != "2/5":
            # Between whole pixels pillow's box takes the nearest ones instead of parts.
            ways.append(way("pillow BOX", partial(_pillow_box, picture, size), _within_one))
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
            way("kernels cpu", partial(kernels.paint, logits, size)),
            way("onnxruntime Resize+ArgMax", _onnx_paint(logits, size), _alike),
            way("F.interpolate + argmax", partial(torch_paint, logits, size), _alike),
        ]
        yield Task(name=name, bytes=logits.nbytes + size[0] * size[1], ways=ways)


def _png_task(given: Path | None) -> Task:
    logits = learned((64, 128), CLASSES) if given is None else np.load(given).astype(np.float32)
    mask = kernels.paint(logits, SIZE)
    palette = tuple((label, label, label) for label in range(len(logits)))
    squeezes = {
        f"Pillow, level {level}": partial(_pillow_png, mask, palette, level) for level in (1, 6)
    }
    ways = [
        way("kernels cpu", partial(png.encode, mask, palette)),
        *(way(name, call, _same_pixels) for name, call in squeezes.items()),
        way("numpy's Up + zlib Z_RLE", partial(_zlib_runs, mask), _same_lines),
    ]
    return Task(name=f"PNG of a mask of {len(logits)} classes", bytes=mask.nbytes, ways=ways)


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


def _pillow_png(mask: Mask, palette: tuple[Colour, ...], level: int) -> bytes:
    from PIL import Image

    image, target = Image.fromarray(mask), io.BytesIO()
    image.putpalette(np.array(palette, np.uint8).tobytes())
    image.save(target, "PNG", compress_level=level)
    return target.getvalue()


def _zlib_runs(mask: Mask) -> bytes:
    """The rows alone, without a PNG around them."""
    lines = np.empty((mask.shape[0], mask.shape[1] + 1), np.uint8)
    lines[:, 0] = deflate.UP
    lines[0, 1:] = mask[0]
    np.subtract(mask[1:], mask[:-1], out=lines[1:, 1:])
    squeeze = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    return squeeze.compress(lines.data) + squeeze.flush()


def torch_paint(logits: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.integer[Any]]:
    """What most people write."""
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


def _close(ours: Any, theirs: Any) -> None:
    require(np.allclose(ours, theirs, atol=1e-5), "differs by more than 1e-5")


def _within_one(ours: Any, theirs: Any) -> None:
    # Others round halves up, and pillow rounds after each axis.
    require(np.abs(ours.astype(int) - theirs).max() <= 1, "differs by more than 1")


def _alike(ours: Any, theirs: Any) -> None:
    require((ours != theirs).mean() <= 1e-5, "differs in more than 1 of 100 000 pixels")


def _same_pixels(ours: bytes, theirs: bytes) -> None:
    require(np.array_equal(_pixels(ours), _pixels(theirs)), "has other pixels")


def _same_lines(ours: bytes, theirs: bytes) -> None:
    differences = np.frombuffer(zlib.decompress(theirs), np.uint8).reshape(SIZE[0], -1)[:, 1:]
    mask = np.cumsum(differences, axis=0, dtype=np.uint8)
    require(np.array_equal(_pixels(ours), mask), "has other pixels")


def _pixels(file: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(file)))
