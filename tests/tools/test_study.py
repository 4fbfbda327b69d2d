"""The joint table of several comparisons."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.comparison.cell import Result
from trainer.comparison.group import Group
from trainer.comparison.plan import Cell, Kind
from trainer.comparison.plots import COLOURS
from trainer.cost import Cost

TOOL = Path(__file__).parents[2] / "tools" / "study.py"
QUARTER = Kind(factor=Fraction(1, 4), labels="area")
COST = Cost(
    device="cpu",
    threads=1,
    batch=8,
    seconds=240.0,
    picture_seconds=None,
    memory=100_400_000,
    whole_memory=None,
    crop_flops=2_000_000_000,
    picture_flops=None,
)


def comparison(path, *runs):
    """What `trainer compare` leaves of runs with these IoUs of road, pole and wire."""
    results = tuple(
        Result(
            cell=Cell(kind=QUARTER, seed=seed),
            split="test",
            miou=sum(run) / 3,
            boundary_miou=None,
            iou=dict(zip(("road", "pole", "wire"), run, strict=True)),
            cost=COST,
        )
        for seed, run in enumerate(runs)
    )
    kinds = [Group(kind=QUARTER, results=results).plain()]
    path.write_text(json.dumps({"shared": {"data": "folder:somewhere"}, "kinds": kinds}))
    return path


def study(*words):
    done = subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_of_several_comparisons_stand_in_one_table(tmp_path):
    a = comparison(tmp_path / "a.json", (0.9, 0.1, 0.2), (0.9, 0.2, 0.4))
    b = comparison(tmp_path / "b.json", (0.8, 0.3, 0.4))
    head, _, first, second = study(f"ce={a}", f"jdt={b}", "--thin", "pole,wire").splitlines()
    assert cells(head)[4:6] == ["mIoU, %", "thin classes, %"]
    seeds, known = ["45.0 ± 7.1", "22.5 ± 10.6"], ["-", "100", "-", "4.0"]
    assert cells(first) == ["ce", "1/4", "area", "2", *seeds, *known]
    assert cells(second) == ["jdt", "1/4", "area", "1", "50.0", "35.0", *known]


def test_json_has_every_seed_and_nothing_of_where_the_data_lies(tmp_path):
    a = comparison(tmp_path / "a.json", (0.9, 0.1, 0.2), (0.9, 0.2, 0.4))
    told = study(f"ce={a}", "--thin", "pole,wire", "--json")
    (row,) = json.loads(told)
    assert [round(value) for value in row["miou_percent"]["values"]] == [40, 50]
    assert [round(value) for value in row["thin_percent"]] == [15, 30]
    assert "somewhere" not in told


def test_written_json_is_read_again_and_a_row_a_class_is_printed(tmp_path):
    a = comparison(tmp_path / "a.json", (0.9, 0.1, 0.2), (0.9, 0.2, 0.4))
    b = comparison(tmp_path / "b.json", (0.8, 0.3, 0.4))
    kept = tmp_path / "kept.json"
    kept.write_text(study(f"ce={a}", f"jdt={b}", "--thin", "pole,wire", "--json"))
    assert study(kept) == study(f"ce={a}", f"jdt={b}", "--thin", "pole,wire")
    head, _, *rows = study(kept, "--by-class").splitlines()
    assert cells(head) == ["IoU, %", "ce, 1/4, area", "jdt, 1/4, area"]
    assert cells(rows[0]) == ["all classes", "45.0 ± 7.1", "50.0"]
    assert cells(rows[2]) == ["pole", "15.0 ± 7.1", "30.0"]
    assert len(rows) == 4


def test_a_plot_is_drawn_beside_the_table(tmp_path):
    a = comparison(tmp_path / "a.json", (0.9, 0.1, 0.2), (0.9, 0.2, 0.4))
    b = comparison(tmp_path / "b.json", (0.8, 0.3, 0.4))
    drawn = tmp_path / "study.png"
    told = study(f"ce={a}", f"jdt={b}", "--thin", "pole", "--plot", drawn)
    assert told == study(f"ce={a}", f"jdt={b}", "--thin", "pole")
    with Image.open(drawn) as plot:
        shown = np.asarray(plot.convert("RGB"))
    # Below the legend both rows are there, each in its colour.
    panels = shown[len(shown) // 4 :].reshape(-1, 3)
    for colour in COLOURS[:2]:
        wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (panels == wanted).all(1).sum() > 30, colour


def scored(labels, *values, name="default"):
    quality = {"values": list(values)}
    return {
        "name": name,
        "factor": "1/8",
        "labels": labels,
        "miou_percent": quality,
        "boundary_miou_percent": quality,
        "thin_percent": [3 * value for value in values],
    }


def test_label_modes_stand_side_by_side_for_each_score(tmp_path):
    kept = tmp_path / "kept.json"
    kinds = [scored("area", 5.0, 8.0), scored("nearest", 4.0), scored("full", 9.0, name="other")]
    kept.write_text(json.dumps(kinds))
    tables = [text.splitlines() for text in study(kept, "--by-labels").split("\n\n")]
    head, _, row = (cells(line) for line in tables[0])
    assert head == ["mIoU, %", "factor", "nearest", "area"]
    assert row == ["default", "1/8", "4.0", "6.5 ± 2.1"]
    assert [cells(lines[0])[0] for lines in tables[1:]] == [
        "thin classes, %",
        "within 3 pixels of a border, %",
    ]
    assert cells(tables[1][2])[2] == "12.0"


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ([scored("area", 5.0)], "nothing there was trained with several"),
        ([scored("area", 5.0), scored("area", 6.0)], "default, 1/8, area is there twice"),
    ],
)
def test_what_makes_no_table_of_label_modes_is_told(load_tool, kinds, says):
    with pytest.raises(SystemExit, match=says):
        load_tool("study").by_labels(kinds)


def test_label_modes_are_drawn_by_what_they_are_ahead_seed_by_seed(
    load_tool, monkeypatch, tmp_path
):
    tool, drawn = load_tool("study"), []
    monkeypatch.setattr(tool, "_marks", lambda _, where, values, *names: drawn.append(values))
    # Without nearest labels there is nothing to be ahead of.
    lone = scored("area", 9.0, name="other")
    kinds = [scored("area", 5.0, 8.0), scored("nearest", 4.0, 6.0), scored("majority", 4.0, 5.0)]
    tool.plot_labels([*kinds, lone], tmp_path / "labels.png")
    whole, thin, border = ([list(mode) for mode in panel] for panel in drawn)
    assert whole == border == [[0.0, -1.0], [1.0, 2.0]]
    assert thin == [[0.0, -3.0], [3.0, 6.0]]
    with Image.open(tmp_path / "labels.png") as plot:
        assert plot.width > 1000
