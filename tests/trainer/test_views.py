"""Training views: right size, picture and shares from the same pixels, the same for a seed."""

from fractions import Fraction

import numpy as np
import pytest

from trainer import data, loader, views
from trainer.recipe import Recipe
from trainer.views import Window


@pytest.fixture(scope="module")
def dataset(shared_folder):
    return data.load(f"folder:{shared_folder}")


@pytest.mark.parametrize("factor", ["1", "1/2", "2/5", "1/4", "1/8"])
def test_views_have_the_crops_size_at_every_factor(dataset, factor):
    recipe = Recipe(factor=Fraction(factor))
    sample = dataset.split("train")[0].read()
    for seed in range(20):
        view = views.draw(sample, (32, 48), recipe, dataset, np.random.default_rng(seed))
        assert view.picture.shape == (32, 48, 3)
        assert view.shares.shape == (3, 32, 48)
        assert view.shares.sum(0).max() <= 1 + 1e-6


def test_what_lies_outside_of_the_picture_is_void(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 8), zoom=1.0)
    view = views.draw(sample, (32, 32), recipe, dataset, np.random.default_rng(0))
    labelled = (sample.labels != 255).sum() / (256 * 256)
    assert view.shares.sum(0).mean() == pytest.approx(labelled, abs=1e-5)


def test_picture_and_shares_come_from_the_same_pixels(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 2))
    for seed in range(10):
        view = views.draw(sample, (16, 16), recipe, dataset, np.random.default_rng(seed))
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
