"""What one artefact costs beside another."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "bill.py"


@pytest.fixture(scope="module")
def bill(load_tool):
    return load_tool("bill")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_medians_stand_side_by_side_and_totals_as_multiples(bill):
    whole = "a core, all together"
    first = {"network": [1.0, 9.0, 2.0], whole: [10.0, 10.0], "only here": [1.0]}
    second = {"network": [4.0, 4.0, 4.0], whole: [15.0, 15.0]}
    head, _, *rows = bill.table(["a.onnx", "b.onnx"], [first, second]).splitlines()
    assert cells(head) == ["ms, median", "a.onnx", "b.onnx"]
    assert [cells(row) for row in rows] == [
        ["network", "2.0", "4.0"],
        [whole, "10.0", "15.0"],
        ["beside the first", "1.00 x", "1.50 x"],
    ]


def test_an_artefact_is_measured_beside_itself(artefact):
    words = [sys.executable, TOOL, artefact, artefact, "--size", "64x96", "--turns", "3"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = {cells(line)[0]: cells(line)[1:] for line in done.stdout.splitlines()}
    assert float(rows["network"][0]) > 0
    assert rows["beside the first"][0] == "1.00 x"
