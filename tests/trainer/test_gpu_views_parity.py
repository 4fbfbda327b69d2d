"""A GPU's training views are the CPU's: on a GPU, or in Triton's interpreter.

Without a GPU `test_gpu_views.py` runs this file in an interpreter of its own.
"""

import os
from fractions import Fraction

import numpy as np
import pytest

from trainer import loader, views
from trainer.data import Dataset, Sample
from trainer.recipe import Recipe

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("wants an NVIDIA GPU with CUDA", allow_module_level=True)
pytestmark = [
    pytest.mark.gpu,
    # The interpreter computes in lanes that a GPU masks off as well.
    pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning"),
]
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
CROP = (8, 12)
DATASET = Dataset(
    classes=("ground", "wall", "sky"), palette=((0, 0, 0),) * 3, ignore=255, splits={}
)


def sample(index, size, kind=np.uint8):
    rng = np.random.default_rng(index)
    labels = rng.choice([0, 1, 2, 255], size).astype(kind)
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    return Sample(name=f"{index}", picture=picture, labels=labels)


def both(recipe, samples):
    """The batch as the CPU's threads make it, and as the camera does."""
    from trainer.gpu_views import Camera

    camera = Camera(CROP, recipe, DATASET, DEVICE)
    shots = [
        views.aim(one.labels, CROP, recipe, np.random.default_rng(7 + place))
        for place, one in enumerate(samples)
    ]
    assert {shot.flip for shot in shots} == {True, False}
    pairs = list(zip(samples, shots, strict=True))
    here = loader.stacked([views.take(*pair, CROP, recipe, DATASET) for pair in pairs], 255)
    there = camera.take([camera.prepare(*pair) for pair in pairs])
    return here, there


def recipe(**options):
    return Recipe(factor=Fraction(1, 3), zoom=1.4, **options)


SAME = [(37, 51), (37, 51), (37, 51)]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        *(({}, SAME), ({}, [(37, 51), (20, 90), (37, 51)])),
        *(({"sight": 2}, SAME), ({"sight": 2}, [(37, 51), (20, 90), (37, 51)])),
        *(({"labels": "majority"}, SAME), ({"labels": "nearest-random"}, SAME)),
    ],
)
def test_the_views_are_the_same_bit_for_bit(options, sizes):
    samples = [sample(index, size) for index, size in enumerate(sizes)]
    here, there = both(recipe(**options), samples)
    assert torch.equal(there.pictures.cpu(), here.pictures)
    assert torch.equal(there.shares.cpu(), here.shares)


def test_labels_of_two_bytes_are_softened_alike():
    here, there = both(recipe(), [sample(index, (37, 51), np.uint16) for index in range(3)])
    assert torch.equal(there.shares.cpu(), here.shares)


def test_labels_at_full_size_are_cut_and_turned_alike():
    here, there = both(
        recipe(labels="full"), [sample(index, size) for index, size in enumerate(SAME)]
    )
    assert len(there.labels) == len(SAME)
    for ours, theirs in zip(here.labels, there.labels, strict=True):
        assert torch.equal(ours, theirs.cpu())


def test_the_light_is_the_same_but_for_rounding():
    here, there = both(recipe(jitter=0.4), [sample(index, size) for index, size in enumerate(SAME)])
    apart = (there.pictures.cpu().int() - here.pictures.int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).float().mean() < 0.01


def test_cells_too_fine_for_a_gpu_are_counted_on_the_cpu(monkeypatch):
    from trainer import gpu_views

    monkeypatch.setattr(gpu_views, "MOST_AREA", 0)
    here, there = both(recipe(), [sample(index, size) for index, size in enumerate(SAME)])
    assert torch.equal(there.shares.cpu(), here.shares)


def test_labels_of_one_and_of_two_bytes_go_together():
    samples = [sample(index, (37, 51), kind) for index, kind in enumerate((np.uint8, np.uint16))]
    samples[1].labels[samples[1].labels == 2] = 255
    here, there = both(recipe(), [*samples, sample(2, (37, 51))])
    assert torch.equal(there.shares.cpu(), here.shares)
