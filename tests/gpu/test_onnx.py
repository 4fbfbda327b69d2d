"""ONNX Runtime's CUDA provider gives the masks of the CPU, and it is CUDA that computes them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kernels
from export import verify
from export.bench import sessions, ways
from export.bench.conduct import conduct
from export.bench.plan import Request
from export.bench.ways import Job
from export.build import build, examine
from export.options import Options
from export.targets import Answer
from kernels.session import CUDA, settle
from serve.runtimes import onnx as served
from serve.segment import Segmenter
from trainer.checkpoint import Checkpoint

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("onnxruntime_gpu")]
WAYS = {"network on CUDA + paint": "cuda-paint", "graph on CUDA": "cuda"}


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The checkpoint in a precision; a few steps of training may lose more than is published."""
    folder = tmp_path_factory.mktemp("precisions")

    def export(precision: str) -> Path:
        out = folder / f"{precision}.onnx"
        if not out.exists():
            build("onnx", model, out, Options(precision=precision, accept=True))
        return out

    return export


def test_served_masks_are_those_of_the_cpu_but_for_near_ties(
    artefact: Path, loaded: Checkpoint
) -> None:
    segmenter = Segmenter(artefact, device="cuda")
    assert segmenter.runtime.name.endswith("(CUDA)")
    for batch in verify.pictures():
        small = kernels.seen(batch, loaded.contract)
        together = segmenter.run(list(small))
        for picture, logits in zip(batch, together, strict=True):
            size = (picture.shape[0], picture.shape[1])
            for mask in (segmenter.mask(picture), kernels.paint(logits, size)):
                _, beyond_rounding = verify.changed_pixels(loaded, picture, mask)
                assert beyond_rounding == 0


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("way", WAYS.values())
def test_each_way_passes_the_gate_that_let_the_artefact_be_published(
    exported: Callable[[str], Path], loaded: Checkpoint, way: str, precision: str
) -> None:
    opened = ways.find(way).open_way(Job(way=way, file=exported(precision), threads=1))

    def run(pictures: NDArray[np.uint8]) -> Answer:
        answer = opened.answer(pictures)
        assert answer is not None
        return answer

    told = examine(loaded, run, Options(precision=precision))
    assert told.objections == []


@pytest.fixture
def profiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[ModuleType], Callable[[Any], Counter[str]]]:
    """Has a module's sessions write down who computes; then counts the convolutions of one."""

    def watch(module: ModuleType) -> Callable[[Any], Counter[str]]:
        def settled(options: Any, threads: int) -> Any:
            options = settle(options, threads)
            options.enable_profiling = True
            options.profile_file_prefix = str(tmp_path / "profile")
            return options

        monkeypatch.setattr(module, "settle", settled)
        return lambda session: Counter(_providers(Path(session.end_profiling())))

    return watch


def _providers(profile: Path) -> Iterator[str]:
    """Who computed each convolution of each run."""
    for event in json.loads(profile.read_text(encoding="utf-8")):
        told = event.get("args", {})
        if event.get("cat") == "Node" and str(told.get("op_name")).endswith("Conv"):
            yield told.get("provider", "nobody")


def test_every_convolution_of_what_is_served_is_computed_by_cuda(
    artefact: Path, profiled: Callable[[ModuleType], Callable[[Any], Counter[str]]]
) -> None:
    convolutions = profiled(served)
    runtime = served.open_artefact(artefact, None, device="cuda")
    runtime.logits(np.zeros((32, 48, 3), np.uint8))
    assert set(convolutions(runtime._session)) == {CUDA}


def test_every_convolution_of_the_whole_graph_is_computed_by_cuda(
    artefact: Path, profiled: Callable[[ModuleType], Callable[[Any], Counter[str]]]
) -> None:
    convolutions = profiled(sessions)
    way: Any = ways.find("cuda").open_way(Job(way="cuda", file=artefact, threads=1))
    way.mask(np.zeros((2, 64, 96, 3), np.uint8))
    assert set(convolutions(way._session)) == {CUDA}


def test_the_benchmark_times_cuda_beside_the_cpu(artefact: Path, model: Path) -> None:
    outcome = conduct(
        Request(artefacts=(artefact,), checkpoint=model, pictures=2, batches=(1, 4), seconds=0)
    )
    rows = [row for row in outcome.rows if row.way in WAYS]
    assert {(row.way, row.batch) for row in rows} == {(way, n) for way in WAYS for n in (1, 4)}
    assert [row.wrong for row in rows] == [""] * len(rows)
    assert all(row.p50_ms for row in rows)
