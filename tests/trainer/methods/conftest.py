"""A network whose parts can be followed by hand, and learners of each method around it."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainer import checkpoint, data, loader, network, portion
from trainer.learner import Learner
from trainer.network import Network
from trainer.recipe import Recipe

CLASSES = 3
CROP = (32, 48)


class Two(nn.Module):
    """Two levels, a full grid and a half one, and a decoder of one layer; no batch statistics."""

    stride = 1
    multiple = 2
    widths = (6, 8)

    def __init__(self):
        super().__init__()
        self.fine = nn.Conv2d(3, 6, 3, padding=1)
        self.coarse = nn.Conv2d(6, 8, 3, padding=1, stride=2)
        self.head = nn.Conv2d(14, CLASSES, 1)

    def forward(self, picture):
        return self.decode(self.encode(picture))

    def encode(self, picture):
        fine = F.relu(self.fine(picture))
        return [fine, F.relu(self.coarse(fine))]

    def decode(self, levels):
        larger = F.interpolate(levels[1], scale_factor=2.0, mode="bilinear")
        return self.head(torch.cat([levels[0], larger], 1))


class Halved(Two):
    """The same of a picture whose sides are halved first."""

    stride = 2
    multiple = 4

    def encode(self, picture):
        return super().encode(F.avg_pool2d(picture, 2))


@pytest.fixture
def two_levels(monkeypatch):
    """Every model is this one while the test runs."""
    for place in (network, checkpoint):
        monkeypatch.setattr(place, "build", built)


def built(model, classes, sight=1, config=""):
    return Network({1: Two, 2: Halved}[sight](), sight)


@pytest.fixture(scope="session")
def half(shared_folder):
    """The tiny data set; half of its pictures have lost their labels."""
    return portion.divided(data.load(f"folder:{shared_folder}"), Recipe(labelled="1/2"))


@pytest.fixture
def learner(half, two_levels):
    """Builds a learner of a method."""

    def build(method, **options):
        chosen = {"factor": Fraction(1, 2), "batch": 4, "steps": 6, **options}
        torch.manual_seed(chosen.get("seed", 0))
        return Learner(Recipe(method=method, **chosen), half, torch.device("cpu"))

    return build


@pytest.fixture
def batches(half):
    """The batches that a learner gets."""

    def draw(made, first=0):
        recipe, disguise = made.recipe, made.objective.disguise
        return loader.batches(half, recipe, CROP, first=first, disguise=disguise)

    return draw


def softmax(logits, axis):
    """In float64."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


@pytest.fixture(name="softmax")
def _softmax():
    return softmax


@pytest.fixture
def cross_entropy():
    """- sum(shares * log softmax(logits)) / normaliser, over [N,C,h,w] in float64."""

    def loss(logits, shares, normaliser):
        return -(shares * np.log(softmax(logits, 1))).sum() / normaliser

    return loss
