"""Each kind of waiting is timed alone and beside a program that is busy."""

import subprocess
import sys


def test_a_row_a_kind_of_waiting_and_nobody_is_left_busy(load_tool, monkeypatch, capsys):
    tool = load_tool("beside")
    begun = []

    class Watched(subprocess.Popen):
        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            begun.append(self)

    def apart(spins):
        busy = bool(begun) and begun[-1].poll() is None
        return 2.0 if busy else float(spins) / 1000

    monkeypatch.setattr(tool.subprocess, "Popen", Watched)
    monkeypatch.setattr(tool, "apart", apart)
    monkeypatch.setattr(sys, "argv", ["beside.py"])
    tool.main()
    rows = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["as in libgomp", "300.0", "2.0"],
        ["ours", "10.0", "2.0"],
    ]
    assert len(begun) == 2 * tool.TURNS
    assert all(process.poll() is not None for process in begun)


def test_a_short_training_says_its_speed_with_the_waiting_it_was_given(
    load_tool, monkeypatch, shared_folder
):
    tool = load_tool("beside")
    monkeypatch.setattr(sys, "argv", [tool.__file__, "--data", f"folder:{shared_folder}"])
    assert tool.apart("5") > 0
