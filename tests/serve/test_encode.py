"""The encoders: what they write is read back bit-exact by others."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import serve.encode
from kernels import registry
from kernels.contract import Colour
from kernels.errors import UserError
from serve import encode

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (517, 333)]


def palette(classes: int) -> tuple[Colour, ...]:
    return tuple((i % 256, (7 * i) % 256, 255 - i % 256) for i in range(classes))


@pytest.mark.parametrize("classes", [1, 2, 12, 256])
@pytest.mark.parametrize("size", SIZES)
def test_png_keeps_every_class_and_colour(size: tuple[int, int], classes: int) -> None:
    mask = np.random.default_rng(classes).integers(0, classes, size, np.uint8)
    image = Image.open(io.BytesIO(encode.load("png").encode(mask, palette(classes))))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mask)
    assert image.getpalette() == [part for colour in palette(classes) for part in colour]


@pytest.mark.parametrize("classes", [257, 300, 65535])
@pytest.mark.parametrize("size", SIZES)
def test_png_past_256_classes_is_sixteen_bit_grey(size: tuple[int, int], classes: int) -> None:
    mask = np.random.default_rng(classes).integers(0, classes, size, np.uint16)
    image = Image.open(io.BytesIO(encode.load("png").encode(mask, palette(classes))))
    assert image.mode.startswith("I")
    np.testing.assert_array_equal(np.asarray(image), mask)


def test_png_takes_a_mask_that_is_not_contiguous() -> None:
    mask = np.random.default_rng(0).integers(0, 12, (40, 60), np.uint8)[::2, ::-3]
    image = Image.open(io.BytesIO(encode.load("png").encode(mask, palette(12))))
    np.testing.assert_array_equal(np.asarray(image), mask)


@pytest.mark.parametrize("name", registry.names("serve.encode"))
def test_every_file_in_the_folder_is_an_encoder(name: str) -> None:
    encoder = encode.load(name)
    assert "/" in encoder.MEDIA_TYPE
    assert encoder.encode(np.zeros((3, 4), np.uint8), palette(2))


def test_the_names_are_those_of_the_files() -> None:
    files = {path.stem for path in Path(serve.encode.__path__[0]).glob("*.py")}
    assert set(registry.names("serve.encode")) == files - {"__init__"}


def test_an_unknown_format_is_an_error_that_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown answer format 'pngg'; choose from png") as raised:
        encode.load("pngg")
    assert "'png'" in raised.value.hint
