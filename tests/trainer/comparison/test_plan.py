"""A folder holds one comparison, which can grow."""

import json

import pytest

from kernels.errors import UserError
from trainer.comparison.plan import settle


def test_every_cell_has_a_folder_of_its_own(plan):
    big = plan("1 area", "1/2 area", "1/2 nearest", "0.3 area", seeds=2)
    places = {big.place(cell) for cell in big.cells}
    assert len(places) == 8
    assert big.folder / "factor-3-10-area-seed-1" in places


def test_all_kinds_have_their_first_seed_before_any_has_its_second(plan):
    assert [cell.seed for cell in plan(seeds=2).cells] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": 200}, "--steps was 100, now 200"),
        ({"learning_rate": 0.1}, "--learning-rate was 0.003, now 0.1"),
        ({"device": "cuda"}, "--device was cpu, now cuda"),
        ({"pictures": "xyz"}, "training pictures have changed"),
    ],
)
def test_another_recipe_in_the_same_folder_is_refused_by_what_differs(plan, changed, says):
    settle(plan(steps=100))
    with pytest.raises(UserError, match=says) as caught:
        settle(plan(**{"steps": 100, **changed}))
    assert "--out" in caught.value.hint


def test_more_factors_label_modes_and_seeds_may_join(plan):
    settle(plan("1 area"))
    settle(plan("1 area", "1/8 nearest", seeds=5, factor="1/8", labels="nearest", seed=4))


def test_a_comparison_from_before_there_was_a_sight_had_none(plan):
    settle(plan())
    path = plan().folder / "shared.json"
    said = json.loads(path.read_text())
    assert said.pop("sight") == 1
    path.write_text(json.dumps(said))
    settle(plan())
    with pytest.raises(UserError, match="--sight was 1, now 2"):
        settle(plan(sight=2))


def test_a_folder_with_something_else_is_refused(plan):
    settle(plan())
    (plan().folder / "shared.json").write_text("[")
    with pytest.raises(UserError, match=r"shared\.json: not readable"):
        settle(plan())
