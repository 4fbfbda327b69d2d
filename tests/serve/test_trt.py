"""Engines are run as TensorRT wants it, by stand-ins for it and for pycuda that keep real bytes."""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import kernels
from kernels import ahead, engine
from kernels.errors import UserError
from kernels.picture import decode
from serve import runtimes
from serve.segment import Segmenter
from serve.settings import Settings

CLASSES = 5
LEAST, TYPICAL, MOST = (1, 8, 8, 3), (2, 24, 40, 3), (4, 64, 96, 3)


class Gpu:
    """As much of `pycuda.driver` as is used: memory is real, and the context must be current."""

    class Error(Exception):
        pass

    def __init__(self) -> None:
        self.depth, self.held, self.next = 0, {}, 0x1000
        self.made: list[tuple[str, int]] = []
        context = SimpleNamespace(push=lambda: self.turn(1), pop=lambda: self.turn(-1))
        gpu = SimpleNamespace(
            compute_capability=lambda: (8, 9),
            name=lambda: "stand-in",
            retain_primary_context=lambda: context,
        )
        self.Device = type("Device", (), {"count": staticmethod(lambda: 1)})
        self.Device.__new__ = lambda kind, index: gpu

    def init(self) -> None: ...

    def turn(self, by: int) -> None:
        self.depth += by

    def Stream(self) -> SimpleNamespace:  # noqa: N802
        self.made.append(("stream", 0))
        return SimpleNamespace(handle=7, synchronize=lambda: None)

    def mem_alloc(self, size: int) -> Any:
        assert self.depth > 0
        self.made.append(("there", size))
        address, self.next = self.next, self.next + size + 64
        self.held[address] = np.full(size, 0xEE, np.uint8)

        class Allocation(int):
            free = lambda this: self.held.pop(int(this))  # noqa: E731

        return Allocation(address)

    def pagelocked_empty(self, shape: Any, kind: Any) -> NDArray[Any]:
        self.made.append(("page-locked", int(np.prod(shape))))
        return np.full(shape, 0xEE, kind)

    def at(self, address: int, size: int) -> NDArray[np.uint8]:
        """What lies there; no more than was asked for."""
        start = max(each for each in self.held if each <= address)
        return self.held[start][address - start :][:size]

    def memcpy_htod_async(self, to: Any, source: NDArray[Any], stream: Any) -> None:
        self.at(int(to), source.nbytes)[:] = source.reshape(-1).view(np.uint8)

    def memcpy_dtoh_async(self, to: NDArray[Any], source: Any, stream: Any) -> None:
        to.reshape(-1).view(np.uint8)[:] = self.at(int(source), to.nbytes)

    def module_from_buffer(self, code: bytes) -> SimpleNamespace:
        return SimpleNamespace(get_function=lambda name: self.paint)

    def paint(self, logits: Any, mask: Any, _: Any, *numbers: Any, **options: Any) -> None:
        h, w, height, width = (int(number) for number in numbers[:4])
        given = self.at(int(logits), CLASSES * h * w * 4).view(np.float32)
        painted = kernels.paint(given.reshape(CLASSES, h, w), (height, width))
        self.at(int(mask), painted.size)[:] = painted.reshape(-1)


