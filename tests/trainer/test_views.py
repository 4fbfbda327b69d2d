"""Training views: right size, picture and shares from the same pixels, the same for a seed."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import kernels
from trainer import data, loader, views
from trainer.ranks import Ranks
from trainer.recipe import Recipe
from trainer.views import Window


def draw(sample, crop, recipe, dataset, rng):
    return views.take(sample, views.aim(sample.labels, crop, recipe, rng), crop, recipe, dataset)


@pytest.fixture(scope="module")
def dataset(shared_folder):
    return data.load(f"folder:{shared_folder}")


@pytest.mark.parametrize("factor", ["1", "1/2", "2/5", "1/4", "1/8"])
def test_views_have_the_crops_size_at_every_factor(dataset, factor):
    recipe = Recipe(factor=Fraction(factor))
    sample = dataset.split("train")[0].read()
    for seed in range(20):
        view = draw(sample, (32, 48), recipe, dataset, np.random.default_rng(seed))
        assert view.picture.shape == (32, 48, 3)
        assert view.shares.shape == (3, 32, 48)
        assert view.shares.sum(0).max() <= 1 + 1e-6


def test_what_lies_outside_of_the_picture_is_void(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 8), zoom=1.0)
    view = draw(sample, (32, 32), recipe, dataset, np.random.default_rng(0))
    labelled = (sample.labels != 255).sum() / (256 * 256)
    assert view.shares.sum(0).mean() == pytest.approx(labelled, abs=1e-5)


def test_picture_and_shares_come_from_the_same_pixels(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 2))
    for seed in range(10):
        view = draw(sample, (16, 16), recipe, dataset, np.random.default_rng(seed))
        pure = view.shares.max(0) == 1
        blue = view.picture[..., 2] > view.picture[..., 0]
        assert (blue[pure] == (view.shares.argmax(0) == 2)[pure]).all()


@pytest.mark.parametrize(("top", "left"), [(0, 0), (-3, 2), (5, -1), (-2, -2)])
def test_a_window_is_cut_and_filled(top, left):
    source = np.arange(1, 49, dtype=np.uint8).reshape(6, 8)
    window = Window(top=top, left=left, height=9, width=9)
    padded = np.pad(source, 20, constant_values=255)
    expected = padded[20 + top : 29 + top, 20 + left : 29 + left]
    assert np.array_equal(views.cut(source, window, 255), expected)


def test_batches_depend_on_the_seed_alone(dataset):
    def drawn(seed):
        recipe = Recipe(factor=Fraction(1, 2), steps=3, batch=4, seed=seed)
        return list(loader.batches(dataset, recipe, (32, 32)))

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert len(first) == 3
    for one, two in zip(first, again, strict=True):
        assert one.pictures.equal(two.pictures)
        assert one.shares.equal(two.shares)
    assert not first[0].pictures.equal(other[0].pictures)


def test_an_epoch_shows_every_pair_once():
    recipe = Recipe(batch=4)
    seen = [index for step in range(3) for index in loader._chosen(6, recipe, step)]
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(range(6))


def test_a_zoom_with_two_ends_stays_between_them(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 4), zoom_from=1.0, zoom=2.0, labels="full")
    heights = []
    for seed in range(40):
        view = draw(sample, (8, 8), recipe, dataset, np.random.default_rng(seed))
        heights.append(view.labels.shape[0])
    assert 16 <= min(heights) < 18 < 30 < max(heights) <= 32


def test_full_labels_are_those_of_the_pictures_pixels(dataset):
    sample = dataset.split("train")[0].read()
    for seed in range(5):
        full, area = (
            draw(
                sample,
                (16, 16),
                Recipe(factor=Fraction(1, 2), labels=labels),
                dataset,
                np.random.default_rng(seed),
            )
            for labels in ("full", "area")
        )
        assert np.array_equal(full.picture, area.picture)
        assert full.shares.shape == (0, 16, 16)
        factor = Fraction(16, full.labels.shape[0])
        assert np.array_equal(kernels.soften(full.labels, factor, 3), area.shares)


def test_random_nearest_labels_have_a_phase_of_their_own(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 8), zoom=1.0, labels="nearest-random")
    drawn = [
        draw(sample, (7, 10), recipe, dataset, np.random.default_rng(seed)).shares
        for seed in range(8)
    ]
    assert len({one.tobytes() for one in drawn}) > 2


def test_batches_from_a_later_step_on_are_the_same_ones(dataset):
    recipe = Recipe(factor=Fraction(1, 2), steps=5, batch=3, jitter=0.3)
    whole = list(loader.batches(dataset, recipe, (32, 32)))
    rest = list(loader.batches(dataset, recipe, (32, 32), first=3))
    assert len(rest) == 2
    for one, two in zip(whole[3:], rest, strict=True):
        assert one.pictures.equal(two.pictures)
        assert one.shares.equal(two.shares)


def test_the_parts_of_several_processes_are_the_batch(dataset):
    recipe = Recipe(factor=Fraction(1, 2), steps=2, batch=5)
    whole = list(loader.batches(dataset, recipe, (32, 32)))
    parts = [
        list(loader.batches(dataset, recipe, (32, 32), ranks=Ranks(rank=rank, count=2)))
        for rank in range(2)
    ]
    for batch, one, two in zip(whole, *parts, strict=True):
        assert len(one.pictures) == 2
        assert torch.cat([one.pictures, two.pictures]).equal(batch.pictures)
        assert torch.cat([one.shares, two.shares]).equal(batch.shares)
