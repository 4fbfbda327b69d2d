"""`trainer predict --url`: the masks of a service, written as those of a checkpoint are."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from kernels.picture import Reduced
from trainer import checkpoint, data, evaluate
from trainer.__main__ import app

ROOT = Path(__file__).parents[2]
# ONNX Runtime and torch may see the last digit of a tie differently.
MOST_TIES = 5


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """An empty folder to work in, and no proxy on the way to this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*words):
    app(["predict", *map(str, words)], standalone_mode=False)


@pytest.fixture(scope="module")
def service(artefact):
    """The address of a real server of the artefact."""
    process = subprocess.Popen(
        [sys.executable, "-m", "serve", str(artefact), "--port", "0"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield re.search(r"http://\S+", process.stderr.readline())[0]
        finally:
            process.kill()


def test_a_services_masks_are_the_checkpoints(service, model, shared_folder, place, capsys):
    pictures = sorted((shared_folder / "images" / "test").iterdir())
    # One that its decoder reduces, here and there.
    Image.open(pictures[0]).resize((96, 64)).save("street.jpg")
    pictures.append(place / "street.jpg")
    contract = checkpoint.load(model).contract
    assert isinstance(data.read_for(contract, pictures[-1]), Reduced)
    predict(model, *pictures, "--out", "here")
    told = capsys.readouterr().out
    predict("--url", service, *pictures, "--out", "there")
    assert capsys.readouterr().out == told.replace("here/", "there/")
    for picture in pictures:
        name = f"{picture.stem}-mask.png"
        here, there = Image.open(place / "here" / name), Image.open(place / "there" / name)
        assert here.mode == there.mode == "P"
        assert here.getpalette() == there.getpalette()
        assert (np.array(here) != np.array(there)).sum() <= MOST_TIES


def test_a_bad_picture_costs_no_other_its_mask(service, shared_folder, place, capsys):
    (place / "text.jpg").write_text("hello")
    picture = shared_folder / "images" / "test" / "0.png"
    with pytest.raises(UserError, match="2 of 3 pictures have no mask"):
        predict("--url", service, "text.jpg", "gone.jpg", picture)
    told = capsys.readouterr()
    assert told.out == "0-mask.png\n"
    assert "error: text.jpg: not a JPEG, PNG, WebP, TIFF or BMP picture\nhint: " in told.err
    assert "error: gone.jpg: cannot be read (No such file or directory)\n" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--url", "http://127.0.0.1:1", "a.png"), "does not answer"),
        (("--url", "nonsense", "a.png"), "is no address of a service"),
        (("--url", "http://127.0.0.1:1", "model.ckpt", "a.png"), "are two models"),
        (("model.ckpt", "a.png", "--model", "streets"), "--model is of a service"),
        (("a.png",), "a checkpoint and at least one picture are needed"),
    ],
)
def test_what_cannot_be_asked_is_said_with_a_hint(words, message, place):
    with pytest.raises(UserError, match=message) as told:
        predict(*words)
    assert told.value.hint
    assert list(place.iterdir()) == []


def test_a_jpeg_may_be_decoded_whole(model, shared_folder, place):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    Image.fromarray(noise).save("noise.jpg")
    predict(model, "noise.jpg", "--out", "reduced.png")
    predict(model, "noise.jpg", "--out", "whole.png", "--whole-decode")
    reduced, whole = (np.array(Image.open(f"{name}.png")) for name in ("reduced", "whole"))
    loaded = checkpoint.load(model)
    expected = evaluate.predict(loaded.network, loaded.contract, np.array(Image.open("noise.jpg")))
    assert np.array_equal(whole, expected)
    assert not np.array_equal(whole, reduced)
    with pytest.raises(UserError, match="--whole-decode is the service's to say"):
        predict("--url", "http://127.0.0.1:9", "noise.jpg", "--whole-decode")
