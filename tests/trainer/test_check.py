"""The traps that data sets hold: each is refused or told, with the file it is in."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import check as checking
from trainer import data
from trainer.data import Dataset, Pair
from trainer.layout import Layout

ORIENTATION = 0x0112


def tagged(photo, orientation, *, turn=None):
    """Rewrite a photo with an EXIF tag, its stored pixels turned where asked."""
    with Image.open(photo) as image:
        pixels = image.convert("RGB")
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    (pixels.transpose(turn) if turn is not None else pixels).save(photo, exif=tag)


def rewrite(mask, change):
    with Image.open(mask) as image:
        labels = np.array(image)
    Image.fromarray(change(labels).astype(np.uint8)).save(mask)


def masks(folder):
    return sorted((folder / "masks").glob("*/*.png"))


def test_ids_that_start_at_1_are_suspected_where_one_is_too_high(folder):
    for mask in masks(folder):
        rewrite(mask, lambda labels: np.where(labels == 255, 0, labels + 1))
    with pytest.raises(UserError, match="label 3 is neither a class") as caught:
        data.load(f"folder:{folder}")
    assert '"ignore": 0' in caught.value.hint


def test_ids_that_start_at_1_are_suspected_where_no_class_is_named(folder, capsys):
    (folder / "classes.json").unlink()
    for mask in masks(folder):
        rewrite(mask, lambda labels: np.where(labels == 255, 255, labels + 1))
    data.load(f"folder:{folder}")
    assert "no mask shows class 0; do the numbers in the masks start at 1?" in (
        capsys.readouterr().err
    )


def test_the_same_name_in_two_splits_may_be_two_pictures(folder):
    dataset = data.load(f"folder:{folder}")
    names = [{pair.picture.name for pair in split} for split in dataset.splits.values()]
    assert set.intersection(*names)


def test_the_same_picture_in_two_splits_is_refused(folder):
    for kind in ("images", "masks"):
        shutil.copy(folder / kind / "train" / "1.png", folder / kind / "val" / "1.png")
    with pytest.raises(UserError, match=r"val/1\.png is in the split val and, as") as caught:
        data.load(f"folder:{folder}")
    assert "images/train/1.png, in train" in caught.value.message
    assert "one split" in caught.value.hint


def test_a_turned_photo_whose_mask_is_not_turned_is_told_so(folder):
    tagged(folder / "images" / "train" / "0.png", 6)
    with pytest.raises(UserError, match=r"the mask is 83x61, .* 61x83 \(upright\)") as caught:
        data.load(f"folder:{folder}")
    assert "turned by its EXIF tag and its mask is not" in caught.value.hint


def test_photos_upside_down_are_told_for_no_size_can_show_them(folder, capsys):
    tagged(folder / "images" / "train" / "0.png", 3)
    data.load(f"folder:{folder}")
    assert "pictures turned by their EXIF tag: 1" in capsys.readouterr().err


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_published_mask_is_turned_with_its_stored_photo(tmp_path, orientation):
    stored = np.arange(24, dtype=np.uint8).reshape(4, 6)
    photo, mask = tmp_path / "a.png", tmp_path / "b.png"
    # A grey photo of its own labels: upright they must still be the same.
    Image.fromarray(stored).save(photo)
    tagged(photo, orientation)
    Image.fromarray(stored).save(mask)
    sample = Pair(picture=photo, mask=mask, turn_mask=True).read()
    assert sample.labels.shape == (6, 4)
    assert np.array_equal(sample.picture[..., 0], sample.labels)


def test_every_pair_of_a_published_set_may_have_its_mask_turned(written):
    dataset = data.load(written("voc").spec)
    assert all(pair.turn_mask for split in dataset.splits.values() for pair in split)


def test_of_many_pairs_some_are_looked_into_and_that_is_said(tmp_path, capsys):
    layout = Layout(name="x", root=tmp_path, tree="x")
    for index in range(60):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
            labels = np.arange(6, dtype=np.uint8).reshape(2, 3) % 2
            # The last mask is wrong, and not among those that are looked into.
            Image.fromarray(labels + 9 * (index == 59)).save(tmp_path / kind / f"{index:02}.png")
    pairs = layout.pairs(tmp_path / "images", tmp_path / "masks")
    colours = ((0, 0, 0), (1, 1, 1))
    dataset = layout.dataset(("a", "b"), colours, {"train": pairs})
    assert "looked into 24 of 60 pairs" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"59\.png: label 9"):
        checking.check(dataset)


def test_one_class_alone_is_refused_in_published_sets_too(written):
    known = written("ade20k")
    for mask in (known.root / "annotations").glob("*/*.png"):
        rewrite(mask, lambda labels: np.minimum(labels, 1))
    with pytest.raises(UserError, match="the masks use 1 class besides void"):
        data.load(known.spec)


def test_a_pair_of_two_sizes_is_refused_whenever_it_is_read(tmp_path):
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    Image.new("L", (6, 5)).save(tmp_path / "b.png")
    pair = Pair(picture=tmp_path / "a.png", mask=tmp_path / "b.png")
    dataset = Dataset(classes=("a",), palette=((0, 0, 0),), ignore=255, splits={"train": [pair]})
    with pytest.raises(UserError, match=r"b\.png: the mask is 6x5, its picture a\.png 6x4"):
        dataset.split("train")[0].read()
