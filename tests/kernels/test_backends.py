"""Data chooses its kernels by where it lies; a backend asked for by name works or raises."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import kernels
from kernels import backends
from kernels.errors import UserError


class OnGpu:
    is_cuda = True
    ndim = 3


@pytest.fixture
def gpu_side(monkeypatch):
    """A stand-in for the GPU's files that writes down how it was called."""
    calls = []

    def noting(name):
        return lambda *given, **options: calls.append((name, given[1:], options)) or [name]

    side = SimpleNamespace(
        **{name: noting(name) for name in ("shrink", "soften", "paint", "painting")},
        kind_of=lambda dtype: f"torch {np.dtype(dtype).name}",
    )
    monkeypatch.setattr(backends, "load", lambda operator, backend: side)
    return calls


def test_a_tensor_on_a_gpu_goes_to_the_gpu_s_kernels_by_itself(gpu_side):
    tensor = OnGpu()
    kernels.shrink(tensor, "1/4")
    kernels.soften(tensor, 0.25, 19, ignore=-1)
    assert kernels.paint(tensor, (8, 9)) == "paint"
    kernels.painting(tensor, (8, 9), window=(1, 2, 3, 4), margin=True)
    assert [name for name, _, _ in gpu_side] == ["shrink", "soften", "paint", "painting"]
    soften, paint, painting = gpu_side[1:]
    assert (*soften[1][1:], soften[2]) == (19, -1, {"mode": "area", "dtype": "torch float32"})
    assert (paint[1], paint[2]) == (((8, 9),), {"window": (0, 0, 8, 9)})
    assert painting[1] == ((8, 9), (1, 2, 3, 4), True)


def test_the_arguments_of_a_gpu_call_are_checked_first(gpu_side):
    for call, says in (
        (lambda: kernels.shrink(OnGpu(), "3/2"), "larger than 1"),
        (lambda: kernels.soften(OnGpu(), "1/4", 19, mode="mean"), "unknown label mode"),
        (lambda: kernels.paint(OnGpu(), (0, 4)), "size must be"),
        (lambda: kernels.painting(OnGpu(), (4, 4), window=(0, 0, 5, 1)), "window must be"),
    ):
        with pytest.raises(UserError, match=says):
            call()
    assert not gpu_side


@pytest.mark.parametrize(
    "call",
    [
        lambda array: kernels.shrink(array, "1/4", backend="triton"),
        lambda array: kernels.soften(array, "1/4", 3, backend="triton"),
        lambda array: kernels.paint(array, (4, 4), backend="triton"),
    ],
)
def test_arrays_do_not_go_to_a_gpu_by_themselves(call):
    with pytest.raises(UserError, match="takes torch tensors on a GPU, not ndarray"):
        call(np.zeros((3, 4, 4), np.uint8))


def test_a_tensor_on_the_cpu_is_no_tensor_on_a_gpu(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(UserError, match="on a GPU, not one on the CPU"):
        kernels.paint(torch.zeros((2, 3, 3)), (4, 4), backend="triton")


def test_a_tensor_on_the_cpu_is_told_where_to_go():
    with pytest.raises(UserError, match="uint8 array") as error:
        kernels.shrink(torch.zeros((4, 4, 3), dtype=torch.uint8), "1/4")
    assert "tensor on a GPU" in error.value.hint


def test_a_gpu_backend_without_triton_says_what_to_install(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "kernels.shrink.triton", raising=False)
    backends.load.cache_clear()
    with pytest.raises(UserError, match="needs the package triton") as error:
        kernels.shrink(torch.zeros((4, 4, 3), dtype=torch.uint8), "1/4", backend="triton")
    assert "extra 'train'" in error.value.hint
