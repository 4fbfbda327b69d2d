"""A cell is trained in a process of its own, whatever becomes of that."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from kernels.errors import UserError
from trainer.comparison import cell as cells
from trainer.comparison.cell import Failure
from trainer.comparison.conduct import Conductor
from trainer.comparison.lock import alone


def said(result):
    return {
        "split": "test",
        "miou": result.miou,
        "boundary_miou": result.boundary_miou,
        "iou": result.iou,
        "cost": asdict(result.cost),
    }


@pytest.fixture
def script(monkeypatch):
    """Runs Python code in place of `trainer fit`."""

    def put(code):
        monkeypatch.setattr(cells, "POLL", 0.05)
        command = [sys.executable, "-c", code]
        monkeypatch.setattr(cells, "command", lambda plan, cell: command)

    return put


@pytest.fixture
def lock(plan):
    """Of the plan's folder."""
    with alone(plan().folder) as held:
        yield held


def test_what_a_run_says_is_kept_and_read_again(plan, result, script, lock):
    (cell, _) = plan().cells
    expected = result("1 area")
    assert cells.found(plan(), cell) is None
    script(f"print({json.dumps(said(expected))!r})")
    assert cells.train(plan(), cell, lambda records: None, lock) == expected
    assert cells.found(plan(), cell) == expected


def test_a_cell_that_is_through_is_not_trained_again(plan, result, script):
    script("raise SystemExit('trained again')")
    for cell in plan().cells:
        place = plan().place(cell)
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps(said(result(cell.kind.title))))
    conductor = Conductor(plan())
    conductor.conduct()
    assert [r.cell for r in conductor.results] == plan().cells
    assert not conductor.failures


def test_a_failed_cell_is_told_with_its_error_and_the_others_go_on(plan, script):
    script(
        "import sys; print('step 1', file=sys.stderr);"
        "print('error: out of memory\\nhint: buy some', file=sys.stderr); sys.exit(2)"
    )
    conductor = Conductor(plan())
    conductor.conduct()
    assert [failure.message for failure in conductor.failures] == ["out of memory"] * 2
    assert not (plan().place(plan().cells[0]) / "result.json").exists()


def test_a_killed_cell_says_so(plan, script, lock):
    script("import os; os.kill(os.getpid(), 9)")
    failure = cells.train(plan(), plan().cells[0], lambda records: None, lock)
    assert failure == Failure(
        cell=plan().cells[0], message="ended by SIGKILL; was there enough memory?"
    )


def test_a_wish_to_stop_reaches_the_run_and_lets_it_end(plan, script, lock, tmp_path):
    script(
        "import pathlib, signal, sys, time\n"
        f"kept = pathlib.Path({str(tmp_path / 'kept')!r})\n"
        "def stop(*_): kept.write_text('yes'); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch()\n"
        "time.sleep(60)"
    )

    def look(records):
        if (tmp_path / "ready").exists():
            os.kill(os.getpid(), signal.SIGINT)

    # A shell that starts tests in the background lets them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            cells.train(plan(), plan().cells[0], look, lock)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "kept").read_text() == "yes"


def test_an_unfinished_cell_goes_on_from_its_newest_state(plan):
    (cell, _) = plan().cells
    runs = plan().place(cell) / "runs"
    for index, name in enumerate(("b", "a", "without-state")):
        (runs / name).mkdir(parents=True)
        if name != "without-state":
            (runs / name / "last.ckpt").touch()
            os.utime(runs / name / "last.ckpt", (index, index))
    words = cells.command(plan(words=("--steps", "9")), cell)
    assert words[2:6] == ["trainer", "fit", "--steps", "9"]
    assert words[-2:] == ["--resume", str(runs / "a")]
    (runs / "a" / "last.ckpt").unlink()
    (runs / "b" / "last.ckpt").unlink()
    assert "--resume" not in cells.command(plan(), cell)


def test_half_a_line_of_a_log_is_left_for_later(tmp_path):
    log = tmp_path / "runs" / "a" / "metrics.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"step": 10}\n{"step": 2')
    assert cells.records(tmp_path) == [{"step": 10}]


def test_a_damaged_result_is_named(plan):
    (cell, _) = plan().cells
    place = plan().place(cell)
    place.mkdir(parents=True)
    (place / "result.json").write_text("{}")
    with pytest.raises(UserError, match=r"result\.json: not a result") as caught:
        cells.found(plan(), cell)
    assert "delete" in caught.value.hint


def test_two_comparisons_do_not_share_a_folder(plan, lock):
    with pytest.raises(UserError, match="another comparison, or a run"):
        Conductor(plan()).conduct()


def test_a_run_whose_comparison_was_killed_keeps_the_folder(plan):
    with alone(plan().folder) as lock:
        left = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    with pytest.raises(UserError, match="or a run that one has left"), alone(plan().folder):
        pass
    left.kill()
    left.wait()
    with alone(plan().folder):
        pass
