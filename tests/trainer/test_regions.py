"""Regions of COCO annotations: hand-worked run lengths and polygons."""

import numpy as np
import pytest

from trainer.regions import region, run_lengths


def written(runs):
    """The text of run lengths, by COCO's definition: differences from the fourth run on."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        while True:
            digit, value = value & 31, value >> 5
            last = value == (-1 if digit & 16 else 0)
            text += chr(48 + digit + (0 if last else 32))
            if last:
                break
    return text


def test_a_hand_worked_text():
    # 2, 3, 1, and then 1 - 3 = -2, which is 30 in five bits: the character 78.
    assert run_lengths("231N") == [2, 3, 1, 1]


@pytest.mark.parametrize(
    "runs", [[0, 600], [600], [15, 16, 17, 31, 32, 33], [200_000, 3, 1, 90_000, 2, 7, 0, 1]]
)
def test_every_run_comes_back_from_its_text(runs):
    assert run_lengths(written(runs)) == runs


def test_runs_go_down_the_columns_and_start_outside():
    # Columns of three: two outside, three inside, one outside, one inside, two outside.
    expected = [[0, 1, 1], [0, 1, 0], [1, 0, 0]]
    assert region({"size": [3, 3], "counts": [2, 3, 1, 1, 2]}, (3, 3)).tolist() == expected


def test_a_pixel_is_in_a_polygon_where_its_centre_is():
    triangle = [[0, 0, 4, 0, 0, 4]]
    expected = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert region(triangle, (4, 4)).tolist() == expected
    assert region([[0.6, 0.6, 2.4, 0.6, 2.4, 2.4, 0.6, 2.4]], (3, 3)).sum() == 1


def test_polygons_are_joined_and_may_reach_out_of_the_picture():
    polygons = [[-5, -5, 2, -5, 2, 2, -5, 2], [1, 1, 9, 1, 9, 9, 1, 9]]
    expected = np.zeros((3, 4), bool)
    expected[:2, :2] = expected[1:, 1:] = True
    assert np.array_equal(region(polygons, (3, 4)), expected)


def test_a_hollow_of_a_polygon_is_outside():
    u = [[0, 0, 1, 0, 1, 2, 2, 2, 2, 0, 3, 0, 3, 3, 0, 3]]
    assert region(u, (3, 3)).tolist() == [[1, 0, 1], [1, 0, 1], [1, 1, 1]]


def test_no_polygon_is_no_pixel():
    assert not region([], (2, 2)).any()
    assert not region([[]], (2, 2)).any()
