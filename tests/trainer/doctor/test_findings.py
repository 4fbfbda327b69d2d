"""Every fault of a data set is found in one go, the worst first, with its files and a hint."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import catalog
from trainer.doctor.report import examine

ORIENTATION = 0x0112


def opened(path):
    with Image.open(path) as image:
        return np.array(image)


def photo(folder, name="0", split="train"):
    return folder / "images" / split / f"{name}.png"


def mask(folder, name="0", split="train"):
    return folder / "masks" / split / f"{name}.png"


def turned(path, orientation):
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    Image.fromarray(opened(path)).save(path, exif=tag)


def change(path, function):
    Image.fromarray(function(opened(path)).astype(np.uint8)).save(path)


def void(labels):
    return np.full_like(labels, 255)


def stray(labels):
    labels[5, 5:8] = 77
    return labels


def binary(labels):
    return np.where(labels == 1, 255, 0)


def findings(folder):
    return examine(f"folder:{folder}").findings


def test_a_good_data_set_has_no_findings(folder):
    assert findings(folder) == ()


@pytest.mark.parametrize(
    ("harm", "severity", "what", "file", "detail"),
    [
        (
            lambda root: mask(root).unlink(),
            "error",
            "masks that are missing",
            "masks/train/0.png",
            "",
        ),
        (
            lambda root: change(mask(root), lambda labels: labels[:-1]),
            "error",
            "masks of another size than their pictures",
            "masks/train/0.png",
            "the mask is 83x60, its picture 0.png 83x61 (upright)",
        ),
        (
            lambda root: change(mask(root), stray),
            "error",
            "numbers that are neither a class (0 to 2) nor void (255)",
            "masks/train/0.png",
            "77",
        ),
        (
            lambda root: Image.fromarray(opened(mask(root))).convert("LA").save(mask(root)),
            "error",
            "masks that cannot be used",
            "masks/train/0.png",
            "the mask is LA, not one class number per pixel",
        ),
        (
            lambda root: photo(root).write_bytes(b"nothing"),
            "error",
            "pictures that cannot be read",
            "images/train/0.png",
            "not a JPEG, PNG, WebP, TIFF or BMP picture",
        ),
        (
            lambda root: turned(photo(root), 3),
            "warning",
            "photos that their EXIF tag turns",
            "images/train/0.png",
            "orientation 3",
        ),
        (
            lambda root: turned(photo(root), 6),
            "error",
            "masks of another size than their pictures",
            "masks/train/0.png",
            "the mask is 83x61, its picture 0.png 61x83 (upright)",
        ),
        (
            lambda root: change(mask(root), void),
            "warning",
            "masks of nothing but void",
            "masks/train/0.png",
            "",
        ),
        (
            lambda root: photo(root).unlink(),
            "warning",
            "masks without a picture",
            "masks/train/0.png",
            "",
        ),
        (
            lambda root: shutil.copy(photo(root), photo(root, split="test")),
            "error",
            "the same picture in two splits",
            "images/test/0.png",
            "as train/0.png",
        ),
        (
            lambda root: shutil.copy(photo(root), photo(root, "1")),
            "warning",
            "the same picture twice in one split",
            "images/train/1.png",
            "as train/0.png",
        ),
        (
            lambda root: Image.fromarray(opened(photo(root)) // 2 + 40).save(
                photo(root, split="val")
            ),
            "warning",
            "pictures that look almost alike in two splits",
            "images/val/0.png",
            "as train/0.png",
        ),
    ],
)
def test_a_fault_is_found_with_its_file(folder, harm, severity, what, file, detail):
    harm(folder)
    found = findings(folder)[0]
    assert (found.severity, found.what) == (severity, what)
    assert [(str(p.path.relative_to(folder)), p.detail) for p in found.places] == [(file, detail)]
    assert found.hint


def test_every_fault_is_told_at_once_and_the_worst_first(folder):
    turned(photo(folder, "1"), 3)
    for name in ("2", "3"):
        mask(folder, name).unlink()
    change(mask(folder, "4"), stray)
    photo(folder, "5").write_bytes(b"nothing")
    found = findings(folder)
    assert [each.severity for each in found] == ["error"] * 3 + ["warning"]
    assert sorted(len(each.places) for each in found) == [1, 1, 1, 2]


def test_a_broken_picture_without_a_mask_is_a_broken_picture_first(folder):
    photo(folder).write_bytes(b"nothing")
    mask(folder).unlink()
    assert [each.what for each in findings(folder)] == ["pictures that cannot be read"]


def test_a_mask_of_another_format_is_told_from_a_missing_one(folder):
    mask(folder).rename(mask(folder).with_suffix(".jpg"))
    assert "0.jpg is there, but masks are PNGs" in findings(folder)[0].hint


def test_numbers_that_start_at_one_are_explained(folder):
    for path in (folder / "masks").glob("*/*.png"):
        change(path, lambda labels: np.where(labels == 255, 255, labels + 1))
    found = [each for each in findings(folder) if each.severity == "error"]
    assert len(found) == 1
    assert "seem to start at 1" in found[0].hint
    assert len(found[0].places) == 10


def test_masks_of_0_and_255_are_explained(folder):
    for path in (folder / "masks").glob("*/*.png"):
        change(path, binary)
    found = findings(folder)[0]
    assert found.severity == "error"
    assert "the masks hold 0, 255 and nothing else" in found.what
    assert "the 255 means void" in found.hint


def test_classes_are_held_against_the_splits_that_show_them(folder):
    (folder / "classes.json").write_text('["a", "b", "c", "late", "early", "ghost"]')
    change(mask(folder, split="val"), lambda labels: np.where(labels == 2, 3, labels))
    change(mask(folder), lambda labels: np.where(labels == 2, 4, labels))
    assert [(each.severity, each.what) for each in findings(folder)] == [
        ("warning", "no mask shows ghost"),
        ("warning", "late is scored but never in train"),
        ("note", "early is in train alone"),
    ]


def test_no_split_to_score_on_is_a_warning(folder):
    for kind in ("images", "masks"):
        for split in ("val", "test"):
            shutil.rmtree(folder / kind / split)
    assert [each.what for each in findings(folder)] == ["there is neither a val nor a test split"]


def test_the_same_name_in_two_splits_is_a_note_where_it_is_more_than_a_number(folder):
    for split in ("train", "val"):
        for path in (photo(folder, split=split), mask(folder, split=split)):
            path.rename(path.with_stem("berlin"))
    found = findings(folder)
    assert [(each.severity, each.what) for each in found] == [
        ("note", "different pictures of the same name in two splits")
    ]


def test_a_data_set_that_does_not_tell_its_pairs_is_one_finding(folder):
    (folder / "classes.json").write_text("{")
    report = examine(f"folder:{folder}")
    assert [each.severity for each in report.findings] == ["error"]
    assert "not a list of classes" in report.findings[0].what
    assert report.has_errors
    assert json.loads(json.dumps(report.plain()))["recommended"] is None


def test_binary_masks_without_class_names_are_explained_too(folder):
    (folder / "classes.json").unlink()
    for path in (folder / "masks").glob("*/*.png"):
        change(path, lambda labels: np.where(labels == 1, 255, 0))
    assert [(each.severity, each.hint) for each in findings(folder)] == [
        ("error", "255 means 'not labelled': number the classes 0, 1, 2, ...")
    ]


def test_of_a_data_set_that_only_loads_the_first_fault_is_told(folder, monkeypatch):
    module = catalog.find("datasets", "folder")
    monkeypatch.setattr(catalog, "find", lambda kind, name: SimpleNamespace(load=module.load))
    mask(folder).unlink()
    found = findings(folder)
    assert [each.severity for each in found] == ["error"]
    assert found[0].what.endswith("masks/train/0.png: the mask is missing")


def test_a_name_that_is_no_data_set_is_a_mistake_at_the_keyboard(folder):
    with pytest.raises(UserError, match="unknown data set 'foldr'"):
        examine(f"foldr:{folder}")
    with pytest.raises(UserError) as caught:
        examine(str(folder))
    assert f"write folder:{folder}" in caught.value.hint
