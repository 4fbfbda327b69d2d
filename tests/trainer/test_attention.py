"""Attention is the weighted mean that it says, and never a matrix of all pairs."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from trainer.attention import aggregated


def drawn(places, width=5, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = F.normalize(torch.randn(2, width, places, generator=generator), dim=1)
    values = torch.rand(2, classes, places, generator=generator)
    return features, values, torch.rand(2, places, generator=generator)


def slow(features, values, weights, temperature):
    """Place by place, in float64."""
    found = np.zeros(values.shape)
    for item in range(len(values)):
        for i in range(features.shape[2]):
            alike = features[item].T @ features[item][:, i] / temperature
            heed = weights[item] * np.exp(alike)
            found[item, :, i] = values[item] @ heed / heed.sum()
    return found


@pytest.mark.parametrize(("width", "classes"), [(5, 3), (2, 11)])
def test_it_is_the_mean_weighed_by_likeness_and_weight(width, classes):
    given = drawn(23, width, classes)
    given[2][:, 4:9] = 0
    expected = slow(*(one.double().numpy() for one in given), 0.2)
    assert aggregated(*given, 0.2).numpy() == pytest.approx(expected, abs=1e-5)


def test_places_of_no_weight_are_never_heard():
    features, values, weights = drawn(40)
    weights[:, 7] = 0
    heard = aggregated(features, values, weights, 0.05)
    values[:, :, 7] = 1e3
    assert torch.allclose(heard, aggregated(features, values, weights, 0.05))


def test_where_nothing_has_weight_the_answer_is_a_number():
    features, values, weights = drawn(40)
    assert aggregated(features, values, 0 * weights, 0.05).isfinite().all()


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operator makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@pytest.mark.parametrize("places", [1024, 4096])
def test_no_tensor_of_all_pairs_is_ever_made(places):
    with Largest() as largest:
        aggregated(*drawn(places), 0.1)
    assert largest.numbers <= 2 * places * 8
