"""A small hand-made artefact of every kind the service meets, and servers to ask."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from kernels.contract import Contract
from serve.app import create_app
from serve.segment import Segmenter
from serve.server import Server, bound, configured, patience
from serve.settings import Settings


def contract(*, classes: int = 5, factor: Fraction = Fraction(1, 2), sight: int = 1) -> Contract:
    colours = np.random.default_rng(7).integers(0, 256, (classes, 3))
    return Contract(
        classes=tuple(f"class é {index}" for index in range(classes)),
        palette=tuple((int(r), int(g), int(b)) for r, g, b in colours),
        factor=factor,
        sight=sight,
        ignore=max(255, classes),
        writer="softres test",
    )


def artefact(promise: Contract) -> onnx.ModelProto:
    """What the exporter writes, for a network of one strided convolution."""
    classes, side = len(promise.classes), promise.factor.denominator // promise.sight
    assert promise.factor.numerator == 1
    weight = np.random.default_rng(3).normal(size=(classes, 3, 3, 3)).astype(np.float32)
    weight -= weight.mean(axis=(1, 2, 3), keepdims=True)
    node = helper.make_node
    shrink = [
        node("Cast", ["image"], ["image.float"], to=TensorProto.FLOAT),
        node("Transpose", ["image.float"], ["image.planes"], perm=[0, 3, 1, 2]),
        node(
            "AveragePool",
            ["image.planes"],
            ["mean"],
            kernel_shape=[side, side],
            strides=[side, side],
        ),
        node("Round", ["mean"], ["rounded"]),
        node("Transpose", ["rounded"], ["small.float"], perm=[0, 2, 3, 1]),
        node("Cast", ["small.float"], ["small"], to=TensorProto.FLOAT),
    ]
    network = [
        node("Cast", ["small"], ["network.float"], to=TensorProto.FLOAT),
        node("Transpose", ["network.float"], ["network.planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["network.planes", "weight"], ["logits"], strides=[2, 2], pads=[1, 1, 1, 1]),
    ]
    paint = [
        node("Shape", ["image"], ["size"], start=1, end=3),
        node("Shape", ["logits"], ["lead"], start=0, end=2),
        node("Concat", ["lead", "size"], ["sizes"], axis=0),
        node("Resize", ["logits", "", "", "sizes"], ["full"], mode="linear"),
        node("ArgMax", ["full"], ["winner"], axis=1, keepdims=0),
        node("Cast", ["winner"], ["mask"], to=TensorProto.UINT8),
    ]
    if side == 1:
        shrink = [node("Cast", ["image"], ["small"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(
        [*shrink, *network, *paint],
        "artefact",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("mask", TensorProto.UINT8, ["N", "H", "W"])],
        initializer=[numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    helper.set_model_props(model, {"softres.contract": promise.to_json()})
    return model


def saved(path: Path, **promised: Any) -> Path:
    onnx.save(artefact(contract(**promised)), path)
    return path


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture with a little noise, never the same at two places."""
    noise = np.random.default_rng(height * 10_000 + width)
    coarse = noise.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth) + noise.integers(-5, 6, (height, width, 3)), 0, 255).astype(
        np.uint8
    )


def written(picture: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


SECONDS_TO_STOP = 20


class Watched(Server):
    """The service in a thread, which says what it waits for where it does not end."""

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings)
        config = configured(app, log_level="critical")
        super().__init__(config, app.state.gate, drain=settings.drain, patience=patience(settings))
        # Not one that the interpreter waits for: a test that failed shall not hang as well.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, listener: socket.socket) -> None:
        """Return once it answers."""
        self._listener = listener
        self.thread.start()
        while self.thread.is_alive() and not self.started:
            time.sleep(0.01)
        assert self.started, "the server did not start"

    def end(self, seconds: float) -> None:
        """Let it finish, and fail where it does not."""
        self.should_exit = True
        self.thread.join(seconds)
        if not self.thread.is_alive():
            return
        told = self._waits_for()
        assert self._loop
        self.force_exit = True
        self._loop.call_soon_threadsafe(lambda: None)
        self.thread.join(seconds)
        pytest.fail(f"the server did not end within {seconds:g} s\n{told}", pytrace=False)

    def _run(self) -> None:
        self.run([self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def _waits_for(self) -> str:
        assert self._loop
        assert self.thread.ident
        connections = [
            f"connection of {each.client}, {each.scope and each.scope['path']}: {each.transport}\n"
            for each in list(self.server_state.connections)
        ]
        tasks = [text for task in asyncio.all_tasks(self._loop) for text in awaited(task)]
        # A loop that sleeps for hours has none of these to blame: its clock was changed.
        thread = traceback.format_stack(sys._current_frames()[self.thread.ident])
        return "".join([*connections, *tasks, "its thread:\n", *thread])


def awaited(task: asyncio.Task[Any]) -> Iterator[str]:
    """Where a task waits, and what it waits for: `Task.print_stack` tells the first step alone."""
    yield f"{task.get_name()}:\n"
    step: Any = task.get_coro()
    while frame := getattr(step, "cr_frame", None):
        yield from traceback.format_list(traceback.extract_stack(frame, limit=1))
        step = step.cr_await
    yield f"  {step}\n"


@contextmanager
def running(settings: Settings, seconds: float = SECONDS_TO_STOP) -> Iterator[httpx.Client]:
    """A real server in a thread, and a client that talks to it."""
    with bound("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = Watched(settings)
        server.begin(listener)
        try:
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                yield client
        finally:
            server.end(seconds)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("artefact") / "model.onnx")


@pytest.fixture(scope="session")
def client(model: Path) -> Iterator[httpx.Client]:
    with running(Settings(models=(model,), max_bytes=4_000_000)) as client:
        yield client


@pytest.fixture(scope="session")
def segmenter(model: Path) -> Segmenter:
    return Segmenter(model)


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The makers above, for tests that need something of their own."""
    return SimpleNamespace(
        artefact=artefact,
        contract=contract,
        photo=photo,
        running=running,
        saved=saved,
        written=written,
    )
