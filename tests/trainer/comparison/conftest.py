"""Made-up plans and results: what is set side by side need not be trained."""

from fractions import Fraction

import pytest

from trainer.comparison.cell import Result
from trainer.comparison.plan import Cell, Kind, Plan
from trainer.cost import Cost
from trainer.recipe import Recipe


@pytest.fixture
def plan(tmp_path):
    """Builds a plan of kinds such as '1/2 area'."""

    def build(*kinds, seeds=1, words=(), device="cpu", pictures="abc", **options):
        halves = [kind.split() for kind in kinds or ("1 area", "1/4 area")]
        return Plan(
            folder=tmp_path / "compare",
            words=words,
            recipe=Recipe(**options),
            device=device,
            pictures=pictures,
            kinds=tuple(Kind(factor=Fraction(factor), labels=mode) for factor, mode in halves),
            seeds=seeds,
        )

    return build


@pytest.fixture
def result():
    """Builds the result of a cell that scored `miou` and needed `memory` bytes."""

    def build(kind, seed=0, *, miou=0.5, memory=100_000_000, iou=None, **cost):
        factor, mode = kind.split()
        spent = {"device": "cpu", "threads": 1, "batch": 2, "seconds": 90.0}
        spent |= {"picture_seconds": 0.25, "whole_memory": 700_000_000}
        spent |= {"crop_flops": 3_000_000_000, "picture_flops": 1_000_000_000}
        return Result(
            cell=Cell(kind=Kind(factor=Fraction(factor), labels=mode), seed=seed),
            split="test",
            miou=miou,
            boundary_miou=None if miou is None else miou / 2,
            iou=iou or {"road": miou, "sky": None},
            cost=Cost(memory=memory, **{**spent, **cost}),
        )

    return build
