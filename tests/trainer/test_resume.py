"""A run that ended can go on, and comes to what it would have come to."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from kernels.errors import UserError
from trainer import checkpoint, data, network, resume, views
from trainer import fit as fitting
from trainer.commands.fit import train
from trainer.fit import Learner
from trainer.keeper import Interval
from trainer.recipe import Recipe
from trainer.run import Run
from trainer.wish import Wish

EVERY = Interval(steps=3)


def recipe_of(folder, **options):
    chosen = {"factor": Fraction(1, 2), "steps": 8, "batch": 2, "validate_every": 3, **options}
    return Recipe(data=f"folder:{folder}", **chosen)


def fit(folder, place, state=None, **options):
    recipe = state.recipe if state else recipe_of(folder, **options)
    return fitting.fit(
        recipe,
        data.load(recipe.data),
        out=place / "model.ckpt",
        runs=place / "runs",
        device="cpu",
        state=state,
        save_every=EVERY,
    )


def only_run(place):
    (run,) = (place / "runs").iterdir()
    return run


def weights(path):
    return {n: v.clone() for n, v in checkpoint.load(path).network.state_dict().items()}


def same(one, other):
    return all(value.equal(other[name]) for name, value in one.items())


def lines(run):
    """The log without its times."""
    read = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    times = ("pictures_per_second", "waiting", "cost")
    return [{name: v for name, v in line.items() if name not in times} for line in read]


def failing_at(steps, error, monkeypatch):
    step = Learner.step

    def failing(self, batch):
        if self.steps_done == steps:
            raise error
        return step(self, batch)

    monkeypatch.setattr(Learner, "step", failing)


@pytest.mark.usefixtures("plain_network")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimiser": "sgd", "schedule": "poly", "ema": 0.9, "clip": 1.0, "accumulate": 2},
        {"precision": "bf16", "class_uniform": 0.5, "jitter": 0.25, "labels": "nearest-random"},
        {"method": "unimatch", "labelled": "1/2"},
    ],
)
def test_an_ended_run_goes_on_to_the_same_weights_and_the_same_log(
    shared_folder, tmp_path, monkeypatch, options
):
    fit(shared_folder, tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        failing_at(5, UserError("the machine went away"), patch)
        with pytest.raises(UserError, match="went away"):
            fit(shared_folder, tmp_path / "parts", **options)
    run = only_run(tmp_path / "parts")
    assert resume.load(run).steps_done == 5
    fit(shared_folder, tmp_path / "parts", state=resume.load(run))
    whole = only_run(tmp_path / "whole")
    for name in ("model.ckpt", "best.ckpt"):
        assert same(weights(whole / name), weights(run / name))
    assert lines(run) == lines(whole)


@pytest.mark.usefixtures("plain_network")
def test_a_run_that_is_through_is_scored_again_and_learns_no_more(shared_folder, tmp_path):
    first = fit(shared_folder, tmp_path)
    run = only_run(tmp_path)
    before = lines(run)
    again = fit(shared_folder, tmp_path, state=resume.load(run))
    assert again.score.mean_iou == first.score.mean_iou
    assert lines(run) == before


def begun(*words, cwd, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "trainer", "fit", *map(str, words)],
        cwd=cwd,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        **options,
    )


def words_of(folder):
    return ("--data", f"folder:{folder}", "--factor", "1/2", "--batch", 2, "--save-every", 5)


def test_sigkill_at_any_moment_costs_nothing_but_time(shared_folder, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    parts.mkdir()
    process = begun(*words_of(shared_folder), "--steps", 40, cwd=parts)
    while not list(parts.glob("runs/*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(random.random() / 5)
    process.kill()
    process.communicate()
    assert 0 < resume.load(only_run(parts)).steps_done < 40
    flags = {"save_every": "5", "device": "cpu"}
    train({"resume": "last", "runs": parts / "runs", **flags}, "cpu")
    recipe = resume.load(only_run(parts)).recipe
    fitting.fit(
        recipe,
        data.load(recipe.data),
        out=whole / "model.ckpt",
        runs=whole / "runs",
        device="cpu",
    )
    assert same(weights(whole / "model.ckpt"), weights(parts / "model.ckpt"))
    assert lines(only_run(whole)) == lines(only_run(parts))


def test_a_wish_waits_for_the_end_of_a_step_and_a_second_one_does_not():
    wish, passed = Wish(), []

    def step(name):
        with wish.whole():
            signal.raise_signal(signal.SIGINT)
            passed.append(name)

    with wish.heard():
        for name in ("first", "second"):
            with pytest.raises(KeyboardInterrupt):
                step(name)
    assert passed == ["first"]


@pytest.mark.usefixtures("plain_network")
def test_half_a_step_is_never_saved(shared_folder, tmp_path, monkeypatch):
    follow, done = Learner._move, []

    def failing(self):
        follow(self)
        done.append(self.steps_done)
        if len(done) == 4:
            raise UserError("in the middle")

    monkeypatch.setattr(Learner, "_move", failing)
    with pytest.raises(UserError, match="in the middle"):
        fit(shared_folder, tmp_path)
    assert resume.load(only_run(tmp_path)).steps_done == 3


@pytest.mark.usefixtures("plain_network")
def test_a_torn_last_line_and_drafts_are_swept_away(shared_folder, tmp_path):
    fit(shared_folder, tmp_path)
    run = only_run(tmp_path)
    before = lines(run)
    with (run / "metrics.jsonl").open("a") as log:
        log.write('{"step": 99, "lo')
    (run / ".last.ckpt.0123456789ab").write_bytes(b"half")
    fit(shared_folder, tmp_path, state=resume.load(run))
    assert lines(run) == before
    assert not list(run.glob(".*"))


@pytest.mark.usefixtures("plain_network")
def test_a_picture_that_breaks_in_the_middle_is_named_and_the_run_goes_on(
    folder, tmp_path, monkeypatch
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(folder, whole)
    photo = folder / "images" / "train" / "3.png"
    good, step = photo.read_bytes(), Learner.step
    half = tmp_path / "half.png"

    def breaking(self, batch):
        half.write_bytes(good[:2000])
        half.replace(photo)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", breaking)
        with pytest.raises(UserError, match=r"3\.png: damaged PNG"):
            fit(folder, parts)
    assert not (parts / "model.ckpt").exists()
    photo.write_bytes(good)
    fit(folder, parts, state=resume.load(only_run(parts)))
    assert same(weights(whole / "model.ckpt"), weights(parts / "model.ckpt"))


@pytest.mark.usefixtures("plain_network")
def test_a_reader_that_dies_is_said_and_the_run_goes_on(shared_folder, tmp_path, monkeypatch):
    drawn, draw = [], views.take

    def dying(*words, **more):
        drawn.append(1)
        if len(drawn) == 9:
            raise MemoryError
        return draw(*words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(views, "take", dying)
        with pytest.raises(UserError, match="out of memory while pictures were read"):
            fit(shared_folder, tmp_path)
    # The ninth view is in the fifth batch of two, or in the one beside it.
    assert resume.load(only_run(tmp_path)).steps_done in (3, 4)


@pytest.mark.usefixtures("plain_network")
def test_pre_trained_weights_are_not_wanted_again(shared_folder, tmp_path):
    public = tmp_path / "public.pth"
    torch.save(network.build("compact", 3).body.state_dict(), public)
    fit(shared_folder, tmp_path, steps=1, weights=str(public))
    public.unlink()
    fit(shared_folder, tmp_path, state=resume.load(only_run(tmp_path)))


@contextmanager
def little_room():
    """No file can be larger than a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_leaves_the_state_before(shared_folder, tmp_path, capsys):
    fit(shared_folder, tmp_path, steps=2)
    run = only_run(tmp_path)
    before = (run / "last.ckpt").read_bytes()
    with (
        little_room(),
        pytest.raises(UserError, match=r"cannot write .*last\.ckpt: File too large"),
    ):
        fit(shared_folder, tmp_path, state=resume.load(run))
    assert f"to go on: trainer fit --resume {run}" in capsys.readouterr().err
    assert (run / "last.ckpt").read_bytes() == before
    assert not list(run.glob(".*"))


