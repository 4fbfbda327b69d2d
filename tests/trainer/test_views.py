"""Training views: right size, picture and shares from the same pixels, the same for a seed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

import kernels
from kernels.errors import UserError
from kernels.soften import MODES
from trainer import data, loader, portion, views
from trainer.disguise import Disguise
from trainer.ranks import Ranks
from trainer.recipe import Recipe
from trainer.views import OUTSIDE, Window


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


@pytest.mark.parametrize(("factor", "sight"), [("1/4", 2), ("1/8", 2), ("1/8", 4), ("1/5", 3)])
def test_a_sight_makes_the_picture_finer_and_leaves_the_shares_alone(dataset, factor, sight):
    sample = dataset.split("train")[0].read()
    # Too far away for a crop to be as fine as full size.
    plain = Recipe(factor=Fraction(factor), zoom=1.0)
    for seed in range(10):
        coarse, fine = (
            draw(sample, (4, 6), recipe, dataset, np.random.default_rng(seed))
            for recipe in (plain, replace(plain, sight=sight))
        )
        assert fine.picture.shape == (4 * sight, 6 * sight, 3)
        assert np.array_equal(fine.shares, coarse.shares)
        means = fine.picture.reshape(4, sight, 6, sight, 3).mean((1, 3))
        assert np.abs(means - coarse.picture).max() <= 1


def test_no_crop_is_finer_than_full_size(dataset):
    sample = dataset.split("train")[0].read()
    recipe = Recipe(factor=Fraction(1, 2), sight=2, zoom=2.0, labels="full")
    heights = [
        draw(sample, (8, 8), recipe, dataset, np.random.default_rng(seed)).labels.shape[0]
        for seed in range(40)
    ]
    assert min(heights) == 16 < max(heights)


@pytest.mark.parametrize(
    ("factor", "sight", "there"),
    [("1/4", 2, 2), ("1/2", 2, 2), ("1", 2, 1), ("2/3", 2, 1), ("1/2", 4, 2), ("1/3", 4, 2)],
)
def test_nothing_is_seen_finer_than_full_size(factor, sight, there):
    assert Recipe(factor=Fraction(factor), sight=sight).effective_sight == there


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


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "area"])
def test_where_nothing_is_reduced_every_label_mode_gives_the_labels(dataset, mode):
    sample = dataset.split("train")[0].read()
    area = Recipe(factor=Fraction(1), zoom=1.0)
    for seed in range(5):
        one, other = (
            draw(sample, (16, 16), recipe, dataset, np.random.default_rng(seed)).shares
            for recipe in (area, replace(area, labels=mode))
        )
        full = draw(
            sample, (16, 16), replace(area, labels="full"), dataset, np.random.default_rng(seed)
        ).labels
        assert one.any()
        assert np.array_equal(one, full == np.arange(len(one))[:, None, None])
        assert np.array_equal(one, other)


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


TWO = Disguise(views=2)


@pytest.fixture(scope="module")
def half(dataset):
    """Half of its pictures have lost their labels."""
    return portion.divided(dataset, Recipe(labelled="1/2"))


def crops(dataset, *, first=0, ranks=None, disguise=TWO, **options):
    recipe = Recipe(**{"factor": Fraction(1, 2), "steps": 3, "batch": 4, **options})
    ranks = ranks or Ranks()
    drawn = loader.batches(dataset, recipe, (32, 48), first=first, ranks=ranks, disguise=disguise)
    return list(drawn)


def equal(one, two):
    alike = all(a.equal(b) for a, b in zip(one.strong, two.strong, strict=True))
    same = one.frames == two.frames and one.seeds == two.seeds
    return alike and same and one.weak.equal(two.weak) and one.valid.equal(two.valid)


def test_labelled_crops_are_the_same_with_and_without_unlabelled_ones(half):
    with_them, without = crops(half), crops(half, disguise=None)
    for one, two in zip(with_them, without, strict=True):
        assert two.unlabelled is None
        assert one.pictures.equal(two.pictures)
        assert one.shares.equal(two.shares)


def test_unlabelled_crops_depend_on_seed_step_and_place_alone(half):
    whole, later, other = crops(half), crops(half, first=2), crops(half, seed=1)
    assert equal(whole[2].unlabelled, later[0].unlabelled)
    assert not whole[0].unlabelled.weak.equal(other[0].unlabelled.weak)
    assert len({seed for batch in whole for seed in batch.unlabelled.seeds}) == 12
    parts = [crops(half, ranks=Ranks(rank=rank, count=2)) for rank in range(2)]
    for batch, *cut in zip(whole, *parts, strict=True):
        for one, two in zip(batch.cut(2), cut, strict=True):
            assert equal(one.unlabelled, two.unlabelled)


def test_an_epoch_shows_every_unlabelled_picture_once(half):
    seen = []

    class Noted(type(half.unlabelled)):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    crops(replace(half, unlabelled=Noted(half.unlabelled)), batch=3, steps=2)
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_strong_views_show_the_same_places_as_the_weak_one(half):
    unchanged = Disguise(views=2, jittered=0.0, greyed=0.0, blurred=0.0)
    for batch in crops(half, jitter=0.5, disguise=unchanged):
        for strong in batch.unlabelled.strong:
            assert strong.equal(batch.unlabelled.weak)
    for batch in crops(half):
        first, second = batch.unlabelled.strong
        assert not first.equal(second)
        assert not first.equal(batch.unlabelled.weak)


def test_valid_is_what_lies_inside_of_the_picture(half):
    # Windows of 128x192 and more around pictures of 61x83.
    for batch in crops(half, factor=Fraction(1, 4), zoom=1.3):
        unlabelled = batch.unlabelled
        for weak, valid, frame in zip(
            unlabelled.weak, unlabelled.valid, unlabelled.frames, strict=True
        ):
            rows, columns = (slice(*side) for side in (frame.rows, frame.columns))
            assert (rows, columns) == frame.inside
            cells = frame.height * frame.width / (32 * 48)
            shown = (frame.rows[1] - frame.rows[0]) * (frame.columns[1] - frame.columns[0])
            assert float(valid.sum()) * cells == pytest.approx(shown, rel=1e-5)
            outside = (weak == torch.tensor(OUTSIDE, dtype=torch.uint8)).all(-1)
            assert outside[valid == 0].all()
            assert not outside[valid == 1].any()


def test_void_beyond_one_byte_is_cut_out_of_labels_of_one_byte():
    window = views.Window(top=-1, left=0, height=2, width=3)
    cut = views.cut(np.full((4, 3), 7, np.uint8), window, 65535)
    assert cut.tolist() == [[65535] * 3, [7] * 3]


@pytest.mark.parametrize("labels", ["area", "full"])
def test_a_stray_label_met_while_training_is_named_with_its_file(folder, labels):
    dataset = data.load(f"folder:{folder}")
    mask = dataset.split("train")[0].mask
    Image.fromarray(np.full((61, 83), 9, np.uint8)).save(mask)
    recipe = Recipe(factor=Fraction(1, 2), batch=6, steps=1, labels=labels)
    with pytest.raises(UserError, match=r"train/0.png: label 9 is neither a class"):
        next(loader.batches(dataset, recipe, (32, 32)))
