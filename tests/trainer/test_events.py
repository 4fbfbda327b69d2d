"""TensorBoard shows what a run logs, where it is installed, and never stands in its way."""

import importlib.util
from fractions import Fraction

import pytest

from trainer.events import Events, numbers
from trainer.recipe import Recipe
from trainer.run import Run

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="wants tensorboard"
)


def shown(folder):
    """What TensorBoard reads: name -> [(step, value)]."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), purge_orphaned_data=True)
    read.Reload()
    return {
        name: [(event.step, round(event.value, 3)) for event in read.Scalars(name)]
        for name in read.Tags()["scalars"]
    }


@needs_tensorboard
def test_it_shows_what_a_run_records_and_forgets_what_is_done_anew(tmp_path):
    with Run.begun(tmp_path, Recipe(factor=Fraction(1, 2))) as run:
        run.record(10, loss=0.5)
        kept = run.logged
        run.record(20, loss=0.4)
    with Run.again(run.folder, kept) as run:
        run.record(20, loss=0.3, split="test", iou={"road": 0.75, "sky": None})
    told = shown(run.folder / "tensorboard")
    assert told == {"loss": [(10, 0.5), (20, 0.3)], "iou/road": [(20, 0.75)]}


def test_without_it_a_run_logs_as_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with Run.begun(tmp_path, Recipe()) as run:
        run.record(10, loss=0.5)
    assert [path.name for path in run.folder.iterdir() if path.is_dir()] == []
    assert run.metrics.read_text() == '{"step": 10, "loss": 0.5}\n'


@needs_tensorboard
def test_a_folder_it_cannot_write_costs_the_show_and_not_the_run(tmp_path, capsys):
    (tmp_path / "file").touch()
    events = Events(tmp_path / "file" / "tensorboard")
    events.open(0)
    events.record(1, {"loss": 0.5})
    events.close()
    assert "no more for TensorBoard" in capsys.readouterr().err


def test_numbers_within_are_named_by_their_path():
    plain = {"loss": 1, "split": "test", "iou": {"road": 0.5, "sky": None}}
    assert dict(numbers(plain)) == {"loss": 1, "iou/road": 0.5}
