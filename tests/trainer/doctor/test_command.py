"""`trainer inspect` prints tables or JSON, draws a sheet, and exits with 1 on errors."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer.doctor import command


def inspect(folder, out=None, most=None, *, as_json=False):
    return command.inspect(f"folder:{folder}", out, most, as_json=as_json)


@pytest.fixture(scope="module")
def told(shared_folder):
    """The JSON of the tiny data set."""
    words = [sys.executable, "-m", "trainer", "inspect", "--data", f"folder:{shared_folder}"]
    done = subprocess.run([*words, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "looked at 10 pairs in" in done.stderr
    return json.loads(done.stdout)


def test_json_has_the_splits(told):
    size = [61, 83]
    # The scenes have two rows of void on top.
    assert told["splits"][1] == {
        "name": "val",
        "pairs": 2,
        "sound": 2,
        "sizes": 1,
        "smallest": size,
        "median": size,
        "largest": size,
        "void": pytest.approx(2 / 61),
    }
    assert [split["name"] for split in told["splits"]] == ["train", "val", "test"]
    assert told["pairs"] == 10


def test_json_has_the_classes(told, shared_folder):
    masks = []
    for path in sorted((shared_folder / "masks" / "train").iterdir()):
        with Image.open(path) as image:
            masks.append(np.array(image))
    wall = told["classes"][1]
    assert wall["name"] == "wall"
    labelled = sum((mask != 255).sum() for mask in masks)
    assert wall["pixels"]["train"] == pytest.approx(sum((m == 1).sum() for m in masks) / labelled)
    assert wall["pictures"] == {"train": 6, "val": 2, "test": 2}
    assert [*wall["narrow"]] == ["4", "8", "16"]
    assert sorted(wall["narrow"].values()) == [*wall["narrow"].values()]


def test_json_has_the_ceilings(told):
    assert [each["factor"] for each in told["ceilings"]] == ["1/2", "1/4", "1/8", "1/16", "1/32"]
    quarter = told["ceilings"][1]
    assert set(quarter) == {"factor", "soft", "hard", "lost"}
    assert set(quarter["soft"]["iou"]) == {"ground", "wall", "sky"}
    assert quarter["hard"]["miou"] <= quarter["soft"]["miou"] <= 1
    assert quarter["soft"]["boundary_miou"] < quarter["soft"]["miou"]
    assert told["ceilings_measured_on"] == 10
    assert told["recommended"]["factor"] in {each["factor"] for each in told["ceilings"]}
    assert told["findings"] == []
    assert told["seconds"] > 0


def test_ceilings_can_be_measured_on_fewer_pairs(shared_folder, capsys):
    inspect(shared_folder, most=3, as_json=True)
    fewer = json.loads(capsys.readouterr().out)
    assert fewer["ceilings_measured_on"] == 3
    assert fewer["classes"][0]["pictures"]["train"] == 6


def test_errors_make_the_exit_status_one_and_warnings_do_not(folder, capsys):
    (folder / "classes.json").write_text('["a", "b", "c", "ghost"]')
    assert inspect(folder) == 0
    assert "warning: no mask shows ghost" in capsys.readouterr().out
    (folder / "masks" / "train" / "0.png").unlink()
    assert inspect(folder) == 1
    told = capsys.readouterr().out
    assert told.index("error: masks that are missing") < told.index("warning: no mask shows ghost")
    assert told.endswith("1 error, 1 warning\n")


def test_where_no_pair_is_sound_the_findings_are_all_there_is(folder, tmp_path, capsys):
    for path in (folder / "masks").glob("*/*.png"):
        path.unlink()
    assert inspect(folder, tmp_path / "out") == 1
    told = capsys.readouterr().out
    assert "masks that are missing (10)" in told
    assert "and 7 more" in told
    assert "factor" not in told
    assert not (tmp_path / "out" / "contact.png").exists()


def test_the_tables_fit_a_hundred_columns_and_hold_no_colours_when_piped(shared_folder):
    words = [sys.executable, "-m", "trainer", "inspect", "--data", f"folder:{shared_folder}"]
    surroundings = {**os.environ, "COLUMNS": "40"}
    done = subprocess.run(words, capture_output=True, text=True, env=surroundings)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in done.stdout
    assert any(line.split()[:1] == ["sky"] for line in lines)
    assert "start with --factor" in done.stdout
    assert done.stdout.endswith("nothing found to complain about\n")


def test_the_sheet_shows_photos_under_the_colours_of_their_masks(shared_folder, tmp_path, capsys):
    inspect(shared_folder, tmp_path / "new" / "folder")
    assert "contact.png shows" in capsys.readouterr().err
    with Image.open(tmp_path / "new" / "folder" / "contact.png") as sheet:
        pixels = np.array(sheet).reshape(-1, 3)
    colours = {tuple(pixel) for pixel in np.unique(pixels, axis=0).tolist()}
    # The legend has the classes' own colours and void's.
    assert {(90, 60, 40), (200, 30, 30), (60, 120, 220), (0, 0, 0)} <= colours


def test_a_place_that_cannot_be_written_is_refused_before_the_work(shared_folder, capsys):
    with pytest.raises(UserError, match="cannot write"):
        inspect(shared_folder, shared_folder / "classes.json")
    assert capsys.readouterr().out == ""


def test_no_file_is_written_unasked(shared_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inspect(shared_folder)
    assert list(tmp_path.iterdir()) == []
