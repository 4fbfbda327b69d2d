"""Engines, built here by the exporter and run by the service, give the masks of the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export import engine, flavour, intake, precisions, verify
from export.flavour import Missing
from export.options import Options
from export.switches import Settings
from export.targets import trt
from export.targets.trt import Order
from kernels.errors import UserError
from serve import runtimes
from serve.runtimes.trt import TensorRTRuntime
from serve.segment import Segmenter
from trainer.checkpoint import Checkpoint

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("pycuda")]
# From the least to the most, and what lies between is odd.
SIZES = ((40, 24), (133, 217), (256, 384))
SIZE, MOST = "40x24..256x384", 4
HEADS = ("mask", "logits", "mask+confidence")
Built = Callable[..., Path]
Opened = Callable[..., TensorRTRuntime]


@pytest.fixture(scope="module", params=["tensorrt", "rtx"])
def order(request: pytest.FixtureRequest, architecture: int) -> Order:
    """Which TensorRT, for the GPU that is here."""
    found = flavour.find(request.param)
    if isinstance(found, Missing):
        pytest.skip(found.reason)
    if found.name != "rtx":
        return Order(flavour=found.name)
    try:
        engine.architectures(found.module, (architecture,))
    except UserError as error:
        pytest.skip(error.message)
    return Order(flavour=found.name, settings=Settings(architectures=(architecture,)))


@pytest.fixture(scope="module")
def built(order: Order, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The engine of the checkpoint, each kind of it built once."""
    folder = tmp_path_factory.mktemp("engines")

    @cache
    def build(head: str = "mask", batch: str = f"1..{MOST}", precision: str = "fp32") -> Path:
        out = folder / f"{head}-{batch}-{precision}.trt"
        taken = intake.read(SIZE, batch)
        # A few steps of training may lose more at 16 bits than is published.
        options = Options(intake=taken, head=head, precision=precision, accept=True)
        trt.build(model, out, options, order)
        return out

    return build


@pytest.fixture
def opened(built: Built) -> Iterator[Opened]:
    """Opens the engine as the service does, and gives the GPU's memory back."""
    held: list[TensorRTRuntime] = []

    def load(**kind: str) -> TensorRTRuntime:
        runtime = runtimes.open_artefact(built(**kind))
        assert isinstance(runtime, TensorRTRuntime)
        held.append(runtime)
        return runtime

    yield load
    for runtime in held:
        runtime.close()


def pictures(size: tuple[int, int], count: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(size[0])
    return np.stack([verify.structured(rng, size) for _ in range(count)])


def beyond_rounding(loaded: Checkpoint, given: NDArray[np.uint8], masks: NDArray[np.uint8]) -> int:
    """Pixels whose class is not the CPU's though no other is near."""
    pairs = zip(given, masks, strict=True)
    return sum(verify.changed_pixels(loaded, picture, mask)[1] for picture, mask in pairs)


@pytest.mark.parametrize("count", [1, MOST])
@pytest.mark.parametrize("head", HEADS)
def test_masks_are_those_of_the_cpu_but_for_near_ties(
    opened: Opened, loaded: Checkpoint, head: str, count: int
) -> None:
    runtime = opened(head=head)
    # To and fro: memory is kept from call to call, and must not be what is read.
    for size in (*SIZES, *reversed(SIZES)):
        given = pictures(size, count)
        masks = runtime.masks(given)
        assert masks.dtype == np.uint8
        assert masks.shape == given.shape[:3]
        assert beyond_rounding(loaded, given, masks) == 0


def test_what_it_takes_is_what_it_was_built_for(opened: Opened, order: Order) -> None:
    runtime = opened()
    flavoured = "TensorRT-RTX " if order.flavour == "rtx" else "TensorRT "
    assert runtime.name.startswith(flavoured)
    assert (runtime.size, runtime.most_batch) == (SIZES[-1], MOST)
    for size in ((39, 24), (40, 23), (257, 384), (256, 385)):
        with pytest.raises(UserError, match=r"this engine takes 40x24 to 256x384"):
            runtime.masks(pictures(size, 1))
    with pytest.raises(UserError, match="does not take pictures of"):
        runtime.masks(pictures(SIZES[0], MOST + 1))
    # What was refused has broken nothing.
    assert runtime.masks(pictures(SIZES[0], 1)).shape == (1, *SIZES[0])


def test_fewer_pictures_than_an_engine_is_built_for_are_filled_up(
    opened: Opened, loaded: Checkpoint
) -> None:
    runtime = opened(batch=f"{MOST}")
    given = pictures(SIZES[1], 1)
    assert beyond_rounding(loaded, given, runtime.masks(given)) == 0


@pytest.mark.parametrize("head", ["mask", "logits"])
def test_requests_at_once_get_masks_of_their_own(
    built: Built, loaded: Checkpoint, head: str
) -> None:
    segmenter = Segmenter(built(head=head), workers=4)
    segmenter.warm_up()
    given = [pictures(size, 1)[0] for size in SIZES * 4]
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(segmenter.mask, given))
    segmenter.close()
    for picture, mask in zip(given, masks, strict=True):
        assert beyond_rounding(loaded, picture[None], mask[None]) == 0


def test_half_precision_changes_no_more_pixels_than_may_be_published(
    opened: Opened, loaded: Checkpoint
) -> None:
    runtime = opened(precision="fp16")
    gate = precisions.find("fp16").GATE
    assert gate.changed is not None
    given = pictures(SIZES[-1], MOST)
    masks = runtime.masks(given)
    pairs = zip(given, masks, strict=True)
    changed = sum(verify.changed_pixels(loaded, picture, mask)[0] for picture, mask in pairs)
    assert changed / masks.size <= gate.changed
