"""The GPU's table tells what ran apart from what was skipped, failed or could not be reached."""

import subprocess
import sys
from pathlib import Path

import pytest

from export import flavour

PASSING = "def test_a(): ..."
SKIPPED = """
import pytest
@pytest.mark.parametrize("n", [1, 2])
def test_b(n): pytest.skip("pycuda is not installed")
"""
WHOLE = "import pytest\npytest.skip('wants triton', allow_module_level=True)"
FAILING = "def test_c(): assert False\ndef test_d(nosuch): ..."


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("gpu")


def plain(lines):
    return [(line.what, line.outcome, line.count, line.why) for line in lines]


def test_a_report_of_pytest_is_told_by_file_outcome_and_reason(tool, tmp_path):
    codes = {"mixed": PASSING + SKIPPED, "whole": WHOLE, "failing": FAILING}
    for name, code in codes.items():
        (tmp_path / f"test_{name}.py").write_text(code)
    words = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir=."]
    subprocess.run([*words, "--junitxml=told.xml"], cwd=tmp_path, capture_output=True)
    assert plain(tool.read(tmp_path / "told.xml")) == [
        ("test_failing.py", "FAILED", 2, "see above"),
        ("test_mixed.py", "NOT RUN", 2, "pycuda is not installed"),
        ("test_mixed.py", "ran", 1, ""),
        ("test_whole.py", "NOT RUN", 1, "wants triton"),
    ]


def test_a_crash_and_an_error_before_any_test_are_failures(tool, tmp_path, monkeypatch):
    report = tmp_path / "tests.xml"
    report.write_text("of an earlier run")
    monkeypatch.setattr(tool, "called", lambda title, words: -11)
    ((_, outcome, _, why),) = plain(tool.tests(report, []))
    assert (outcome, why) == ("FAILED", "pytest ended with -11: see above")

    def empty(title, words):
        report.write_text("<testsuites/>")
        return 5

    monkeypatch.setattr(tool, "called", empty)
    assert plain(tool.tests(report, [])) == [("tests", "FAILED", 1, "pytest ended with 5")]


def test_what_stands_on_a_failed_step_is_not_run(tool, monkeypatch):
    begun = []

    def called(title, words):
        begun.append(title)
        return int(title == "a model to export")

    monkeypatch.setattr(tool, "called", called)
    lines = list(tool.run(tool.steps(Path("out"))))
    assert [line.outcome for line in lines] == ["ran", "ran", "FAILED", *3 * ["NOT RUN"]]
    assert [line.what for line in lines if line.outcome != "NOT RUN"] == begun
    assert lines[-1].why == "it wants: its artefact in fp16"


def test_each_step_stands_on_one_before_it(tool):
    steps = tool.steps(Path("out"))
    titles = ["", *(step.title for step in steps)]
    assert all(step.after in titles[: index + 1] for index, step in enumerate(steps))


def test_the_table_counts_what_was_not_run_apart(tool):
    lines = [
        tool.Line(what="tests/a.py", outcome=tool.RAN, count=40),
        tool.Line(what="tests/a.py", outcome=tool.NOT_RUN, count=2, why="tensorrt is not there"),
    ]
    *rows, _, total = tool.table(lines).splitlines()
    assert rows[-1] == "| tests/a.py | NOT RUN | 2 | tensorrt is not there |"
    assert total == "40 ran, 2 NOT RUN, 0 FAILED"


def test_without_a_gpu_nothing_is_run_and_that_is_an_error(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(flavour, "gpu_architecture", lambda: None)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    assert ended.value.code == 2
    assert "there is no NVIDIA GPU here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("outcome", "code"), [("ran", 0), ("NOT RUN", 0), ("FAILED", 1)])
def test_only_a_failure_fails_and_the_table_says_with_what_it_ran(
    tool, tmp_path, monkeypatch, capsys, outcome, code
):
    monkeypatch.setattr(flavour, "gpu_architecture", lambda: 86)
    monkeypatch.setattr(tool, "_driver", lambda: "13.0")
    monkeypatch.setattr(tool, "tests", lambda report, more: [tool.Line(what="t", outcome=outcome)])
    monkeypatch.setattr(tool, "run", lambda steps: [])
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    assert ended.value.code == code
    told = capsys.readouterr().out
    assert "GPU sm86, driver CUDA 13.0, torch 2." in told
    assert "onnxruntime-gpu not installed" in told
    assert f"| t | {outcome} | 1 |  |" in told
