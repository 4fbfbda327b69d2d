"""Scores are counted at native size, void in none of them."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from kernels.errors import UserError
from trainer import checkpoint, data, evaluate
from trainer.__main__ import app
from trainer.score import Score, Truth, scored


def trainer(*words, cwd):
    command = [sys.executable, "-m", "trainer", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_a_hand_worked_score():
    labels = np.array([[0, 0, 1, 255], [0, 1, 1, 255]], np.uint8)
    mask = np.array([[0, 1, 1, 2], [0, 1, 0, 1]], np.uint8)
    score = scored(("a", "b", "c"), Truth(labels, 3, 255).against(mask))
    assert score.iou[:2].tolist() == [2 / 4, 2 / 4]
    assert math.isnan(score.iou[2])
    assert score.mean_iou == 0.5
    assert score.accuracy == pytest.approx(4 / 6)
    assert score.plain()["iou"] == {"a": 0.5, "b": 0.5, "c": None}
    assert json.loads(json.dumps(score.plain(), allow_nan=False)) == score.plain()


def test_a_split_of_void_alone_has_no_score():
    score = Score(classes=("a", "b"), confusion=np.zeros((2, 2), np.int64))
    assert math.isnan(score.mean_iou)
    assert math.isnan(score.accuracy)
    assert score.plain() == {"miou": None, "accuracy": None, "iou": {"a": None, "b": None}}


def test_evaluate_scores_full_size_labels(model, shared_folder, tmp_path):
    done = trainer("evaluate", model, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    loaded, pairs = checkpoint.load(model), data.load(f"folder:{shared_folder}").split("test")
    total = np.zeros((3, 3), np.int64)
    for pair in pairs:
        sample = pair.read()
        mask = evaluate.predict(loaded.network, loaded.contract, sample.picture)
        assert mask.shape == sample.labels.shape
        for truth, guess in zip(sample.labels.flat, mask.flat, strict=True):
            if truth != 255:
                total[truth, guess] += 1
    assert told["miou"] == pytest.approx(
        Score(classes=("a", "b", "c"), confusion=total).mean_iou, abs=1e-5
    )


def test_evaluate_prints_the_iou_at_boundaries_beside_the_iou(model, capsys):
    app(["evaluate", str(model), "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    app(["evaluate", str(model)], standalone_mode=False)
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.split() == ["test", "split,", "native", "size", "IoU", "at", "boundaries"]
    rows = {line[:22].strip(): line[22:].split() for line in lines}
    for name in ("ground", "wall", "sky"):
        expected = [told["iou"][name], told["boundary_iou"][name]]
        assert rows[name] == [f"{100 * value:.1f}" for value in expected]
    assert rows["mean IoU"][1] == f"{100 * told['boundary_miou']:.1f}"
    assert len(rows["pixels right"]) == 1


def test_other_classes_than_the_models_are_refused(model, folder, tmp_path):
    (folder / "classes.json").write_text('["x", "y", "z"]')
    done = trainer("evaluate", model, "--data", f"folder:{folder}", cwd=tmp_path)
    assert done.returncode == 2
    assert "score it on data with the classes it was trained for" in done.stderr


def test_predict_writes_a_palette_mask_of_the_upright_pictures_size(model, shared_folder, tmp_path):
    stored = Image.open(shared_folder / "images" / "test" / "0.png").transpose(
        Image.Transpose.ROTATE_90
    )
    tag = Image.Exif()
    tag[0x0112] = 6
    stored.save(tmp_path / "turned.png", exif=tag)
    straight = shared_folder / "images" / "test" / "0.png"
    done = trainer("predict", model, tmp_path / "turned.png", straight, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["turned-mask.png", "0-mask.png"]
    turned, upright = (Image.open(tmp_path / f"{name}-mask.png") for name in ("turned", "0"))
    assert turned.mode == "P"
    assert turned.size == (83, 61)
    assert turned.getpalette()[:9] == [90, 60, 40, 200, 30, 30, 60, 120, 220]
    assert np.array_equal(np.array(turned), np.array(upright))


def test_predict_takes_out_for_one_file_or_a_folder(model, shared_folder, tmp_path):
    pictures = sorted((shared_folder / "images" / "test").iterdir())
    assert trainer("predict", model, pictures[0], "--out", "a.png", cwd=tmp_path).returncode == 0
    assert trainer("predict", model, *pictures, "--out", "masks", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "masks" / "0-mask.png").read_bytes()


def test_predict_goes_on_after_a_bad_picture_and_says_so(model, shared_folder, tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    picture = shared_folder / "images" / "test" / "0.png"
    done = trainer("predict", model, "text.jpg", tmp_path, "gone.jpg", picture, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == "0-mask.png\n"
    assert "text.jpg: not a JPEG, PNG, WebP, TIFF or BMP picture" in done.stderr
    assert "gone.jpg: cannot be read (No such file or directory)" in done.stderr
    assert "3 of 4 pictures have no mask" in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_takes_no_other_picture_format_for_a_mask(model, shared_folder, tmp_path):
    picture = shared_folder / "images" / "test" / "0.png"
    done = trainer("predict", model, picture, "--out", "mask.jpg", cwd=tmp_path)
    assert done.returncode == 2
    assert "a mask is a PNG" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_predict_never_overwrites(model, shared_folder, tmp_path):
    picture = shared_folder / "images" / "test" / "0.png"
    done = trainer("predict", model, picture, "--out", picture, cwd=tmp_path)
    assert done.returncode == 2
    assert "would overwrite a picture" in done.stderr
    done = trainer("predict", model, picture, picture, cwd=tmp_path)
    assert "two pictures have the same name" in done.stderr


def test_the_datas_own_void_number_is_left_out(model, folder, tmp_path):
    plain = json.loads((folder / "classes.json").read_text())
    (folder / "classes.json").write_text(json.dumps(plain | {"ignore": 250}))
    before = trainer("evaluate", model, "--json", cwd=tmp_path).stdout
    for path in (folder / "masks").glob("*/*.png"):
        with Image.open(path) as image:
            labels = np.array(image)
        labels[labels == 255] = 250
        Image.fromarray(labels).save(path)
    done = trainer("evaluate", model, "--data", f"folder:{folder}", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("contract"),
        lambda content: content.pop("weights"),
        lambda content: content.pop("steps_done"),
        lambda content: content["recipe"].pop("factor"),
        lambda content: content["recipe"].update(speed=3),
        lambda content: content.update(weights=[1]),
        lambda content: content.update(contract=3),
        lambda content: content.update(contract="{}"),
        lambda content: content.update(steps_done="x"),
        lambda content: content["weights"].pop("mean"),
        lambda content: content["recipe"].update(model="other"),
    ],
)
def test_a_checkpoint_with_a_part_missing_is_named(model, tmp_path, damage):
    content = torch.load(model, weights_only=True)
    damage(content)
    torch.save(content, tmp_path / "model.ckpt")
    with pytest.raises(UserError, match=r"model.ckpt: "):
        checkpoint.load(tmp_path / "model.ckpt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nothing", b"not a checkpoint"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "model.ckpt").write_bytes(content)
    done = trainer("evaluate", "model.ckpt", cwd=tmp_path)
    assert done.returncode == 2
    assert "not a softres checkpoint, or damaged" in done.stderr


def test_list_names_what_there_is(tmp_path):
    told = json.loads(trainer("list", "--json", cwd=tmp_path).stdout)
    assert {"compact", "hrnetv2-w48-ocr", "hf"} <= set(told["models"])
    assert {"folder", "streets", "cityscapes"} <= set(told["datasets"])
    assert {"streets", "cityscapes-half", "mapillary", "ade20k"} <= set(told["recipes"])
    assert "`compact`: a small residual U-Net" in trainer("list", cwd=tmp_path).stdout


def test_the_version_is_the_writers(tmp_path):
    assert trainer("--version", cwd=tmp_path).stdout.startswith("softres ")
