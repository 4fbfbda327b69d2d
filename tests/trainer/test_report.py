"""The page of a run stands alone, says how to repeat it, and runs nothing that users wrote."""

import re
import shlex
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from trainer import data, recipe_file, report
from trainer.checkpoint import Checkpoint
from trainer.commands.compare import given_in
from trainer.commands.fit import fields_of
from trainer.cost import Cost
from trainer.recipe import Recipe
from trainer.run import Run
from trainer.score import Score

EVIL = "<script>alert('x')</script>"
COST = Cost(
    device="cpu",
    threads=1,
    batch=2,
    seconds=90,
    picture_seconds=0.25,
    memory=4_104_000_000,
    whole_memory=None,
    crop_flops=1_000_000_000,
    picture_flops=None,
)


@pytest.fixture
def page(shared_folder, tmp_path):
    """Writes the page of a run that was never run; gives its text."""

    def write(split="test", cost=COST, **options):
        recipe = Recipe(**{"data": f"folder:{EVIL}", "steps": 7, **options})
        dataset = replace(data.load(f"folder:{shared_folder}"), classes=(EVIL, "wall", "sky"))
        for name in ("curves.png", "examples.png"):
            Image.new("RGB", (8, 8), "red").save(tmp_path / name)
        counts = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
        score = Score(classes=dataset.classes, confusion=counts, boundary=counts)
        run = Run(tmp_path)
        model = Checkpoint(network=None, contract=None, recipe=recipe, steps_done=5)
        report.write(run, model, dataset, split=split, score=score if cost else None, cost=cost)
        return (tmp_path / "report.html").read_text()

    return write


def test_it_says_score_recipe_data_cost_and_versions(page):
    text = page(learning_rate=0.01)
    assert "mIoU 77.5 %, boundary IoU 77.5 % on the test split" in text
    assert "5 of 7 steps" in text
    assert "<td>learning_rate</td><td>0.01</td><td>0.003</td>" in text
    assert "<td>6 train, 2 val, 2 test</td>" in text
    assert "<td>4104 MB at its height</td>" in text
    assert "<td>memory of the process</td><td>-</td>" in text
    assert "<td>torch</td>" in text


def test_it_needs_nothing_from_outside_and_runs_nothing(page):
    text = page()
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in text
    assert text.count('src="data:image/png;base64,') == 2
    assert re.findall(r'(?:src|href)="(?!data:)|url\(|@import', text) == []
    assert "prefers-color-scheme: dark" in text


def test_a_run_that_was_stopped_has_a_page_without_a_score(page):
    text = page(cost=None)
    assert "mIoU" not in text.split("</style>")[1].split("<h2>")[0]
    assert "5 of 7 steps" in text
    assert "<h2>Score</h2>" not in text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"model": "lite0"},
        {"model": "lite0", "loss": "jdt", "learning_rate": 1e-3, "ema": 0.5},
        {"model": "lite0-strided", "loss": "jdt", "factor": Fraction(1, 2)},
        {"model": "hrnetv2-w18", "class_uniform": 0.5},
        {
            "data": "folder:a 'b'",
            "factor": Fraction(2, 5),
            "labels": "nearest",
            "decay_on": "matrices",
            "ema": 0.99,
            "validate_pairs": 0,
            "seed": 12,
        },
    ],
)
def test_the_command_trains_by_the_same_recipe(options):
    recipe = Recipe(**options)
    program, command, *words = shlex.split(report.command(recipe))
    assert (program, command) == ("trainer", "fit")
    assert Recipe(**fields_of(given_in(words))) == recipe


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "compact"}, ("model", "compact", "lite0-strided")),
        ({"model": "hrnetv2-w18"}, ("model", "hrnetv2-w18", "lite0-strided")),
        ({**recipe_file.default({}), "loss": "ce"}, ("loss", "ce", "jdt")),
    ],
)
def test_what_was_chosen_stands_beside_what_is_usual(options, told):
    chosen = [row for row in report._recipe(Recipe(**options))[1:] if row[2]]
    assert chosen == [told]