def logits_of(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network of every engine here, at half the size."""
    small = np.stack([kernels.shrink(picture, "1/2") for picture in pictures]).astype(np.float32)
    planes = np.concatenate([small, 255 - small[..., :2]], axis=-1)
    return np.ascontiguousarray(planes.transpose(0, 3, 1, 2))


def masks_of(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    sizes = [picture.shape[:2] for picture in pictures]
    return np.stack(list(map(kernels.paint, logits_of(pictures), sizes)))


class Context:
    """An execution context that computes, and knows what it was not told."""

    def __init__(self, gpu: Gpu, outputs: tuple[str, ...], log: list[int]) -> None:
        self.gpu, self.outputs, self.log = gpu, outputs, log
        self.shape: tuple[int, ...] = ()
        self.addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = shape
        return all(a <= b <= c for a, b, c in zip(LEAST, shape, MOST, strict=True))

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        count, height, width, _ = self.shape
        if name == "logits":
            return (
                count,
                CLASSES,
                *kernels.shrink(np.zeros((height, width, 3), np.uint8), "1/2").shape[:2],
            )
        return (count, height, width)

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def execute_async_v3(self, handle: int) -> bool:
        assert handle == 7
        assert self.gpu.depth > 0
        assert self.addresses.keys() == {"image", *self.outputs}
        self.log.append(self.shape[0])
        size = int(np.prod(self.shape))
        pictures = self.gpu.at(self.addresses["image"], size).reshape(self.shape)
        makers = {"logits": logits_of, "mask": masks_of, "confidence": masks_of}
        for name in self.outputs:
            made = makers[name](pictures)
            self.gpu.at(self.addresses[name], made.nbytes)[:] = made.reshape(-1).view(np.uint8)
        return True


def tensorrt(gpu: Gpu, outputs: tuple[str, ...], log: list[int]) -> types.ModuleType:
    trt = types.ModuleType("tensorrt")
    names = ["image", *outputs]
    kinds = {"image": np.uint8, "mask": np.uint8, "confidence": np.uint8, "logits": np.float32}
    plan = SimpleNamespace(
        num_io_tensors=len(names),
        get_tensor_name=names.__getitem__,
        get_tensor_mode=lambda name: "in" if name == "image" else "out",
        get_tensor_dtype=lambda name: name,
        get_tensor_profile_shape=lambda name, profile: (LEAST, TYPICAL, MOST),
        create_execution_context=lambda: Context(gpu, outputs, log),
    )
    loads = SimpleNamespace(deserialize_cuda_engine=lambda held: plan if held == b"plan" else None)
    trt.__version__ = "10.13.2.6"
    trt.Logger = type("Logger", (), {"WARNING": 2, "__init__": lambda self, level: None})
    trt.Runtime = lambda logger: loads
    trt.TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")
    trt.nptype = kinds.__getitem__
    return trt


CUBIN = ahead.Cubin(
    architecture=86,
    name="paint_kernel",
    code=b"\x7fELF",
    arguments=tuple(
        ahead.Argument(name=name, kind=kind)
        for name, kind in [
            ("logits", "*fp32"),
            ("mask", "*u8"),
            ("margin", "*u8"),
            *((f"number {index}", "i32") for index in range(10)),
            ("global_scratch", "*u8"),
            ("profile_scratch", "*u8"),
        ]
    ),
    warps=4,
    shared=0,
    registers=1,
    spills=0,
    constants=ahead.paint_constants(CLASSES),
)


@pytest.fixture
def built(
    tmp_path: Path, toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., SimpleNamespace]]:
    """Writes an engine of that head, and puts stand-ins for what it runs on in place."""
    gpu = Gpu()

    def write(*outputs: str, cubin: bool = True, **facts: Any) -> SimpleNamespace:
        log: list[int] = []
        package = types.ModuleType("pycuda")
        package.driver = gpu  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pycuda", package)
        monkeypatch.setitem(sys.modules, "pycuda.driver", gpu)  # type: ignore[misc]
        monkeypatch.setitem(sys.modules, "tensorrt", tensorrt(gpu, outputs, log))
        plain = asdict(CUBIN)
        entries = {engine.PLAN: b"plan", engine.CONTRACT: toy.contract().to_json().encode()}
        if cubin:
            entries["paint-sm86.cubin"] = plain.pop("code")
            entries["paint-sm86.json"] = json.dumps(plain).encode()
        build = {
            "flavour": "tensorrt",
            "tensorrt": "10.13.2.6",
            "architectures": [86, 89],
            **facts,
        }
        path = tmp_path / "model.trt"
        engine.write(path, entries, build)
        return SimpleNamespace(path=path, gpu=gpu, log=log)

    yield write
    assert gpu.depth == 0


@pytest.mark.parametrize("outputs", [("mask",), ("logits",), ("mask", "confidence")])
def test_an_engine_gives_the_masks_that_it_paints_or_that_are_painted_of_its_logits(
    built: Callable[..., SimpleNamespace], toy: SimpleNamespace, outputs: tuple[str, ...]
) -> None:
    made = built(*outputs)
    segmenter = Segmenter(made.path, workers=2)
    segmenter.warm_up()
    assert segmenter.runtime.name == "TensorRT 10.13.2.6 (stand-in)"
    # Smaller and larger ones after each other: memory is kept, and only what was asked for is read.
    for size in ((24, 40), (64, 96), (9, 8), (31, 57)):
        picture = toy.photo(*size)
        np.testing.assert_array_equal(segmenter.mask(picture), masks_of(picture[None])[0])
    pictures = [toy.photo(24, 40 + index)[:, :40] for index in range(3)]
    for mask, picture in zip(segmenter.run(pictures), pictures, strict=True):
        np.testing.assert_array_equal(mask, masks_of(picture[None])[0])
    assert made.log[-1] == 3
    segmenter.close()
    assert not made.gpu.held


def test_memory_is_kept_from_call_to_call(
    built: Callable[..., SimpleNamespace], toy: SimpleNamespace
) -> None:
    made = built("mask")
    segmenter = Segmenter(made.path)
    segmenter.mask(toy.photo(64, 96))
    before = list(made.gpu.made)
    segmenter.mask(toy.photo(60, 90))
    assert made.gpu.made == before


def test_calls_at_once_have_lanes_of_their_own(
    built: Callable[..., SimpleNamespace], toy: SimpleNamespace
) -> None:
    made = built("mask")
    segmenter = Segmenter(made.path, workers=9)
    pictures = [toy.photo(20 + index, 30) for index in range(16)]
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(segmenter.mask, pictures))
    for mask, picture in zip(masks, pictures, strict=True):
        np.testing.assert_array_equal(mask, masks_of(picture[None])[0])
    # Each made its stream at the start, and none was made for a call.
    assert [what for what, _ in made.gpu.made].count("stream") == 4


def test_a_server_takes_an_engine_and_as_many_pictures_a_call_as_it_was_built_for(
    built: Callable[..., SimpleNamespace], toy: SimpleNamespace
) -> None:
    picture = toy.photo(24, 40)
    with toy.running(Settings(models=(built("mask").path,))) as client:
        assert client.get("/models").json()["models"][0]["batch"] == MOST[0]
        assert client.post("/segment", content=toy.written(picture)).status_code == 200
        large = client.post("/segment", content=toy.written(toy.photo(65, 40)))
        # An engine eats whole pictures, whatever a decoder could leave out of them.
        jpeg = toy.written(picture, "JPEG")
        whole = client.post("/segment", content=jpeg)
    mask = np.asarray(Image.open(io.BytesIO(whole.content)))
    np.testing.assert_array_equal(mask, masks_of(decode(jpeg, "x")[None])[0])
    assert large.status_code == 400
    assert "65x40, and this engine takes 8x8 to 64x96" in large.json()["detail"]
    assert "--size" in large.json()["hint"]


def test_fewer_pictures_than_an_engine_is_built_for_are_filled_up(
    built: Callable[..., SimpleNamespace], toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "LEAST", (4, 8, 8, 3))
    made = built("mask")
    picture = toy.photo(24, 40)
    mask = Segmenter(made.path).mask(picture)
    assert made.log == [4]
    np.testing.assert_array_equal(mask, masks_of(picture[None])[0])


@pytest.mark.parametrize(
    ("outputs", "facts", "says"),
    [
        (("mask",), {"tensorrt": "10.12.0"}, "this machine has tensorrt 10.13.2.6"),
        (("mask",), {"architectures": [80]}, "an engine for sm80, and this GPU is sm89"),
        (("mask",), {"flavour": "rtx"}, "tensorrt_rtx cannot be imported"),
        (("logits",), {"architectures": [89]}, "holds no kernel that paints them on sm89"),
        (("other",), {}, "it lacks image, and mask or logits"),
    ],
)
def test_an_engine_that_cannot_be_run_here_is_a_user_error(
    built: Callable[..., SimpleNamespace],
    monkeypatch: pytest.MonkeyPatch,
    outputs: tuple[str, ...],
    facts: dict[str, Any],
    says: str,
) -> None:
    path = built(*outputs, **facts).path
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(UserError, match=says) as raised:
        runtimes.open_artefact(path)
    assert raised.value.hint


def test_an_engine_that_tensorrt_refuses_is_a_user_error(
    built: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = built("mask").path
    monkeypatch.setattr(engine.Engine, "plan", lambda self: b"of another kind")
    with pytest.raises(UserError, match="TensorRT does not load this engine"):
        runtimes.open_artefact(path)


def test_an_engine_is_not_for_a_cpu(built: Callable[..., SimpleNamespace]) -> None:
    with pytest.raises(UserError, match="runs on a GPU alone") as raised:
        runtimes.open_artefact(built("mask").path, device="cpu")
    assert "model.onnx" in raised.value.hint
