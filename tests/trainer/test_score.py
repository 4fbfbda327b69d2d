"""Near class boundaries masks are counted apart; a border towards void is no boundary."""

import math

import numpy as np
import pytest

from trainer.score import Score, Truth, band, scored


def rows(*lines):
    return np.array([[int(letter) if letter != "." else 255 for letter in line] for line in lines])


def banded(*lines, width=3):
    near = band(rows(*lines).astype(np.uint8), 255, width)
    return ["".join("#" if pixel else "." for pixel in row) for row in near]


def test_a_straight_boundary_has_three_pixels_on_each_side():
    assert banded("00000111111") == ["..######..."]
    column = [*"00000111111"]
    assert banded(*column) == [*"..######..."]


def test_the_band_around_one_pixel_is_a_square_of_seven_less_its_far_corners():
    labels = np.zeros((9, 9), np.uint8)
    labels[4, 4] = 1
    # The pixel and its four neighbours touch the boundary; two more around each of them.
    assert banded(*("".join(map(str, row)) for row in labels)) == [
        ".........",
        "..#####..",
        ".#######.",
        ".#######.",
        ".#######.",
        ".#######.",
        ".#######.",
        "..#####..",
        ".........",
    ]


def test_a_border_towards_void_is_no_boundary():
    assert banded("0000....1111") == ["............"]
    assert banded("000.111") == ["......."]


def test_void_inside_of_the_band_is_not_in_it():
    assert banded("00001.11") == [".####.#."]


def test_two_classes_that_touch_only_at_corners_between_void_make_no_boundary():
    assert banded("0.", ".1") == ["..", ".."]


def test_a_map_of_one_class_and_a_single_pixel_have_no_band():
    assert banded("0000", "0000") == ["....", "...."]
    assert banded("0") == ["."]


def test_the_band_is_what_its_definition_says():
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 3, (4, 5)), np.ones((6, 7))).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.2] = 255
    height, width = labels.shape
    touching = [
        (y, x)
        for y in range(height)
        for x in range(width)
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= y + down < height and 0 <= x + right < width
        if len({255, labels[y, x], labels[y + down, x + right]}) == 3
    ]
    for (y, x), near in np.ndenumerate(band(labels, 255)):
        distance = min(max(abs(y - v), abs(x - u)) for v, u in touching)
        assert near == (labels[y, x] != 255 and distance < 3)


def test_boundary_iou_is_the_iou_of_the_band_alone():
    labels = rows("00000000001111111111").astype(np.uint8)
    mask = rows("10000000011111111110").astype(np.uint8)
    score = scored(("a", "b"), Truth(labels, 2, 255).against(mask))
    assert score.iou.tolist() == [8 / 11, 9 / 12]
    # In the band lie three pixels of each side, of which one is wrong.
    assert score.boundary_iou.tolist() == [2 / 3, 3 / 4]
    assert score.plain()["boundary_iou"] == {"a": round(2 / 3, 6), "b": 0.75}
    assert score.plain()["boundary_miou"] == pytest.approx((2 / 3 + 3 / 4) / 2, abs=1e-6)


def test_without_a_boundary_there_is_no_boundary_iou():
    labels = np.zeros((5, 5), np.uint8)
    score = scored(("a", "b"), Truth(labels, 2, 255).against(labels))
    assert math.isnan(score.mean_boundary_iou)
    assert score.plain()["boundary_iou"] == {"a": None, "b": None}
    assert score.mean_iou == 1


def test_a_score_that_did_not_count_the_band_says_nothing_of_it():
    score = Score(classes=("a", "b"), confusion=np.eye(2, dtype=np.int64))
    assert math.isnan(score.mean_boundary_iou)
    assert "boundary_iou" not in score.plain()


@pytest.mark.parametrize("classes", [2, 11, 150, 300])
def test_every_number_of_classes_is_counted_pixel_by_pixel(classes):
    rng = np.random.default_rng(classes)
    kind, void = (np.uint8, 255) if classes < 256 else (np.uint16, 65535)
    labels = rng.integers(0, classes, (13, 17)).astype(kind)
    labels[rng.random(labels.shape) < 0.1] = void
    mask = rng.integers(0, classes, labels.shape).astype(kind)
    expected = np.zeros((2, classes, classes), np.int64)
    near = band(labels, void)
    for place, truth in np.ndenumerate(labels):
        if truth != void:
            expected[int(near[place]), truth, mask[place]] += 1
    assert np.array_equal(Truth(labels, classes, void).against(mask), expected)
