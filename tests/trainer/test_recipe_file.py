"""Recipes come from files and flags, and what is wrong in either is named."""

import json
import tomllib
from fractions import Fraction

import pytest

from kernels.errors import UserError
from trainer import catalog, public_weights, recipe_file
from trainer.commands.fit import fields_of, recipe_of, train
from trainer.recipe import Recipe


@pytest.mark.parametrize("name", recipe_file.names())
def test_a_shipped_recipe_is_one_and_says_what_to_expect(name):
    recipe = recipe_of(recipe_file.read(name), pairs=100, state=None)
    assert recipe.steps > 0
    text = (recipe_file.SHIPPED / f"{name}.toml").read_text()
    assert recipe_file.title(name).startswith(f"{name}: ")
    assert "Not measured here" in text or "measured\n# with tools/" in text


@pytest.mark.parametrize("name", recipe_file.names())
def test_a_shipped_recipe_names_a_model_and_a_data_set_that_there_are(name):
    recipe = recipe_of(recipe_file.read(name), pairs=100, state=None)
    assert recipe.model in catalog.names("models")
    assert recipe.data.partition(":")[0] in catalog.names("datasets")


def test_the_papers_recipe_is_as_published():
    recipe = recipe_of(recipe_file.read("cityscapes-half"), pairs=2975, state=None)
    assert (recipe.optimiser, recipe.learning_rate, recipe.momentum) == ("sgd", 5e-3, 0.9)
    assert (recipe.weight_decay, recipe.schedule, recipe.power) == (1e-4, "poly", 2.0)
    assert (recipe.batch, recipe.factor, recipe.jitter) == (3, Fraction(1, 2), 0.25)
    assert (recipe.class_uniform, recipe.crop, recipe.zoom_from, recipe.zoom) == (0.5, 1, 1, 2)
    assert recipe.steps == round(175 * 2975 / 3 + 0.5)


def test_the_recipe_called_streets_says_what_a_recipe_is_by_itself():
    assert recipe_of(recipe_file.read("streets"), pairs=200, state=None) == Recipe()


def test_the_default_recipe_is_taken_where_nothing_else_is_named():
    said = recipe_file.read(recipe_file.DEFAULT)
    assert fields_of({}) == said
    assert fields_of({"model": said["model"]}) == said
    assert fields_of({"model": "lite0"}) == {**said, "model": "lite0", "sight": 1}
    assert fields_of({"model": "lite0", "sight": 2})["sight"] == 2
    assert fields_of({"loss": "ce", "epochs": 2.0}) == {**said, "loss": "ce", "epochs": 2.0}


@pytest.mark.parametrize("given", [{"model": "compact"}, {"recipe": "streets"}, {"resume": "last"}])
def test_another_model_another_recipe_or_an_older_run_go_without_it(given):
    assert recipe_of(fields_of(given), pairs=1, state=None) == Recipe()


def test_what_a_file_of_ones_own_leaves_open_is_as_by_default(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\nloss = 'ce'")
    said = recipe_file.read(recipe_file.DEFAULT)
    assert fields_of({"recipe": str(path)}) == {**said, "epochs": 3.0, "loss": "ce"}
    path.write_text("model = 'compact'\nsteps = 3")
    assert recipe_of(fields_of({"recipe": str(path)}), pairs=1, state=None) == Recipe(steps=3)


def test_the_default_recipe_names_what_its_model_begins_with():
    recipe = recipe_of(fields_of({}), pairs=1, state=None)
    assert public_weights.chosen(recipe.weights, recipe.model).is_file()


def test_flags_win_over_the_file_and_epochs_over_steps():
    said = {"steps": 5, "batch": 2, "loss": "kl"}
    assert recipe_file.merged(said, {"batch": 4}) == {"steps": 5, "batch": 4, "loss": "kl"}
    assert recipe_file.merged(said, {"epochs": 1.0}) == {"epochs": 1.0, "batch": 2, "loss": "kl"}
    assert recipe_file.merged({"epochs": 1.0}, {"steps": 3}) == {"steps": 3}


def test_a_runs_own_recipe_is_a_recipe_file(tmp_path):
    recipe = Recipe(factor=Fraction(2, 5), loss="kl", ema=0.99, weights='a "b" c')
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    fields = recipe_file.read(str(tmp_path / "recipe.toml"))
    assert recipe_of(fields, pairs=1, state=None) == recipe
    assert tomllib.loads(recipe.to_toml()) == recipe.plain()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batches = 3", "unknown field 'batches'"),
        ("batch = '3'", "batch = '3' is not a whole number"),
        ("batch = 3.5", "batch = 3.5 is not a whole number"),
        ("batch = true", "batch = True is not a whole number"),
        ("crop = 'half'", "crop = 'half' is not a number"),
        ("loss = 3", "loss = 3 is not a text"),
        ("factor = '4'", "factor '4' is larger than 1"),
        ("steps = 3\nepochs = 2", "say the same thing"),
        ("batch = ", "not a readable recipe"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path, text, says):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.toml") as caught:
        recipe_file.read(str(path))
    assert says in str(caught.value)


def test_the_nearest_name_is_offered(tmp_path):
    (tmp_path / "mine.toml").write_text("learning_rates = 1e-3")
    with pytest.raises(UserError, match="did you mean 'learning_rate'"):
        recipe_file.read(str(tmp_path / "mine.toml"))
    with pytest.raises(UserError, match="did you mean 'cityscapes-half'"):
        recipe_file.read("cityscape-half")
    with pytest.raises(UserError, match=r"gone\.toml: not a readable recipe \(No such file"):
        recipe_file.read("gone.toml")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"loss": "hinge"}, "unknown --loss 'hinge'"),
        ({"optimiser": "adam"}, "did you mean 'adamw'"),
        ({"labels": "soft"}, "unknown --labels 'soft'"),
        ({"crop": 1.5}, "--crop 1.5 is not between 0.01 and 1"),
        ({"ema": 1.0}, "--ema 1.0 is not between 0 and 0.99999"),
        ({"clip": -1.0}, "--clip -1.0 is not 0 or more"),
        ({"warm_up": float("nan")}, "--warm-up nan is not between 0 and 1"),
        ({"zoom_from": 2.0}, "--zoom-from 2.0 is more than --zoom 1.33"),
        ({"accumulate": 9}, "--accumulate 9 is more than --batch 8"),
        ({"labels": "full", "ohem": 0.5}, "--labels full has none"),
        ({"loss": "jdt", "ohem": 0.5}, "--ohem picks cells"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(fields, says):
    with pytest.raises(UserError) as caught:
        Recipe(**fields)
    assert says in str(caught.value)


def test_a_recipe_by_file_trains_and_a_flag_wins(shared_folder, tmp_path):
    (tmp_path / "mine.toml").write_text(
        f"data = {json.dumps(f'folder:{shared_folder}')}\nsteps = 2\nbatch = 2\nschedule = 'poly'"
    )
    outcome = train(
        {
            "recipe": str(tmp_path / "mine.toml"),
            "factor": "1/2",
            "save_every": "5min",
            "runs": tmp_path / "runs",
            "out": tmp_path / "model.ckpt",
        },
        "cpu",
    )
    recipe = outcome.checkpoint.recipe
    assert (recipe.factor, recipe.batch, recipe.schedule) == (Fraction(1, 2), 2, "poly")
