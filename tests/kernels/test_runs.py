"""COCO's run lengths: counted down the columns, and told as COCO tells them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.runs import compressed, runs

SHAPES = ((1, 1), (1, 9), (9, 1), (7, 5), (33, 61))


def slow_counts(mask, label):
    """The definition, pixel by pixel: columns first, and the first run is of what it is not."""
    counts, held, length = [], False, 0
    for pixel in mask.T.ravel():
        if (pixel == label) != held:
            counts.append(length)
            held, length = not held, 0
        length += 1
    return [*counts, length]


def slow_text(counts):
    """COCO's text: five bits a character, lowest first, 32 where more follow, 48 the zero."""
    text = ""
    for index, count in enumerate(counts):
        number = count - counts[index - 2] if index > 2 else count
        while True:
            five, number = number & 31, number >> 5
            done = number == (-1 if five & 16 else 0)
            text += chr(48 + five + (0 if done else 32))
            if done:
                break
    return text


def read_text(text):
    """The counts that a text tells."""
    counts, place = [], 0
    while place < len(text):
        number, shift, more = 0, 0, True
        while more:
            five = ord(text[place]) - 48
            number |= (five & 31) << shift
            more, place, shift = bool(five & 32), place + 1, shift + 5
            if not more and five & 16:
                number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
    return counts


def test_a_hand_worked_mask_is_counted_down_its_columns():
    mask = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    zeros, ones, twos = runs(mask, 3)
    assert zeros.tolist() == [0, 2, 1, 1, 2]
    assert ones.tolist() == [2, 1, 1, 2]
    assert twos.tolist() == [6]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        # Below 16 a number is one character; 16 has the sign's bit and needs a second one.
        ([0, 6], "06"),
        ([15, 1], "?1"),
        ([16, 1], "`01"),
        ([1024], "PP1"),
        # From the fourth on it is the difference from two before: 2 - 5 is -3.
        ([1, 5, 1, 2], "151M"),
        ([0, 100, 0, 100, 0], "0T3000"),
    ],
)
def test_hand_worked_counts_are_told_as_coco_does(counts, text):
    assert compressed(np.array(counts, np.int64)) == text


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [1, 2, 5, 300])
def test_every_class_is_counted_as_by_the_definition(shape, classes):
    kind = np.uint8 if classes <= 256 else np.uint16
    mask = np.random.default_rng(classes).integers(0, classes, shape).astype(kind)
    for label, counts in enumerate(runs(mask, classes)):
        assert counts.tolist() == slow_counts(mask, label)


def test_a_mask_that_is_not_contiguous_is_counted_alike():
    mask = np.random.default_rng(0).integers(0, 3, (40, 60), np.uint8)[::2, ::-3]
    assert [c.tolist() for c in runs(mask, 3)] == [slow_counts(mask, label) for label in range(3)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12))
def test_the_text_is_that_of_the_definition_and_is_read_back(counts):
    text = compressed(np.array(counts, np.int64))
    assert text == slow_text(counts)
    assert read_text(text) == counts
