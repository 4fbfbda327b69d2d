"""`folder` with masks in colours, CVAT's labelmap.txt, ids from 1, and lists for splits."""

import json

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data

COLOURS = ((90, 60, 40), (200, 30, 30), (60, 120, 220))
VOID_COLOUR = (255, 0, 255)


def rewrite(folder, change):
    """Every mask as `change` makes it; returns the labels of the first."""
    for path in sorted((folder / "masks").glob("*/*.png")):
        with Image.open(path) as image:
            labels = np.array(image)
        Image.fromarray(change(labels).astype(np.uint8)).save(path)
    return first_labels(folder)


def first_labels(folder):
    return data.load(f"folder:{folder}").split("train")[0].read().labels


def in_colours(labels):
    table = np.zeros((256, 3), np.uint8)
    table[:3], table[255] = COLOURS, VOID_COLOUR
    return table[labels]


def meaning(folder, ignore):
    entries = [{"name": str(n), "color": colour} for n, colour in enumerate(COLOURS)]
    (folder / "classes.json").write_text(json.dumps({"classes": entries, "ignore": ignore}))


def test_colours_of_classes_json_are_read(folder):
    before = first_labels(folder)
    meaning(folder, {"value": 255, "color": VOID_COLOUR})
    assert np.array_equal(rewrite(folder, in_colours), before)


def test_a_colour_of_no_class_is_counted_and_named_with_its_file(folder):
    meaning(folder, 255)
    with pytest.raises(UserError, match=r"1 of its colours .*: 255,0,255 \(166 pixels\)") as caught:
        rewrite(folder, in_colours)
    assert "masks/train/0.png" in caught.value.message


def test_two_classes_of_one_colour_cannot_be_told_apart(folder):
    entries = [{"name": str(n), "color": (1, 2, 3)} for n in range(3)]
    (folder / "classes.json").write_text(json.dumps(entries))
    assert first_labels(folder).max() == 255
    with pytest.raises(UserError, match="the mask is RGB, not one class number per pixel"):
        rewrite(folder, in_colours)


def labelmap(folder, *lines):
    (folder / "classes.json").unlink()
    (folder / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines]))


def test_a_labelmap_of_cvat_names_classes_and_background_is_one(folder):
    before = first_labels(folder)
    labelmap(
        folder,
        *(
            "background:90,60,40::",
            "wall:200,30,30:door,window:",
            "sky:60,120,220::",
            "x:255,0,255::",
        ),
    )
    labels = rewrite(folder, in_colours)
    dataset = data.load(f"folder:{folder}")
    assert dataset.classes == ("background", "wall", "sky", "x")
    assert dataset.palette == (*COLOURS, VOID_COLOUR)
    assert np.array_equal(labels, np.where(before == 255, 3, before))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("wall", "'wall' is no class"),
        ("wall:1,2::", "is no class"),
        ("wall:1,2,x::", "is no class"),
        ("wall:300,2,3::", "0 to 255"),
        ("other:90,60,40::", "is there twice"),
        ("background:1,2,3::", "is there twice"),
    ],
)
def test_a_malformed_labelmap_is_named(folder, line, says):
    labelmap(folder, "background:90,60,40::", line)
    with pytest.raises(UserError, match=says) as caught:
        data.load(f"folder:{folder}")
    assert "labelmap.txt" in caught.value.message


def test_ids_may_start_at_1_where_0_is_void_and_255_still_is(folder):
    before = first_labels(folder)
    entries = [{"id": n, "name": str(n)} for n in (1, 2, 3)]
    (folder / "classes.json").write_text(json.dumps({"classes": entries, "ignore": 0}))
    void = np.where(np.arange(83) % 2, 0, 255)
    after = rewrite(folder, lambda labels: np.where(labels == 255, void, labels + 1))
    assert np.array_equal(after, before)
    assert data.load(f"folder:{folder}").ignore == 255


def test_names_alone_do_not_say_what_1_is_where_0_is_void(folder):
    (folder / "classes.json").write_text('{"classes": ["a", "b", "c"], "ignore": 0}')
    with pytest.raises(UserError, match='with "ignore": 0 every class needs its "id", from 1 on'):
        data.load(f"folder:{folder}")


def listed(folder, line):
    """Pictures and masks in flat folders, and lists of them."""
    for split in ("train", "val", "test"):
        lines = []
        for kind in ("images", "masks"):
            for path in sorted((folder / kind / split).iterdir()):
                path.rename(folder / kind / f"{split}{path.name}")
            (folder / kind / split).rmdir()
        for path in sorted((folder / "images").glob(f"{split}*")):
            lines.append(line.format(name=path.name, stem=path.stem, root=folder))
        (folder / f"{split}.txt").write_text("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    [
        "{stem}",
        "{name}",
        "images/{name}",
        "images/{name} masks/{name}",
        "{root}/images/{name}\t{root}/masks/{name}",
        "/elsewhere/images/{name} /elsewhere/masks/{name}",
    ],
)
def test_lists_may_name_the_pairs(folder, line):
    before = first_labels(folder)
    listed(folder, line)
    dataset = data.load(f"folder:{folder}")
    assert [len(pairs) for pairs in dataset.splits.values()] == [6, 2, 2]
    assert dataset.split("train")[0].picture == folder / "images" / "train0.png"
    assert np.array_equal(dataset.split("train")[0].read().labels, before)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("images/train9.png masks/train0.png", "no file images/train9.png"),
        ("images/train0.png images/train0.png", "is both picture and mask"),
        ("images/train0.png masks/train0.png 3", "3 words"),
        ("{root}/masks/train0.png", "its mask is anywhere"),
        ("/", "no file /"),
        ("..", r"no file \.\."),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_number(folder, line, says):
    listed(folder, "{stem}")
    (folder / "val.txt").write_text(f"val0\n{line.format(root=folder)}\n")
    with pytest.raises(UserError, match=says) as caught:
        data.load(f"folder:{folder}")
    assert "val.txt, line 2" in caught.value.message


def test_what_the_system_refuses_to_look_up_is_no_traceback(folder):
    listed(folder, "{stem}")
    (folder / "val.txt").write_text("x" * 5000)
    with pytest.raises(UserError) as caught:
        data.load(f"folder:{folder}")
    assert "x" * 5000 in caught.value.message


def test_a_line_in_two_lists_is_refused(folder):
    listed(folder, "{stem}")
    (folder / "val.txt").write_text("train0\n")
    with pytest.raises(UserError, match=r"train0\.png is in the split val"):
        data.load(f"folder:{folder}")
