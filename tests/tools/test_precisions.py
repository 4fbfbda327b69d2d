"""The table of precisions tells what verifying counted, of what was published and refused."""

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("precisions")


def test_a_row_is_what_the_artefact_or_the_report_of_its_refusal_says(tool, artefact, tmp_path):
    folder = tool.place(tmp_path, "compact")
    folder.mkdir()
    shutil.copy(artefact, folder / "fp32.onnx")
    labelled = {"changed": 5, "pixels": 1000, "miou_checkpoint": 0.5, "miou_artefact": 0.25}
    refused = {"agrees": False, "objections": ["mIoU falls"], "labelled": labelled}
    (folder / "int8.onnx.verify.json").write_text(json.dumps(refused))
    fp32, int8, bf16 = (tool.row(tmp_path, "compact", name) for name in ("fp32", "int8", "bf16"))
    megabytes = f"{artefact.stat().st_size / 1e6:.1f}"
    assert fp32.startswith("| `compact` | fp32 | 0.000 % | ")
    assert fp32.endswith(f" | {megabytes} | published |")
    cells = "0.500 % | 50.00 | 25.00 | - | refused: mIoU falls"
    assert int8 == f"| `compact` | int8 | {cells} |"
    assert bf16 == "| `compact` | bf16 |" + " not measured |" * 5
    lines = tool.table(tmp_path, ["compact"], ["fp32", "int8", "bf16"]).splitlines()
    assert lines[2:] == [fp32, int8, bf16]


def test_what_is_there_is_not_made_again_and_what_failed_is_told(tool, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(tool, "_run", lambda folder, words: ran.append(words[0]) or 2)
    folder = tool.place(tmp_path, "compact")
    with pytest.raises(SystemExit, match="compact was not trained: see"):
        tool.train(tmp_path, "compact", [])
    (folder / "model.ckpt").touch()
    tool.train(tmp_path, "compact", [])
    with pytest.raises(SystemExit, match="compact in int8 has failed"):
        tool.write(tmp_path, "compact", "int8", [])
    assert ran == ["fit", "export"]


def test_models_of_other_words_are_not_mixed(tool, tmp_path):
    tool._settle(tmp_path, ["--steps", "1"])
    tool._settle(tmp_path, ["--steps", "1"])
    with pytest.raises(SystemExit, match="holds models with --steps 1: choose another --out"):
        tool._settle(tmp_path, ["--steps", "2"])
