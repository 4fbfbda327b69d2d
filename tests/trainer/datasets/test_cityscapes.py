"""`cityscapes` knows the 34 ids, takes ready train ids, and leaves the test split out."""

import numpy as np
from PIL import Image

from trainer import data
from trainer.datasets import cityscapes

# Train id of each id from 0 to 33, as its labels.py publishes them.
TRAIN_IDS = [
    *(255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255),
    *(5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18),
]


def test_ids_become_the_19_train_ids(tmp_path):
    ids = np.array([[*range(34), 255]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "ids.png")
    labels = cityscapes.FROM_IDS(tmp_path / "ids.png")
    assert labels.tolist() == [[*TRAIN_IDS, 255]]


def test_classes_and_colours_are_the_official_ones(written):
    dataset = data.load(written("cityscapes").spec)
    known = dict(zip(dataset.classes, dataset.palette, strict=True))
    assert len(known) == 19
    assert dataset.classes[13] == "car"
    assert known["road"] == (128, 64, 128)
    assert known["rider"] == (255, 0, 0)
    assert known["bicycle"] == (119, 11, 32)
    assert dataset.ignore == 255


def test_ready_train_ids_are_taken_where_they_lie(written):
    known = written("cityscapes")
    pair = data.load(known.spec).split("train")[0]
    ready = pair.mask.with_name(pair.mask.name.replace("labelIds", "labelTrainIds"))
    truth = known.truth[str(pair.picture)]
    Image.fromarray(truth).save(ready)
    pair.mask.unlink()
    again = data.load(known.spec).split("train")[0]
    assert again.mask == ready
    assert np.array_equal(again.read().labels, truth)


def test_the_test_split_is_left_out_and_that_is_said(written, capsys):
    assert set(data.load(written("cityscapes").spec).splits) == {"train", "val"}
    assert "not published: it is left out" in capsys.readouterr().err
