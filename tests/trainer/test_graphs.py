"""Graphs do what their matrices would do, and no such matrix is ever there."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from trainer import graphs


def drawn(places, width=5, seed=0):
    return F.normalize(
        torch.randn(places, width, generator=torch.Generator().manual_seed(seed)), dim=1
    )


def normalised(matrix):
    roots = 1 / np.sqrt(matrix.sum(1))
    return roots[:, None] * matrix * roots


def slow_neighbours(features, count):
    """D^-1/2 (A + A') D^-1/2, dense, in float64."""
    alike = features @ features.T
    matrix = np.eye(len(features))
    for i, row in enumerate(alike):
        others = [j for j in np.argsort(-row) if j != i][:count]
        matrix[i, others] = np.maximum(row[others], 0)
    return normalised(matrix + matrix.T)


def slow_kin(features, classes):
    return normalised(np.maximum(features @ features.T, 0) * (classes[:, None] == classes))


@pytest.fixture(params=[1 << 22, 100], ids=["one block", "many blocks"])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_AT_ONCE", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("count", [3, 20, 99])
def test_neighbours_are_the_likest_both_ways(count):
    features, values = drawn(30), torch.randn(30, 4)
    expected = slow_neighbours(features.double().numpy(), count) @ values.double().numpy()
    assert graphs.neighbours(features, count)(values).numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.usefixtures("_blocks")
def test_kin_are_places_of_one_class():
    features, values = drawn(30).abs(), torch.randn(30, 4)
    classes = torch.arange(30) % 3
    expected = slow_kin(features.double().numpy(), classes.numpy()) @ values.double().numpy()
    assert graphs.kin(features, classes)(values).numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "made", [graphs.neighbours(drawn(12), 3), graphs.kin(drawn(12).abs(), torch.arange(12) % 2)]
)
def test_gradients_go_back_through_the_same_graph(made):
    values = torch.randn(12, 4, requires_grad=True)
    weights = torch.randn(12, 4)
    (graphs.through(made, values) * weights).sum().backward()
    matrix = made(torch.eye(12))
    assert torch.allclose(values.grad, matrix.T @ weights, atol=1e-6)
    assert torch.allclose(matrix, matrix.T, atol=1e-6)


def test_a_single_place_is_its_own_graph():
    for made in (graphs.neighbours(drawn(1), 20), graphs.kin(drawn(1), torch.zeros(1))):
        assert torch.allclose(made(torch.ones(1, 2)), torch.ones(1, 2))


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operator makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@pytest.mark.parametrize("places", [4096, 16384])
def test_memory_is_bounded_whatever_the_number_of_places(places):
    values = torch.randn(places, 3, requires_grad=True)
    with Largest() as largest:
        near = graphs.neighbours(drawn(places, width=2), 4)
        alike = graphs.kin(drawn(places, width=2), torch.zeros(places, dtype=torch.int64))
        (graphs.through(near, values) + graphs.through(alike, values)).sum().backward()
    # 16 MB of float32; all pairs would be 64 MB and 1 GB.
    assert largest.numbers <= graphs.MOST_AT_ONCE < places**2
