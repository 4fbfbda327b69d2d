"""A run leaves what it promises, and something usable whatever happens."""

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction

import pytest
import torch
from PIL import Image

from kernels.errors import UserError
from trainer import checkpoint, data
from trainer.fit import Learner
from trainer.recipe import Recipe, steps_of


def trainer(*words, cwd):
    command = [sys.executable, "-m", "trainer", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_a_run_leaves_checkpoint_recipe_metrics_curves_and_pictures(shared_folder, tmp_path):
    done = trainer(
        *("fit", "--data", f"folder:{shared_folder}", "--factor", "0.5"),
        *("--steps", 5, "--batch", 2, "--seed", 3),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "test split, native size" in done.stdout
    assert all(name in done.stdout for name in ("ground", "wall", "sky", "mean IoU"))
    assert "mIoU" in done.stderr
    assert "pictures/s" in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in run.iterdir()} == {
        *("recipe.toml", "metrics.jsonl", "curves.png", "examples.png", "model.ckpt")
    }
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "miou" in line] == [1, 2, 3, 4, 5, 5]
    assert set(lines[-1]["iou"]) == {"ground", "wall", "sky"}
    assert (run / "model.ckpt").read_bytes() == (tmp_path / "model.ckpt").read_bytes()
    loaded = checkpoint.load(tmp_path / "model.ckpt")
    assert loaded.contract.factor == Fraction(1, 2)
    assert loaded.recipe.seed == 3
    with Image.open(run / "examples.png") as examples:
        assert examples.width == 3 * 83 + 2 * 6


def test_it_learns_the_tiny_scenes(fit_tiny):
    outcome, _ = fit_tiny(steps=60)
    assert outcome.score.mean_iou > 0.8


def test_the_same_seed_gives_the_same_weights(fit_tiny):
    def weights(seed):
        return torch.cat(
            [p.flatten() for p in fit_tiny(seed=seed)[0].checkpoint.network.parameters()]
        )

    assert weights(1).equal(weights(1))
    assert not weights(1).equal(weights(2))


def test_ctrl_c_leaves_a_checkpoint_that_predicts(shared_folder, tmp_path):
    words = ("fit", "--data", f"folder:{shared_folder}", "--steps", "100000", "--batch", "2")
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "of 100000 steps; saving" in talk
    assert "Traceback" not in talk
    assert checkpoint.load(tmp_path / "model.ckpt").steps_done > 0
    photo = shared_folder / "images" / "test" / "0.png"
    assert trainer("predict", "model.ckpt", photo, cwd=tmp_path).returncode == 0


def test_an_error_in_the_middle_keeps_what_was_learned(folder, tmp_path, monkeypatch):
    recipe = Recipe(data=f"folder:{folder}", factor=Fraction(1, 2), steps=5, batch=2)
    from trainer import fit as fitting

    step = Learner.step

    def failing(self, batch):
        if self.steps_done == 2:
            raise UserError("the disk went away")
        return step(self, batch)

    monkeypatch.setattr(Learner, "step", failing)
    out = tmp_path / "model.ckpt"
    with pytest.raises(UserError, match="disk went away"):
        fitting.fit(recipe, data.load(recipe.data), out=out, runs=tmp_path / "runs", device="cpu")
    assert checkpoint.load(out).steps_done == 2


def test_a_loss_that_is_no_number_stops_with_a_hint(folder):
    recipe = Recipe(data=f"folder:{folder}", factor=Fraction(1, 2), learning_rate=1e-3)
    learner = Learner(recipe, data.load(recipe.data), torch.device("cpu"))
    with torch.no_grad():
        next(learner.network.parameters()).fill_(float("nan"))
    from trainer import loader

    (batch, *_) = loader.batches(learner.dataset, Recipe(steps=1, batch=2), (32, 32))
    with pytest.raises(UserError, match="loss is nan at step 1") as caught:
        learner.step(batch)
    assert "--learning-rate" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--factor", "0"), "factor '0' is not above 0"),
        (("--factor", "-1"), "factor '-1' is not above 0"),
        (("--factor", "4/1"), "did you mean 1/4"),
        (("--factor", "abc"), "factor 'abc' is not a number"),
        (("--data", "nothing"), "unknown data set 'nothing'"),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--steps", "0"), "--steps 0 is not 1 or more"),
        (("--steps", "1", "--epochs", "1"), "say the same thing"),
        (("--epochs", "-1"), "--epochs -1.0 is not above 0"),
        (("--batch", "0"), "--batch 0 is not 1 or more"),
        (("--model", "big"), "unknown model 'big'"),
        (("--seed", "-1"), "--seed -1"),
        (("--learning-rate", "0"), "not above 0"),
    ],
)
def test_nonsense_is_answered_in_two_lines(folder, tmp_path, words, says):
    done = trainer("fit", "--data", f"folder:{folder}", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model.ckpt").exists()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("steps", "epochs", "means"), [(None, None, Recipe.steps), (7, None, 7), (None, 2.5, 16)]
)
def test_steps_and_epochs_are_two_words_for_one_thing(steps, epochs, means):
    assert steps_of(steps, epochs, pairs=50, batch=8) == means
