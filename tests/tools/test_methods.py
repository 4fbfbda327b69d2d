"""The experiment with few labels runs every cell once, and tells what was measured."""

import json
import sys

import pytest


@pytest.fixture(scope="module")
def methods(load_tool):
    return load_tool("methods")


def result(miou):
    cost = {"picture_seconds": 0.05, "batch": 8, "memory": None}
    return {"miou": miou, "boundary_miou": miou / 2, "cost": cost}


def test_the_table_has_mean_and_spread_of_what_is_there(methods, tmp_path):
    for seed, miou in ((0, 0.4), (1, 0.5)):
        folder = methods.place(tmp_path, "pals:alpha=0.5", seed)
        folder.mkdir()
        (folder / "result.json").write_text(json.dumps(result(miou)))
        (folder / "cpu.json").write_text('{"cpu_seconds": 120}')
    _, _, *rows = methods.table(tmp_path, ["soft", "pals:alpha=0.5"], [0, 1, 2]).splitlines()
    cells = "45.0 ± 7.1 | 22.5 ± 3.5 | 2.0 ± 0.0 | 400.0 ± 0.0 | not measured"
    assert rows == [
        "| `soft` | 0 |" + " not measured |" * 5,
        f"| `pals:alpha=0.5` | 2 | {cells} |",
    ]


def test_a_run_is_made_once_and_others_need_the_same_words(
    methods, shared_folder, tmp_path, monkeypatch, capsys
):
    words = ["--data", f"folder:{shared_folder}", "--factor", "1/2", "--labelled", "1/2"]
    words += ["--steps", "2", "--methods", "soft", "--seeds", "3", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["methods.py", *words, "--batch", "2"])
    methods.main()
    told = capsys.readouterr().out
    assert methods.found(tmp_path / "out", "soft", 3)["cpu_seconds"] > 0
    monkeypatch.setattr(methods, "train", None)
    methods.main()
    assert capsys.readouterr().out == told
    monkeypatch.setattr(sys, "argv", ["methods.py", *words, "--batch", "4"])
    with pytest.raises(SystemExit, match="choose another --out"):
        methods.main()


def test_a_run_that_fails_is_told_with_its_error(methods, shared_folder, tmp_path):
    words = ["--data", f"folder:{shared_folder}", "--labelled", "0"]
    with pytest.raises(SystemExit, match=r"seed 0 has failed: see .*log\.txt"):
        methods.train(tmp_path, "soft", 0, words)
    log = (methods.place(tmp_path, "soft", 0) / "log.txt").read_text()
    assert "--labelled '0' is neither a share" in log
    assert methods.found(tmp_path, "soft", 0) is None
