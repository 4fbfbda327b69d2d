"""`coco` in its three kinds; objects are drawn from polygons and run lengths."""

import json

import numpy as np
import pytest

from kernels.errors import UserError
from trainer import data

SIZE = (20, 30)


def box(left, top, right, bottom):
    return [[left, top, right, top, right, bottom, left, bottom]]


def instances(writer, split="train2017", *annotations, count=1):
    """Photos 1 to `count` with these annotations of photo 1, as instances_SPLIT.json."""
    images = []
    for number in range(1, count + 1):
        writer.photo(f"images/{split}/{number:012}.jpg")
        name = f"{number:012}.jpg"
        images.append({"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
    categories = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]
    listed = [{"id": n, "image_id": 1, "iscrowd": 0} | one for n, one in enumerate(annotations)]
    content = {"images": images, "annotations": listed, "categories": categories}
    writer.text(f"annotations/instances_{split}.json", content)
    return f"coco:{writer.root}"


DOG = {"category_id": 18, "segmentation": box(2, 3, 12, 9), "area": 60}
PERSON = {"category_id": 1, "segmentation": box(5, 5, 8, 8), "area": 9}


def test_objects_are_drawn_small_ones_over_large_ones_on_background(writer):
    dataset = data.load(instances(writer, "train2017", PERSON, DOG, count=2))
    assert dataset.classes == ("background", "person", "dog")
    assert dataset.palette == ((0, 0, 0), (220, 20, 60), (0, 226, 252))
    expected = np.zeros(SIZE, np.uint8)
    expected[3:9, 2:12] = 2
    expected[5:8, 5:8] = 1
    first, second = dataset.split("train")
    assert np.array_equal(first.read().labels, expected)
    assert not second.read().labels.any()


def test_a_crowd_is_void_where_no_object_is(writer):
    # Columns of 20: ten of nothing, then five columns of crowd, the rest nothing.
    runs = {"size": [20, 30], "counts": [200, 100, 300]}
    crowd = {"category_id": 1, "segmentation": runs, "iscrowd": 1, "area": 100}
    labels = data.load(instances(writer, "train2017", DOG, crowd)).split("train")[0].read().labels
    assert (labels[:, 12:15] == 255).all()
    assert (labels[3:9, 10:12] == 2).all()
    assert (labels[:3, 10:12] == 255).all()
    assert not labels[:, 15:].any()


def test_run_lengths_may_be_text(writer):
    # 200, 100 and 300 in digits of five bits: 8 + 6 * 32, 4 + 3 * 32, 12 + 9 * 32.
    text = "".join(chr(48 + d) for d in (8 + 32, 6, 4 + 32, 3, 12 + 32, 9))
    dog = {"category_id": 18, "segmentation": {"size": [20, 30], "counts": text}, "area": 100}
    labels = data.load(instances(writer, "train2017", dog)).split("train")[0].read().labels
    assert (labels[:, 10:15] == 2).all()
    assert (labels == 2).sum() == 100


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"segmentation": {"size": [20, 30], "counts": [5]}}, "come to 5 pixels, not 600"),
        ({"segmentation": {"size": [9, 9], "counts": [81]}}, "for 9x9, not 30x20"),
        ({"segmentation": {"size": [20, 30], "counts": "~"}}, "no character of a run length"),
        ({"segmentation": [[1, 2, 3]]}, "neither polygons nor run lengths"),
        ({"segmentation": {"runs": 3}}, "neither polygons nor run lengths"),
        ({"segmentation": None}, "neither polygons nor run lengths"),
        ({"category_id": 7}, "category 7 is not among the categories"),
    ],
)
def test_a_broken_annotation_is_named_with_its_picture(writer, broken, says):
    with pytest.raises(UserError, match=says) as caught:
        data.load(instances(writer, "train2017", DOG | broken))
    assert "instances_train2017.json" in caught.value.message
    assert "000000000001.jpg" in caught.value.message


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"categories": [{"id": 1}]}'])
def test_a_file_that_is_not_as_coco_writes_them_is_named(writer, content):
    spec = instances(writer, "train2017", DOG)
    writer.text("annotations/instances_train2017.json", content)
    with pytest.raises(UserError, match=r"instances_train2017\.json: not"):
        data.load(spec)


def test_pictures_that_are_not_there_are_counted(writer):
    spec = instances(writer, "train2017", DOG, count=3)
    for number in (2, 3):
        (writer.root / f"images/train2017/{number:012}.jpg").unlink()
    with pytest.raises(UserError, match=r"this picture is missing \(and 1 more of 3\)"):
        data.load(spec)


def test_splits_of_other_categories_are_refused(writer):
    instances(writer, "train2017", DOG)
    spec = instances(writer, "val2017", DOG)
    path = writer.root / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    content["categories"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="other categories than the other split"):
        data.load(spec)


def test_stuff_counts_from_zero_with_gaps(writer):
    writer.photo("train2017/000000000009.jpg")
    # person, the fire hydrant before and the stop sign after a gap, wood, and void.
    numbers = np.tile(np.array([0, 10, 12, 181, 255], np.uint8), (20, 6))
    writer.save("stuffthingmaps/train2017/000000000009.png", numbers)
    dataset = data.load(f"coco:stuff:{writer.root}")
    assert len(dataset.classes) == 171
    assert [dataset.classes[n] for n in (0, 10, 11, 170)] == [
        *("person", "fire hydrant", "stop sign", "wood"),
    ]
    assert dataset.split("train")[0].read().labels[0, :5].tolist() == [0, 10, 11, 170, 255]


def test_of_several_kinds_the_first_is_read_and_that_is_said(written, writer, capsys):
    known = written("coco")
    instances(writer, "train2017", DOG)
    writer.photo("train2017/000000000001.jpg")
    assert "road" in data.load(known.spec).classes
    assert "panoptic, instances lie in" in capsys.readouterr().err
    assert "background" in data.load(f"coco:instances:{known.root}").classes


def test_a_kind_that_is_not_there_is_told_the_tree(written):
    known = written("coco")
    with pytest.raises(
        UserError, match="no labels of the kind stuff; found annotations/"
    ) as caught:
        data.load(f"coco:stuff:{known.root}")
    assert "stuffthingmaps/{train,val}2017/NAME.png" in caught.value.hint


def test_panoptic_colours_are_the_published_ones(written):
    dataset = data.load(written("coco").spec)
    assert dataset.classes == ("person", "road", "sky-other-merged")
    assert dataset.palette == ((220, 20, 60), (128, 64, 128), (70, 130, 180))
