"""Thin is what lies in no square of its label alone."""

import numpy as np
import pytest

from trainer.doctor.narrow import narrow


def test_a_bar_is_thin_for_every_side_above_its_width():
    labels = np.zeros((20, 20), np.uint8)
    labels[:, 8:11] = 1
    assert not narrow(labels, 3).any()
    assert np.array_equal(narrow(labels, 4), labels == 1)


def test_a_background_cut_into_strips_is_thin_too():
    labels = np.zeros((20, 20), np.uint8)
    labels[:, 5] = 1
    assert np.array_equal(narrow(labels, 8), np.arange(20)[None].repeat(20, 0) < 6)


def test_a_handle_on_a_block_is_thin_and_the_block_is_not():
    labels = np.zeros((16, 24), np.uint8)
    labels[4:12, 4:12] = 1
    labels[7:9, 12:20] = 1
    thin = narrow(labels, 4)
    assert not thin[4:12, 4:12].any()
    assert thin[7:9, 12:20].all()


def test_a_picture_smaller_than_the_side_is_thin_throughout():
    assert narrow(np.zeros((3, 50), np.uint8), 4).all()
    assert not narrow(np.zeros((4, 50), np.uint8), 4).any()


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8])
def test_every_side_is_what_its_definition_says(side):
    rng = np.random.default_rng(side)
    labels = np.kron(rng.integers(0, 3, (5, 6)), np.ones((4, 3))).astype(np.uint8)
    expected = np.ones(labels.shape, bool)
    for top in range(labels.shape[0] - side + 1):
        for left in range(labels.shape[1] - side + 1):
            square = np.s_[top : top + side, left : left + side]
            if len(np.unique(labels[square])) == 1:
                expected[square] = False
    assert np.array_equal(narrow(labels, side), expected)
