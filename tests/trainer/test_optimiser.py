"""Optimisers and schedules are what a recipe says."""

import pytest
import torch

from trainer import network
from trainer.optimiser import optimiser, pace, set_rate
from trainer.recipe import Recipe


def paces(steps=100, **options):
    recipe = Recipe(steps=steps, **options)
    return [pace(recipe, step) for step in range(steps)]


def test_cosine_climbs_and_falls_to_nothing():
    way = paces(schedule="cosine", warm_up=0.1)
    assert way[:10] == sorted(way[:10])
    assert way[10] == 1
    assert way[55] == pytest.approx(0.5)
    assert way[10:] == sorted(way[10:], reverse=True)
    assert 0 < way[-1] < 1e-3


def test_poly_without_a_climb_is_the_power_of_what_is_left():
    way = paces(schedule="poly", power=2.0, warm_up=0.0)
    assert way == pytest.approx([(1 - step / 100) ** 2 for step in range(100)])


def test_one_cycle_begins_at_a_25th_and_ends_near_nothing():
    way = paces(schedule="one-cycle", warm_up=0.3)
    assert way[0] == pytest.approx(1 / 25)
    assert max(way) == way[30] == 1
    assert way[-1] < 1e-3


@pytest.mark.parametrize("schedule", ["cosine", "poly", "one-cycle"])
@pytest.mark.parametrize("warm_up", [0.0, 0.05, 1.0])
def test_every_step_has_a_rate_above_nothing(schedule, warm_up):
    assert all(0 < share <= 1 for share in paces(7, schedule=schedule, warm_up=warm_up))


def test_decay_can_leave_norms_and_biases_alone():
    made = optimiser(network.build("compact", 3), Recipe(decay_on="matrices"))
    for decayed, spared in (made.param_groups[:2], made.param_groups[2:]):
        assert {weight.ndim for weight in decayed["params"]} == {4}
        assert {weight.ndim for weight in spared["params"]} == {1}
        assert (decayed["weight_decay"], spared["weight_decay"]) == (1e-2, 0)


def test_the_head_learns_at_its_own_rate(monkeypatch):
    built = network.build("compact", 3)
    head = list(built.body.head.parameters())
    rest = [weight for weight in built.parameters() if all(weight is not one for one in head)]
    monkeypatch.setattr(built, "groups", lambda: (rest, head))
    recipe = Recipe(head_rate=10.0, schedule="poly", power=1.0, warm_up=0.0, steps=4)
    made = optimiser(built, recipe)
    set_rate(made, recipe, 2)
    assert [group["lr"] for group in made.param_groups] == [3e-3 / 2, 3e-2 / 2]


def test_sgd_has_the_recipes_momentum():
    made = optimiser(network.build("compact", 3), Recipe(optimiser="sgd", momentum=0.8))
    assert isinstance(made, torch.optim.SGD)
    assert made.param_groups[0]["momentum"] == 0.8
