"""Every data set reads its true layout, and says what is wrong with any other."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import catalog, data

# It makes its own pictures and reads no layout: see test_streets.py.
GENERATED = {"streets"}
ON_DISK = sorted(set(catalog.names("datasets")) - GENERATED)


@pytest.mark.parametrize("name", ON_DISK)
def test_every_data_set_has_a_layout_to_be_tested_on(layouts, name):
    assert name in layouts, f"write the layout of {name} in tests/trainer/conftest.py"


@pytest.mark.parametrize("name", ON_DISK)
def test_labels_of_every_pair_are_those_that_were_written(written, name):
    known = written(name)
    dataset = data.load(known.spec)
    assert len(dataset.classes) == len(dataset.palette)
    pairs = [pair for split in dataset.splits.values() for pair in split]
    assert {str(pair.picture) for pair in pairs} == known.truth.keys()
    for pair in pairs:
        sample = pair.read()
        truth = known.truth[str(pair.picture)]
        assert np.array_equal(np.where(truth == 255, dataset.ignore, truth), sample.labels)
        assert sample.picture.shape == (*truth.shape, 3)


@pytest.mark.parametrize("name", ON_DISK)
def test_train_and_val_are_kept_apart(written, name):
    dataset = data.load(written(name).spec)
    assert len(dataset.split("train")) == 2
    assert len(dataset.split("val")) == 1


@pytest.mark.parametrize("name", ON_DISK)
@pytest.mark.parametrize("place", ["", ":nowhere"])
def test_a_place_that_is_none_is_told_the_tree(name, place):
    with pytest.raises(UserError) as caught:
        data.load(f"{name}{place}")
    assert "expected" in caught.value.hint
    assert "NAME" in caught.value.hint


@pytest.mark.parametrize("name", ON_DISK)
def test_another_layout_is_told_what_was_found_and_what_is_expected(tmp_path, name):
    (tmp_path / "pics").mkdir()
    with pytest.raises(UserError, match="found pics/") as caught:
        data.load(f"{name}:{tmp_path}")
    assert str(tmp_path) in caught.value.message
    assert "expect" in caught.value.hint


@pytest.mark.parametrize("name", ON_DISK)
def test_a_missing_mask_is_named(written, name):
    known = written(name)
    mask = data.load(known.spec).split("train")[1].mask
    mask.unlink()
    with pytest.raises(UserError) as caught:
        data.load(known.spec)
    assert str(mask) in caught.value.message
    assert "missing" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ON_DISK)
def test_a_mask_of_another_size_is_named(written, name):
    known = written(name)
    mask = data.load(known.spec).split("train")[1].mask
    with Image.open(mask) as image:
        smaller = image.crop((0, 0, 29, 20))
    smaller.save(mask)
    with pytest.raises(UserError, match="the mask is 29x20, its picture") as caught:
        data.load(known.spec)
    assert str(mask) in caught.value.message


@pytest.mark.parametrize("name", ON_DISK)
def test_a_number_that_stands_for_nothing_is_named_with_its_file(written, name):
    known = written(name)
    mask = data.load(known.spec).split("val")[0].mask
    with Image.open(mask) as image:
        image.putpixel((3, 4), (9, 200, 9) if image.mode == "RGB" else 200)
        image.save(mask)
    with pytest.raises(UserError) as caught:
        data.load(known.spec)
    assert str(mask) in caught.value.message
    assert str(9 + 256 * 200 + 65536 * 9 if name == "coco" else 200) in caught.value.message


@pytest.mark.parametrize("name", catalog.names("datasets"))
def test_the_first_line_says_what_the_path_must_hold(name):
    first = (catalog.find("datasets", name).__doc__ or "").splitlines()[0]
    assert first.startswith(f"`{name}")
    assert ": " in first
