"""Colours laid over a photo: rounded, and only where they should be."""

import numpy as np
import pytest

from kernels.blend import blend

COLOURS = np.array([[0, 0, 0], [255, 255, 255], [10, 20, 30]], np.uint8)


def photo(size=(20, 30)):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def labels(size=(20, 30)):
    return np.random.default_rng(1).integers(0, 3, size, np.uint8)


@pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 1])
def test_the_mix_is_rounded_to_the_nearest(alpha):
    mixed = blend(photo(), labels(), COLOURS, np.ones(3, bool), alpha)
    exact = (1 - alpha) * photo() + alpha * COLOURS[labels()]
    assert np.array_equal(mixed, np.floor(exact + 0.5))


def test_classes_that_are_not_covered_show_the_photo():
    covered = np.array([False, True, False])
    mixed = blend(photo(), labels(), COLOURS, covered, 1)
    assert np.array_equal(mixed, np.where((labels() == 1)[..., None], 255, photo()))


def test_part_of_a_photo_that_must_not_be_written_to_is_mixed_alike():
    whole = photo()
    whole.flags.writeable = False
    part = blend(whole[3:9, 4:20], labels()[3:9, 4:20], COLOURS, np.ones(3, bool), 0.5)
    assert np.array_equal(part, blend(whole, labels(), COLOURS, np.ones(3, bool), 0.5)[3:9, 4:20])
    assert not whole.flags.writeable
