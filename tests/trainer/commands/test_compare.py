"""`trainer compare` from the first word to the last file."""

import json
import signal
from fractions import Fraction

import pytest
from typer.testing import CliRunner

from kernels.errors import UserError
from trainer.__main__ import app
from trainer.commands import compare as comparing


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Runs the command in this process; its cells have processes of their own."""
    wishes = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(wish) for wish in wishes]
    monkeypatch.chdir(tmp_path)
    yield lambda *words: CliRunner().invoke(app, ["compare", *map(str, words)])
    for wish, handler in zip(wishes, before, strict=True):
        signal.signal(wish, handler)


def test_two_factors_are_trained_once_and_set_side_by_side(compare, shared_folder, tmp_path):
    # It sees no more than it answers: half the factor is a quarter of the arithmetic.
    shared = ("--data", f"folder:{shared_folder}", "--steps", 3, "--batch", 2, "--model", "lite0")
    words = ("--factors", "1,1/2", "--seeds", 1, *shared)
    first = compare(*words)
    assert first.exit_code == 0, first.output
    place = tmp_path / "compare"
    results = [place / f"factor-{f}-area-seed-0" / "result.json" for f in ("1", "1-2")]
    stamps = [path.stat().st_mtime_ns for path in results]
    again = compare(*words, "--json")
    assert again.exit_code == 0, again.output
    assert [path.stat().st_mtime_ns for path in results] == stamps
    told = json.loads(again.stdout)
    whole, half = told["kinds"]
    assert [kind["factor"] for kind in (whole, half)] == ["1", "1/2"]
    assert whole["crop_GFLOP"]["mean"] > half["crop_GFLOP"]["mean"] > 0
    assert whole["training_min"]["mean"] > 0
    assert set(whole["iou_percent"]) == {"ground", "wall", "sky"}
    (ratio,) = told["ratios"]
    assert ratio["arithmetic"] < 1
    files = {"table.md", "compare.json", "quality.png", "classes.png", "report.html"}
    assert files <= {path.name for path in place.iterdir()}
    changed = compare(*words, "--learning-rate", 0.1)
    assert isinstance(changed.exception, UserError)
    assert "--learning-rate was 0.001, now 0.1" in changed.exception.message


def test_what_each_kind_sees_is_known_and_told_beforehand(shared_folder, tmp_path):
    words = ("--data", f"folder:{shared_folder}")
    factors = [Fraction(1), Fraction(1, 2), Fraction(1, 4)]
    made = comparing._plan(words, factors, ["area"], 1, tmp_path, "cpu")
    assert [kind.title for kind in made.kinds] == [
        "1 area",
        "1/2 area, sight 2",
        "1/4 area, sight 2",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--factors", "1/4,2"), "factor '2' is larger than 1"),
        (("--factors", "1,,2"), "has an empty part"),
        (("--factors", "1/30"), "leaves 3x2"),
        (("--labels", "area,near"), "unknown --labels 'near'"),
        (("--labels", "full", "--ohem", 0.5), "--labels full has none"),
        (("--factor", "1/4"), "--factor is not for `trainer compare`"),
        (("--seed", 3), "--seed is not for"),
        (("--resume", "last"), "--resume is not for"),
        (("--steps", 0), "--steps 0 is not 1 or more"),
        (("--model", "compact", "--sight", 2), "--sight 2 is not for compact"),
        # Also where full size would not allow it: at the next factor it would.
        (("--factors", "1,1/2", "--model", "lite0", "--sight", 2), "--sight 2 is not for lite0"),
        (("--sight", 1_000_000_000), "--sight 1000000000 is not 1 to 32"),
        (("--recipe", "nothing"), "unknown recipe 'nothing'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_done(
    compare, folder, tmp_path, words, says
):
    done = compare("--data", f"folder:{folder}", *words)
    assert isinstance(done.exception, UserError)
    assert says in done.exception.message
    assert not (tmp_path / "compare").exists()


def test_a_flag_that_fit_does_not_know_is_an_error(compare, folder):
    done = compare("--data", f"folder:{folder}", "--stpes", 3)
    assert done.exit_code == 2
    assert "No such option: --stpes" in done.output


def test_data_to_score_on_is_wanted(compare, folder):
    for split in ("test", "val"):
        for kind in ("images", "masks"):
            (folder / kind / split).rename(folder / f"{kind}-{split}")
    done = compare("--data", f"folder:{folder}")
    assert "no test or val split" in done.exception.message
