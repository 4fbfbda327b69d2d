"""Mask files become labels: numbers as they are, numbers by a table, colours by a table."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer.masks import Coded, read_mask

RED, GREEN = (255, 0, 0), (0, 255, 0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mask.png"


def save(path, pixels, mode=None, palette=None):
    image = Image.fromarray(np.array(pixels, np.uint8))
    if palette:
        image.putpalette(palette)
    (image.convert(mode) if mode else image).save(path)


def test_numbers_without_a_table_are_the_labels(path):
    save(path, [[0, 7, 255]])
    assert Coded()(path).tolist() == read_mask(path).tolist() == [[0, 7, 255]]


def test_unknown_numbers_are_counted_and_the_known_are_told(path):
    save(path, [[0, 7, 7], [9, 1, 1]])
    with pytest.raises(
        UserError, match=r"3 pixels .* no class: 7 \(2 pixels\), 9 \(1 pix"
    ) as caught:
        Coded(numbers={0: 0, 1: 1, 2: 2, 255: 255})(path)
    assert caught.value.hint == "known are 0 to 2, 255"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_become_labels(path, mode):
    save(path, [[RED, GREEN, RED]], mode)
    assert Coded(colours={RED: 0, GREEN: 255})(path).tolist() == [[0, 255, 0]]


def test_numbers_stay_numbers_where_there_are_colours_too(path):
    save(path, [[1, 0]], palette=[*RED, *GREEN])
    assert Coded(colours={RED: 5, GREEN: 6})(path).tolist() == [[1, 0]]


def test_a_palette_counts_by_its_colours_where_numbers_mean_nothing(path):
    save(path, [[1, 0]], palette=[*RED, *GREEN])
    assert Coded(numbers={}, colours={RED: 5, GREEN: 6})(path).tolist() == [[6, 5]]


def test_more_than_five_unknown_colours_are_counted_not_listed(path):
    save(path, [[(9, 9, n) for n in range(8)]])
    with pytest.raises(
        UserError, match=r"and 8 of its colours belong .* \(1 pixels\), \.\.\."
    ) as e:
        Coded(colours={RED: 0})(path)
    assert "JPEG" in e.value.hint
    assert e.value.message.count("pixels)") == 5


@pytest.mark.parametrize("classes", [200, 254, 255, 256, 1000])
def test_every_label_and_void_survives_whatever_the_number_of_classes(path, classes):
    void = 255 if classes <= 255 else 65535
    colours = {(n % 256, n // 256, 1): n for n in range(classes)} | {(0, 0, 0): void}
    save(path, [list(colours)])
    assert Coded(colours=colours)(path).tolist() == [list(colours.values())]


@pytest.mark.parametrize("decode", [read_mask, Coded(colours={RED: 0}), Coded(numbers={0: 0})])
def test_a_cut_mask_is_named(path, decode):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (50, 50, 3)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"mask\.png: not a readable mask"):
        decode(path)


def test_grey_saved_in_colour_is_told_from_colours(path):
    save(path, [[0, 1, 2]], "RGB")
    with pytest.raises(UserError, match="the mask is RGB, not one class number") as grey:
        read_mask(path)
    assert "grey saved in colour" in grey.value.hint
    save(path, [[RED]])
    with pytest.raises(UserError, match="the mask is RGB, not one class number") as colour:
        read_mask(path)
    assert "labelmap.txt" in colour.value.hint
