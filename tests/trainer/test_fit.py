"""A run leaves what it promises, and something usable whatever happens."""

import copy
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from PIL import Image

from kernels.errors import UserError
from trainer import checkpoint, data, resume
from trainer import fit as fitting
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
    assert {path.name for path in run.iterdir()} - {"tensorboard"} == {
        *("recipe.toml", "metrics.jsonl", "curves.png", "examples.png", "report.html"),
        *("model.ckpt", "best.ckpt", "last.ckpt"),
    }
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "miou" in line] == [1, 2, 3, 4, 5, 5]
    (loss,) = (line["loss"] for line in lines if "loss" in line)
    assert f"step 5: loss {loss:.3f}" in done.stderr
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


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_a_wish_to_stop_leaves_a_checkpoint_that_predicts(shared_folder, tmp_path, wish):
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
    process.send_signal(wish)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert " of 100000 steps" in talk
    assert "Traceback" not in talk
    steps = checkpoint.load(tmp_path / "model.ckpt").steps_done
    assert steps > 0
    (run,) = (tmp_path / "runs").iterdir()
    assert f"to go on: trainer fit --resume runs/{run.name}" in talk
    assert resume.load(run).steps_done == steps
    photo = shared_folder / "images" / "test" / "0.png"
    assert trainer("predict", "model.ckpt", photo, cwd=tmp_path).returncode == 0


def failing_after(steps, error, monkeypatch):
    step = Learner.step

    def failing(self, batch):
        if self.steps_done == steps:
            raise error
        return step(self, batch)

    monkeypatch.setattr(Learner, "step", failing)


def fit_over_an_old_model(folder, tmp_path):
    recipe = Recipe(data=f"folder:{folder}", factor=Fraction(1, 2), steps=5, batch=2)
    out = tmp_path / "model.ckpt"
    out.write_text("the model before")
    try:
        fitting.fit(recipe, data.load(recipe.data), out=out, runs=tmp_path / "runs", device="cpu")
    finally:
        (run,) = (tmp_path / "runs").iterdir()
        kept = run / "model.ckpt"
        steps = checkpoint.load(kept).steps_done if kept.exists() else None
        untouched = out.read_bytes() == b"the model before"
        (tmp_path / "seen").write_text(f"{steps} {untouched}")


def test_an_error_keeps_the_model_before_and_what_was_learned(folder, tmp_path, monkeypatch):
    failing_after(2, UserError("the disk went away"), monkeypatch)
    with pytest.raises(UserError, match="disk went away"):
        fit_over_an_old_model(folder, tmp_path)
    assert (tmp_path / "seen").read_text() == "2 True"


def test_ctrl_c_before_the_first_step_keeps_the_model_before(folder, tmp_path, monkeypatch):
    failing_after(0, KeyboardInterrupt(), monkeypatch)
    fit_over_an_old_model(folder, tmp_path)
    assert (tmp_path / "seen").read_text() == "None True"


def test_weights_that_are_no_numbers_are_never_saved(fit_tiny, tmp_path):
    trained = fit_tiny()[0].checkpoint
    spoiled = replace(trained, network=copy.deepcopy(trained.network))
    with torch.no_grad():
        next(spoiled.network.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="not finite"):
        checkpoint.save(spoiled, tmp_path / "model.ckpt")
    assert not (tmp_path / "model.ckpt").exists()


def test_a_place_that_cannot_be_written_is_found_before_the_training(folder, tmp_path):
    words = ("fit", "--data", f"folder:{folder}", "--steps", "100000")
    for out in (".", str(folder / "classes.json" / "model.ckpt"), "/dev/null"):
        done = trainer(*words, "--out", out, cwd=tmp_path)
        assert done.returncode == 2
        assert "cannot write" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_photo_that_is_cut_off_is_found_before_the_training(folder, tmp_path):
    photo = folder / "images" / "train" / "3.png"
    photo.write_bytes(photo.read_bytes()[:2000])
    done = trainer("fit", "--data", f"folder:{folder}", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{photo}: damaged PNG" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_factor_that_leaves_nothing_is_refused(folder, tmp_path):
    done = trainer("fit", "--data", f"folder:{folder}", "--factor", "1/100", cwd=tmp_path)
    assert done.returncode == 2
    assert "leaves 1x1 of pictures of 83x61" in done.stderr


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
        (("--factor", "abc"), "factor 'abc' is not a short number"),
        (("--data", "nothing"), "unknown data set 'nothing'"),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--steps", "0"), "--steps 0 is not 1 or more"),
        (("--steps", "1", "--epochs", "1"), "say the same thing"),
        (("--epochs", "-1"), "--epochs -1.0 is not above 0"),
        (("--batch", "0"), "--batch 0 is not 1 or more"),
        (("--model", "big"), "unknown model 'big'"),
        (("--seed", "-1"), "--seed -1"),
        (("--learning-rate", "0"), "not a number above 0"),
        (("--learning-rate", "nan"), "not a number above 0"),
        (("--factor", "1e999999999"), "not a short number"),
        (("--factor", "0.33333333333333333333"), "not a short number"),
        (("--factor", "1/20000"), "finer than 1/10000"),
        (("--epochs", "1e308"), "--epochs 1e+308"),
        (("--device", "cpu:foo"), "unknown device 'cpu:foo'"),
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
