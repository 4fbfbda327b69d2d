"""Mean, spread and ratio are what they are called."""

import math
from fractions import Fraction

import pytest

from trainer.comparison.group import COSTS, QUALITIES, Spread, groups, ratios
from trainer.comparison.pace import Pace, told
from trainer.comparison.plan import Cell, Kind


def kind(title):
    factor, mode = title.split()
    return Kind(factor=Fraction(factor), labels=mode)


def test_the_spread_is_that_of_a_sample_and_of_one_seed_there_is_none():
    assert Spread(values=(1.0, 2.0, 3.0)).deviation == 1
    assert math.isnan(Spread(values=(2.0,)).deviation)
    assert Spread(values=()).plain() == {"mean": None, "deviation": None, "values": []}


def test_results_are_gathered_by_kind_in_the_order_asked_for(result):
    results = [result("1/4 area", s, miou=0.1 * (s + 1)) for s in range(3)] + [result("1 area")]
    whole, quarter = groups(results, [kind("1 area"), kind("1/2 area"), kind("1/4 area")])
    assert (whole.kind.title, quarter.kind.title) == ("1 area", "1/4 area")
    assert quarter.spread(QUALITIES[0]).mean == pytest.approx(20)
    assert quarter.spread(QUALITIES[0]).deviation == pytest.approx(10)
    assert quarter.plain()["seeds"] == [0, 1, 2]


def test_a_class_that_a_seed_has_not_counts_for_the_others(result):
    results = [
        result("1 area", 0, iou={"road": 0.4, "sky": None}),
        result("1 area", 1, iou={"road": 0.6, "sky": 0.8}),
    ]
    (group,) = groups(results, [kind("1 area")])
    means = {name: spread.mean for name, spread in group.by_class().items()}
    assert means == pytest.approx({"road": 50, "sky": 80})


def test_kinds_are_held_against_the_largest_factor(result):
    results = [
        result("1/4 area", miou=0.478, memory=7_000_000, picture_seconds=0.0225),
        result("1 area", miou=0.5),
        result("1 nearest", miou=0.49),
    ]
    kinds = [kind(title) for title in ("1/4 area", "1 area", "1 nearest")]
    quarter, nearest = ratios(groups(results, kinds))
    assert quarter.told() == (
        "1/4 area against 1 area: 0.07 x memory, 0.09 x time per picture, "
        "-2.2 mIoU, -1.1 boundary IoU"
    )
    assert nearest.miou == pytest.approx(-1)
    assert nearest.memory == 1


def test_memory_that_nobody_measured_is_left_out(result):
    results = [result("1 area", memory=None), result("1/4 area", memory=None)]
    (ratio,) = ratios(groups(results, [kind("1 area"), kind("1/4 area")]))
    assert "memory" not in ratio.told()
    assert ratio.plain()["memory"] is None
    (whole, _) = groups(results, [kind("1 area"), kind("1/4 area")])
    assert whole.spread(COSTS[0]).values == ()


def test_what_is_left_goes_by_the_kinds_seen_at_work():
    pace = Pace(steps=500, batch=2)
    whole, half = (Cell(kind=kind(title), seed=0) for title in ("1 area", "1/2 area"))
    assert not pace.note(half.kind, [{"step": 1, "miou": 0.1}])
    assert pace.note(half.kind, [{"step": 10, "pictures_per_second": 4.0}])
    assert not pace.note(half.kind, [{"step": 20, "pictures_per_second": 5.0}])
    # A whole picture has four times the pixels of one at a half.
    assert pace.left([half, whole]) == pytest.approx(200 + 800)
    assert pace.left([half, whole], done=250) == pytest.approx(100 + 800)


def test_what_is_left_goes_by_what_the_networks_see():
    pace = Pace(steps=500, batch=2)
    whole, half, quarter = (
        Cell(kind=Kind(factor=Fraction(factor), labels="area", sight=sight), seed=0)
        for factor, sight in (("1", 1), ("1/2", 2), ("1/4", 2))
    )
    assert pace.note(half.kind, [{"step": 10, "pictures_per_second": 5.0}])
    assert pace.left([half, whole, quarter]) == pytest.approx(200 + 200 + 50)


@pytest.mark.parametrize(
    ("seconds", "says"), [(0.2, "1 s"), (90, "90 s"), (600, "10 min"), (12000, "3 h 20 min")]
)
def test_a_length_of_time_is_told_no_finer_than_it_is_known(seconds, says):
    assert told(seconds) == says
