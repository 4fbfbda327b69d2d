"""`voc` goes by its lists, the augmented ones too, and reads CVAT's exports of the same layout."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data
from trainer.datasets import voc

LISTS = "ImageSets/Segmentation"


def names(dataset, split):
    return [pair.picture.stem for pair in dataset.split(split)]


def augmented(writer, list_name, names):
    """One more picture, whose mask lies in SegmentationClassAug alone."""
    labels = writer.photo("JPEGImages/2008_000008.jpg")
    writer.save("SegmentationClassAug/2008_000008.png", labels)
    writer.text(f"{LISTS}/{list_name}.txt", "\n".join(names))
    return labels


def test_colours_are_those_of_the_development_kit(written):
    dataset = data.load(written("voc").spec)
    assert len(dataset.classes) == 21
    assert dataset.palette[0] == (0, 0, 0)
    assert dict(zip(dataset.classes, dataset.palette, strict=True))["person"] == (192, 128, 128)
    assert dataset.palette[20] == (0, 64, 128)
    assert voc.colour(255) == (224, 224, 192)


def test_a_list_of_more_is_added_to_train(written, writer):
    known = written("voc")
    labels = augmented(writer, "aug", ["2008_000008"])
    dataset = data.load(known.spec)
    assert names(dataset, "train") == ["2007_000032", "2007_000039", "2008_000008"]
    assert np.array_equal(dataset.split("train")[2].read().labels, labels)


def test_the_augmented_list_takes_the_place_of_train(written, writer, capsys):
    known = written("voc")
    augmented(writer, "trainaug", ["2008_000008", "2007_000032"])
    assert names(data.load(known.spec), "train") == ["2008_000008", "2007_000032"]
    assert "train is trainaug.txt: 2 pictures" in capsys.readouterr().err


def test_trainval_alone_is_train(written, writer):
    known = written("voc")
    for name in ("train", "val"):
        (known.root / LISTS / f"{name}.txt").unlink()
    writer.text(f"{LISTS}/trainval.txt", "2007_000032\n2007_000063\n")
    assert set(data.load(known.spec).splits) == {"train"}


def test_a_list_with_paths_of_another_machine_tells_the_mask_too(written, writer):
    known = written("voc")
    labels = np.arange(600, dtype=np.uint8).reshape(20, 30) % 21
    writer.save("SegmentationClassAug/2007_000039.png", labels)
    line = "/home/ann/VOC2012/JPEGImages/{0}.jpg /home/ann/VOC2012/SegmentationClassAug/{0}.png\n"
    writer.text(f"{LISTS}/train.txt", line.format("2007_000039"))
    dataset = data.load(known.spec)
    assert names(dataset, "train") == ["2007_000039"]
    assert np.array_equal(dataset.split("train")[0].read().labels, labels)


def test_a_name_without_a_picture_is_told_with_its_line(written, writer):
    known = written("voc")
    writer.text(f"{LISTS}/val.txt", "2007_000063\n2007_999999\n")
    with pytest.raises(UserError, match=r"val\.txt, line 2: no file 2007_999999"):
        data.load(known.spec)


def test_a_picture_in_two_lists_is_refused(written, writer):
    known = written("voc")
    writer.text(f"{LISTS}/val.txt", "2007_000032\n")
    with pytest.raises(UserError, match=r"2007_000032\.jpg is in the split val"):
        data.load(known.spec)


def test_a_test_list_without_masks_is_left_out(written, writer, capsys):
    known = written("voc")
    writer.photo("JPEGImages/2008_000001.jpg")
    writer.text(f"{LISTS}/test.txt", "2008_000001\n")
    assert set(data.load(known.spec).splits) == {"train", "val"}
    assert "none of the test pictures has a mask" in capsys.readouterr().err


def test_an_export_of_cvat_brings_its_classes_in_colours(written, writer):
    known = written("voc")
    colours = np.zeros((256, 3), np.uint8)
    colours[:3] = (0, 0, 0), (128, 64, 128), (0, 9, 0)
    for path in (known.root / "SegmentationClass").iterdir():
        with Image.open(path) as image:
            labels = np.array(image)
        Image.fromarray(colours[np.where(labels == 255, 0, labels)]).save(path)
    writer.text(
        "labelmap.txt",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\ntree:0,9,0::\n",
    )
    dataset = data.load(known.spec)
    assert dataset.classes == ("background", "road", "tree")
    assert dataset.palette[1] == (128, 64, 128)
    sample = dataset.split("val")[0]
    truth = known.truth[str(sample.picture)]
    assert np.array_equal(sample.read().labels, np.where(truth == 255, 0, truth))