@pytest.fixture(scope="module")
def through(shared_folder, tmp_path_factory):
    """The place of a run that is through."""
    place = tmp_path_factory.mktemp("through")
    fit(shared_folder, place, steps=4)
    return place


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"batch": 4, "learning_rate": 1.0}, "--batch was 2, now 4; --learning-rate was 0.003"),
        ({"steps": 9}, "--steps was 4, now 9"),
        ({"epochs": 2.0}, "--steps was 4, now 6"),
        ({"resume": "nothing"}, "nothing: no run that can go on"),
        ({"runs": Path("elsewhere")}, "elsewhere: no runs there"),
    ],
)
def test_another_recipe_is_refused_and_what_differs_is_named(through, flags, says):
    with pytest.raises(UserError, match=says):
        train({"resume": "last", "runs": through / "runs", "save_every": "5min", **flags}, "cpu")


@pytest.mark.usefixtures("plain_network")
def test_other_data_in_the_same_place_is_refused(folder, tmp_path):
    fit(folder, tmp_path)
    for kind in ("images", "masks"):
        (folder / kind / "train" / "5.png").unlink()
    with pytest.raises(UserError, match="has learned from other data"):
        fit(folder, tmp_path, state=resume.load(only_run(tmp_path)))


def test_a_damaged_state_is_named(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(UserError, match=r"last\.ckpt: damaged"):
        resume.load(tmp_path)
    torch.save({"state": 99}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="not a state this softres reads"):
        resume.load(tmp_path)


def test_last_is_the_newest_run(tmp_path):
    for name in ("2026-01-01-000000", "2026-01-02-000000-2", "2026-01-02-000000-10"):
        (tmp_path / name).mkdir()
    assert resume.find("last", tmp_path).name == "2026-01-02-000000-10"
    assert resume.find("some/where", tmp_path).parts == ("some", "where")


@pytest.mark.parametrize(
    ("text", "interval"),
    [("30s", Interval(seconds=30)), ("2h", Interval(seconds=7200)), ("500", Interval(steps=500))],
)
def test_save_every_is_a_time_or_a_number_of_steps(text, interval):
    assert Interval.read(text) == interval


@pytest.mark.parametrize("text", ["", "0", "5 years", "-1s", "1.5"])
def test_a_save_every_that_is_neither_is_refused(text):
    with pytest.raises(UserError, match="neither a time nor a number of steps"):
        Interval.read(text)


@pytest.mark.usefixtures("plain_network")
def test_a_run_that_is_still_at_work_is_not_gone_on_with(shared_folder, tmp_path):
    fit(shared_folder, tmp_path, steps=2)
    folder = only_run(tmp_path)
    state = resume.load(folder)
    with Run.again(folder, state.logged):
        before = (folder / "metrics.jsonl").read_bytes()
        with pytest.raises(UserError, match="this run is at work there"):
            Run.again(folder, 0)
        assert (folder / "metrics.jsonl").read_bytes() == before
    with Run.again(folder, state.logged):
        pass
