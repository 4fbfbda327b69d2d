"""The compiled `paint` of an artefact, launched by pycuda, equals the CPU's bit for bit."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import kernels
from export import onnx_file
from export.targets import trt
from kernels import ahead, engine
from kernels.contract import Contract
from serve.device import Painter
from serve.gpu import Gpu, Memory
from serve.runtimes.trt import _painter

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("pycuda")]
KINDS = ("smooth", "ties", "near ties", "all equal", "huge", "not finite")
# Of logits and of the mask: one pixel, odd ones, fewer than logits, and both ends of the range.
SHAPES = (
    ((1, 1), (1, 1)),
    ((1, 1), (9, 7)),
    ((5, 7), (5, 7)),
    ((16, 24), (256, 384)),
    ((16, 24), (133, 217)),
    ((16, 24), (7, 9)),
    ((3, 1), (ahead.MOST_LINES, 1)),
    ((1, 3), (1, 500_000)),
)
CLASSES = 19
Painters = Callable[[int], Painter]


@pytest.fixture(scope="module")
def painter(
    architecture: int, artefact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Painters:
    """Compiles as the exporter does, keeps it in an artefact, and loads it as the service does."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed: it compiles paint")
    if architecture not in ahead.ARCHITECTURES:
        pytest.skip(f"paint is compiled for {ahead.ARCHITECTURES}, not for {architecture}")
    folder = tmp_path_factory.mktemp("paint")

    def load(classes: int) -> Painter:
        contract = _contract(classes)
        verified = replace(onnx_file.read(artefact), contract=contract)
        entries = {engine.PLAN: b"no plan", engine.CONTRACT: contract.encode()}
        entries |= trt._kernels(verified, (architecture,))
        path = folder / f"{classes}.trt"
        facts = {"flavour": "tensorrt", "tensorrt": "10.13", "architectures": [architecture]}
        engine.write(path, entries, facts)
        only_logits = SimpleNamespace(num_io_tensors=1, get_tensor_name=lambda index: "logits")
        found = _painter(engine.read(path), only_logits, Gpu())
        assert found is not None
        return found

    return load


def _contract(classes: int) -> str:
    return Contract(
        classes=tuple(f"class {index}" for index in range(classes)),
        palette=tuple((index % 256, index // 256, 0) for index in range(classes)),
        factor=kernels.factor.read("1/2"),
        ignore=max(255, classes),
        writer="softres test",
    ).to_json()


def logits(kind: str, classes: int, cells: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(classes, *cells))
    if kind == "ties":
        made = np.round(made)
    if kind == "near ties":
        made = 1000 + np.round(made) + rng.integers(-1, 2, made.shape) * 6e-5
    if kind == "all equal":
        made = np.zeros_like(made)
    if kind == "huge":
        made = made * 1e37
    if kind == "not finite":
        made[rng.random(made.shape) < 0.05] = np.nan
        made[rng.random(made.shape) < 0.05] = np.inf
        made[rng.random(made.shape) < 0.05] = -np.inf
    return made.astype(np.float32)


@pytest.mark.parametrize(("cells", "size"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_masks_equal_the_cpu_s(
    painter: Painters, kind: str, cells: tuple[int, int], size: tuple[int, int]
) -> None:
    given = logits(kind, CLASSES, cells)
    np.testing.assert_array_equal(painter(CLASSES).paint(given, size), kernels.paint(given, size))


@pytest.mark.parametrize("classes", [1, 2, 256, 257])
def test_few_and_many_classes_equal_the_cpu_s(painter: Painters, classes: int) -> None:
    given = logits("ties", classes, (5, 7))
    mask = painter(classes).paint(given, (41, 50))
    expected = kernels.paint(given, (41, 50))
    assert mask.dtype == expected.dtype
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("window", [(0, 0, 1, 1), (40, 49, 1, 1), (0, 13, 41, 3), (7, 0, 2, 50)])
def test_a_window_is_that_part_of_the_mask(
    painter: Painters, window: tuple[int, int, int, int]
) -> None:
    given = logits("ties", CLASSES, (5, 7))
    top, left, height, width = window
    whole = kernels.paint(given, (41, 50))
    np.testing.assert_array_equal(
        painter(CLASSES).paint(given, (41, 50), window=window),
        whole[top : top + height, left : left + width],
    )


def test_logits_that_lie_on_the_gpu_are_painted_there(painter: Painters) -> None:
    loaded, gpu = painter(CLASSES), Gpu()
    given = np.stack([logits("ties", CLASSES, (5, 7), seed) for seed in range(3)])
    with gpu.current():
        memory, stream = Memory(gpu), gpu.cuda.Stream()
        first = memory.send(given.view(np.uint8), stream)
        for index, one in enumerate(given):
            address = first + index * one.nbytes
            mask = loaded.paint(address, (41, 50), shape=one.shape, stream=stream)
            np.testing.assert_array_equal(mask, kernels.paint(one, (41, 50)))
        memory.free()
        # Given back while the context is current.
        del stream
