"""Rare classes are shown as often, and weigh as much, as common ones."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from trainer import data, loader, views
from trainer.census import Census, census
from trainer.recipe import Recipe


@pytest.fixture(scope="module")
def dataset(shared_folder):
    return data.load(f"folder:{shared_folder}")


def test_pixels_are_counted_by_picture_and_class(dataset):
    counted = census(Recipe(class_uniform=0.5), dataset)
    for pair, row in zip(dataset.split("train"), counted.counts, strict=True):
        labels = pair.read().labels
        assert row.tolist() == [(labels == label).sum() for label in range(3)]


def test_nobody_counts_what_no_recipe_asks_for(dataset):
    assert census(Recipe(), dataset) is None


def test_all_classes_are_drawn_alike_from_pictures_that_show_them():
    counted = Census(counts=np.array([[9, 1, 0, 0], [9, 0, 0, 0], [9, 0, 0, 2]]))
    rng = np.random.default_rng(0)
    drawn = [counted.draw(rng) for _ in range(600)]
    assert {shown for _, shown in drawn} == {0, 1, 3}
    assert all(counted.counts[index, shown] for index, shown in drawn)
    assert 150 < sum(shown == 3 for _, shown in drawn) < 250


def test_weights_are_median_frequency_over_frequency():
    counted = Census(counts=np.array([[6, 2, 2, 0], [10, 0, 0, 0]]))
    # Frequencies 16/20, 2/10 and 2/10 have the median 2/10.
    assert counted.weights().tolist() == pytest.approx([0.25, 1, 1, 1])


def test_a_crop_for_a_class_is_centred_on_it(dataset):
    sample = dataset.split("train")[0].read()
    rare = replace(sample, labels=np.zeros_like(sample.labels))
    rare.labels[40, 50] = 1
    recipe = Recipe(factor=Fraction(1, 2), zoom=1.0, labels="full")
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shot = views.aim(rare.labels, (8, 8), recipe, rng, shown=1)
        view = views.take(rare, shot, (8, 8), recipe, dataset)
        row, column = np.argwhere(view.labels == 1)[0]
        assert row == 8
        assert column in (7, 8)


def test_every_class_uniform_crop_shows_its_class(dataset):
    counts = np.zeros((6, 3), np.int64)
    counts[4, 1] = 1
    recipe = Recipe(factor=Fraction(1, 2), steps=3, batch=4, class_uniform=1.0)
    for batch in loader.batches(dataset, recipe, (16, 16), census=Census(counts=counts)):
        assert batch.shares[:, 1].sum((1, 2)).min() > 0


def test_balanced_weights_reach_the_objective(dataset, tmp_path):
    from trainer import fit as fitting

    recipe = Recipe(factor=Fraction(1, 2), steps=1, batch=2, class_weights="balanced")
    learner = fitting._learner(
        recipe, dataset, torch.device("cpu"), fitting.ALONE, census(recipe, dataset)
    )
    assert learner.objective.class_weights.equal(census(recipe, dataset).weights())
