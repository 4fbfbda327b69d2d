"""A ceiling is what reducing and painting back leaves of the labels themselves."""

import math
from fractions import Fraction

import numpy as np
import pytest

from trainer.doctor.ceiling import FACTORS, Ceiling, ceilings, measured, recommended
from trainer.score import Score

CLASSES = ("ground", "bar")


def kept(labels, classes=CLASSES):
    found = ceilings(measured(labels, len(classes), 255), classes)
    return {each.factor: each for each in found}


def test_a_map_of_one_class_keeps_everything_at_every_factor():
    found = kept(np.zeros((50, 70), np.uint8))
    assert [each.soft.mean_iou for each in found.values()] == [1.0] * len(FACTORS)
    assert [each.hard.mean_iou for each in found.values()] == [1.0] * len(FACTORS)


def test_halves_on_the_cells_border_keep_everything():
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 32:] = 1
    for each in kept(labels).values():
        assert each.soft.mean_iou == each.hard.mean_iou == each.soft.mean_boundary_iou == 1


def test_a_bar_of_three_pixels_vanishes_at_an_eighth_and_fills_cells_at_a_quarter():
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 32:35] = 1
    found = kept(labels)
    # 3 of 8 pixels of a cell: never the most.
    assert found[Fraction(1, 8)].soft.iou[1] == found[Fraction(1, 8)].hard.iou[1] == 0
    assert found[Fraction(1, 8)].lost() == {"bar": 0}
    # 3 of 4: a whole cell for the hard one, 3 of the 4 pixels painted are right.
    assert found[Fraction(1, 4)].hard.iou[1] == 3 / 4


def test_what_is_painted_are_the_shares_bilinearly():
    # One cell of two pixels holds half of each: 0.5 against 0 and 1 on its sides. The two middle
    # pixels get 0.75 * 0.5 + 0.25 * 0 and 0.75 * 0.5 + 0.25 * 1 of the bar.
    labels = np.array([[0, 0, 0, 1, 1, 1]] * 2, np.uint8)
    found = kept(labels)[Fraction(1, 2)]
    assert found.soft.iou.tolist() == [1, 1]
    # The majority gives the mixed cell to the lower class.
    assert found.hard.iou.tolist() == [3 / 4, 2 / 3]


def test_void_is_missing_mass_and_not_scored():
    labels = np.zeros((16, 16), np.uint8)
    labels[:, 9:12] = 255
    labels[:, 12:] = 1
    found = kept(labels)[Fraction(1, 8)]
    # Half a cell of class 1 beside an eighth of class 0: void has no say.
    assert found.hard.iou.tolist() == [8 / 9, 4 / 5]
    assert found.hard.confusion.sum() == 16 * 13


def test_sizes_that_do_not_divide_are_brought_back_to_their_own():
    labels = (np.arange(37)[:, None] + np.arange(53) > 40).astype(np.uint8)
    for each in kept(labels).values():
        assert each.soft.confusion.sum() == each.hard.confusion.sum() == labels.size


def ceiling(factor, *ious):
    """A ceiling with these IoUs: hits of 1000, all else is missed into a void class of its own."""
    confusion = np.zeros((len(ious) + 1, len(ious) + 1), np.int64)
    for index, iou in enumerate(ious):
        confusion[index, index] = round(1000 * iou)
        confusion[index, -1] = 1000 - round(1000 * iou)
    confusion[-1, -1] = 10**9
    names = (*"abc"[: len(ious)], "rest")
    score = Score(classes=names, confusion=confusion)
    assert score.iou[:-1] == pytest.approx(ious)
    return Ceiling(factor=Fraction(factor), soft=score, hard=score)


def test_the_smallest_factor_that_keeps_enough_is_recommended():
    found = (ceiling("1/2", 0.99, 0.98), ceiling("1/4", 0.95, 0.85), ceiling("1/8", 0.9, 0.6))
    assert recommended(found) == Fraction(1, 4)


def test_one_lost_class_is_enough_to_refuse_a_factor():
    found = (ceiling("1/2", 0.99, 0.99, 0.99), ceiling("1/4", 0.99, 0.99, 0.49))
    assert recommended(found) == Fraction(1, 2)
    assert found[1].lost() == pytest.approx({"c": 0.49})
    assert found[1].plain()["lost"] == {"c": 0.49}


def test_where_every_factor_loses_too_much_the_full_size_is_recommended():
    assert recommended((ceiling("1/2", 0.99, 0.3), ceiling("1/4", 0.9, 0.1))) == 1


def test_a_class_that_does_not_occur_decides_nothing():
    found = kept(np.zeros((32, 32), np.uint8), ("ground", "bar", "ghost"))
    assert all(math.isnan(each.soft.iou[2]) for each in found.values())
    assert recommended(tuple(found.values())) == min(FACTORS)
