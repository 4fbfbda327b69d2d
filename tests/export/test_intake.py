"""What `--size` and `--batch` mean."""

import pytest

from export.intake import Intake, read
from kernels.errors import UserError


def test_one_size_a_range_and_whatever_comes():
    fixed = read("1024x2048", "4")
    assert (fixed.fixed_size, fixed.fixed_batch) == ((1024, 2048), 4)
    span = read("256x512..1024x2048", "1..16")
    assert (span.fixed_size, span.fixed_batch) == (None, None)
    assert (span.size, span.batch) == (((256, 512), (1024, 2048)), (1, 16))
    assert read("dynamic", "dynamic") == Intake()


@pytest.mark.parametrize("text", ["dynamic", "8x9", "8x9..10x11"])
def test_it_is_told_as_it_is_typed(text):
    assert read(text, "1..2").plain() == {"batch": "1..2", "size": text}


def test_sizes_within_the_range_are_taken():
    span = read("4x8..6x8", "1")
    assert span.takes((5, 8))
    assert not span.takes((5, 9))
    assert not span.takes((7, 8))
    assert Intake().takes((1, 1))


@pytest.mark.parametrize("size", ["", "8", "0x8", "8x", "8x8..4x9", "axb", "8x8x8", "-8x8"])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(UserError, match="is not a size of pictures"):
        read(size, "1")


@pytest.mark.parametrize("batch", ["", "0", "4..1", "x", "1..", "-1"])
def test_what_is_no_number_of_pictures_is_refused(batch):
    with pytest.raises(UserError, match="is not a number of pictures"):
        read("dynamic", batch)
