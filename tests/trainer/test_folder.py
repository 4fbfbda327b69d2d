"""`folder:DIR` reads what people have, and names the file that is wrong before any training."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data

ORIENTATION = 0x0112


def load(folder):
    return data.load(f"folder:{folder}")


def opened(path):
    with Image.open(path) as image:
        return np.array(image)


def mask_of(folder, split="train", name="0"):
    return folder / "masks" / split / f"{name}.png"


def test_splits_classes_and_colours_are_read(folder):
    dataset = load(folder)
    assert dataset.classes == ("ground", "wall", "sky")
    assert dataset.palette[1] == (200, 30, 30)
    assert {name: len(pairs) for name, pairs in dataset.splits.items()} == {
        "train": 6,
        "val": 2,
        "test": 2,
    }
    sample = dataset.split("train")[0].read()
    assert sample.picture.shape == (*sample.labels.shape, 3) == (61, 83, 3)


def test_a_list_of_names_is_enough(folder):
    (folder / "classes.json").write_text('["a", "b", "c"]')
    dataset = load(folder)
    assert dataset.classes == ("a", "b", "c")
    assert len(set(dataset.palette)) == 3
    assert dataset.ignore == 255


def test_classes_are_put_in_the_order_of_their_ids(folder):
    entries = [{"id": 2, "name": "c"}, {"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
    (folder / "classes.json").write_text(json.dumps({"classes": entries, "ignore_index": 250}))
    for split in ("train", "val", "test"):
        for path in (folder / "masks" / split).iterdir():
            labels = opened(path)
            labels[labels == 255] = 250
            Image.fromarray(labels).save(path)
    dataset = load(folder)
    assert dataset.classes == ("a", "b", "c")
    assert dataset.ignore == 250


def test_without_classes_json_the_masks_are_counted(folder):
    (folder / "classes.json").unlink()
    assert load(folder).classes == ("class 0", "class 1", "class 2")


def test_palette_masks_are_index_masks(folder):
    before = opened(mask_of(folder))
    image = Image.fromarray(before)
    image.putpalette(list(range(256)) * 3)
    image.save(mask_of(folder))
    assert np.array_equal(load(folder).split("train")[0].read().labels, before)


def test_a_rotated_photo_fits_its_upright_mask(folder):
    photo = folder / "images" / "train" / "0.png"
    upright = opened(photo)
    tag = Image.Exif()
    tag[ORIENTATION] = 6
    Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90).save(photo, exif=tag)
    assert np.array_equal(load(folder).split("train")[0].read().picture, upright)


def damaged(folder, kind):
    photo, mask = folder / "images" / "train" / "0.png", mask_of(folder)
    labels = opened(mask)
    if kind == "missing mask":
        mask.unlink()
    if kind == "another size":
        Image.fromarray(labels[:-1]).save(mask)
    if kind == "id out of range":
        labels[5, 5] = 77
        Image.fromarray(labels).save(mask)
    if kind == "colours":
        Image.fromarray(labels).convert("RGB").save(mask)
    if kind == "broken mask":
        mask.write_bytes(mask.read_bytes()[:60])
    if kind == "broken photo":
        photo.write_bytes(b"nothing")
    if kind == "cut photo":
        photo.write_bytes(photo.read_bytes()[:3000])
    if kind == "foreign photo":
        Image.fromarray(opened(photo)).save(photo, "GIF")
    if kind == "rotated photo":
        tag = Image.Exif()
        tag[ORIENTATION] = 6
        Image.fromarray(opened(photo)).save(photo, exif=tag)


@pytest.mark.parametrize(
    ("kind", "names", "says"),
    [
        ("missing mask", "masks/train/0.png", "is missing"),
        ("another size", "masks/train/0.png", "the mask is 83x60, its picture 0.png 83x61"),
        ("id out of range", "masks/train/0.png", "label 77 is neither a class (0 to 2) nor void"),
        ("colours", "masks/train/0.png", "the mask is RGB, not one class number per pixel"),
        ("broken mask", "masks/train/0.png", "not a readable mask"),
        ("broken photo", "images/train/0.png", "not a JPEG, PNG, WebP, TIFF or BMP"),
        ("cut photo", "images/train/0.png", "damaged PNG"),
        ("foreign photo", "images/train/0.png", "not a JPEG, PNG, WebP, TIFF or BMP"),
        ("rotated photo", "masks/train/0.png", "61x83 (upright)"),
    ],
)
def test_a_damaged_pair_is_named_with_what_to_do(folder, kind, names, says):
    damaged(folder, kind)
    with pytest.raises(UserError) as caught:
        load(folder)
    assert names in caught.value.message
    assert says in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not a list of classes"),
        ('{"names": []}', "not a list of classes"),
        ('[{"colour": [1, 2, 3]}]', "not a list of classes"),
        ('[{"name": "a", "id": 1}]', "without a gap"),
        ('{"classes": ["a"], "ignore": "x"}', "no whole number"),
        ('"abc"', "the classes are no list"),
        ('{"classes": {"0": "road"}}', "the classes are no list"),
        ("[null]", "not a list of classes"),
    ],
)
def test_a_malformed_classes_json_is_shown_the_right_form(folder, content, says):
    (folder / "classes.json").write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        load(folder)
    assert "write [" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('["a", "b", "a"]', "class a is there twice"),
        ('["a", "", "c"]', "no name"),
        ('[{"name": 3}, "b", "c"]', "no name"),
        ('[{"name": "a", "color": [300, 0, 0]}, "b", "c"]', "0 to 255"),
        ('[{"name": "a", "color": [0.5, 0, 0]}, "b", "c"]', "0 to 255"),
        ('{"classes": ["a", "b", "c"], "ignore": 1}', "ignore 1 is not a void id"),
    ],
)
def test_classes_that_cannot_be_are_named_with_their_folder(folder, content, says):
    (folder / "classes.json").write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        load(folder)
    assert str(folder) in caught.value.message


def test_binary_masks_are_explained_where_classes_are_named_too(folder):
    for path in (folder / "masks").glob("*/*.png"):
        labels = opened(path)
        Image.fromarray(np.where(labels == 1, 255, 0).astype(np.uint8)).save(path)
    with pytest.raises(UserError, match="the masks use 1 class besides void") as caught:
        load(folder)
    assert "the 255 means void" in caught.value.hint


def test_a_class_that_no_mask_shows_is_said(folder, capsys):
    (folder / "classes.json").write_text('["a", "b", "c", "ghost"]')
    load(folder)
    assert "note: no mask shows ghost" in capsys.readouterr().err


def test_a_split_that_is_not_there_is_said(folder, capsys):
    for kind in ("images", "masks"):
        shutil.rmtree(folder / kind / "val")
    assert set(load(folder).splits) == {"train", "test"}
    assert "note: no images/val" in capsys.readouterr().err


def test_a_mask_of_another_format_is_told_from_a_missing_one(folder):
    mask = mask_of(folder)
    mask.rename(mask.with_suffix(".jpg"))
    with pytest.raises(UserError) as caught:
        load(folder)
    assert "0.jpg is there, but masks are PNGs" in caught.value.hint


def test_a_folder_without_the_word_folder_is_explained(folder):
    with pytest.raises(UserError) as caught:
        data.load(str(folder))
    assert f"write folder:{folder}" in caught.value.hint


def test_binary_masks_of_0_and_255_are_explained(folder):
    (folder / "classes.json").unlink()
    for path in (folder / "masks").glob("*/*.png"):
        labels = opened(path)
        Image.fromarray(np.where(labels == 1, 255, 0).astype(np.uint8)).save(path)
    with pytest.raises(UserError, match="one class besides void") as caught:
        load(folder)
    assert "number the classes" in caught.value.hint


@pytest.mark.parametrize("spec", ["folder", "folder:nowhere"])
def test_a_place_without_pictures_shows_the_layout(spec):
    with pytest.raises(UserError) as caught:
        data.load(spec)
    assert "images/train/NAME.jpg" in caught.value.hint


def test_an_unknown_data_set_offers_the_nearest_and_the_file_to_create():
    with pytest.raises(UserError, match="did you mean 'folder'") as caught:
        data.load("foldr:x")
    assert "trainer/datasets/foldr.py" in caught.value.hint
