"""Every picture becomes upright RGB bytes, or an error that says what to do."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from kernels.contract import Contract
from kernels.errors import UserError
from kernels.picture import FORMATS, Reduced, decode, keep_memory, read
from kernels.shrink import shrink

ORIENTATION = 0x0112


def encoded(image, kind="PNG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def photo(size=(24, 16)):
    height, width = size
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_png_comes_back_byte_for_byte():
    assert np.array_equal(decode(encoded(Image.fromarray(photo())), "x"), photo())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(kind):
    assert decode(encoded(Image.fromarray(photo()), kind), "x").shape == (24, 16, 3)


@pytest.mark.parametrize("packing", ["raw", "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_comes_back_byte_for_byte(packing):
    data = encoded(Image.fromarray(photo()), "TIFF", compression=packing)
    assert np.array_equal(decode(data, "x"), photo())


def test_a_bmp_comes_back_byte_for_byte():
    assert np.array_equal(decode(encoded(Image.fromarray(photo()), "BMP"), "x"), photo())


def test_of_several_pages_it_is_the_first():
    other = Image.fromarray(255 - photo())
    data = encoded(Image.fromarray(photo()), "TIFF", save_all=True, append_images=[other])
    assert np.array_equal(decode(data, "x"), photo())


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_without_a_known_range_are_refused(mode):
    grey = Image.fromarray(photo())
    image = grey.convert(mode) if mode == "LAB" else grey.convert("L").convert(mode)
    with pytest.raises(UserError, match=f"x: TIFF with pixels of the kind {mode}") as caught:
        decode(encoded(image, "TIFF"), "x")
    assert "8 bits" in caught.value.hint


def test_sixteen_bits_of_a_tiff_keep_their_high_byte():
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    assert np.array_equal(decode(encoded(Image.fromarray(deep), "TIFF"), "x")[..., 0], deep >> 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_modes_become_rgb(mode):
    image = Image.fromarray(photo()).convert(mode)
    assert np.array_equal(decode(encoded(image), "x"), np.asarray(image.convert("RGB")))


def test_cmyk_becomes_rgb():
    picture = decode(encoded(Image.fromarray(photo()).convert("CMYK"), "JPEG", quality=100), "x")
    assert np.abs(picture.astype(int) - photo()).mean() < 30


def test_sixteen_bits_keep_their_high_byte():
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    picture = decode(encoded(Image.fromarray(deep)), "x")
    assert np.array_equal(picture[..., 0], deep >> 8)


@pytest.mark.parametrize(
    ("orientation", "held"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_photo_is_turned_upright(kind, orientation, held):
    stored = Image.fromarray(photo()).transpose(held)
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    assert np.array_equal(decode(encoded(stored, kind, exif=tag), "x"), photo())


def promise(factor, sight=1):
    return Contract(
        classes=("a",), palette=((0, 0, 0),), factor=Fraction(factor), sight=sight, writer="test"
    )


@pytest.mark.parametrize("side", ["1/2", "1/4", "1/8"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_decoded_small_has_the_cells_of_the_whole_one_shrunk(side, orientation):
    smooth = Image.fromarray(photo((8, 12))).resize((96, 64), Image.Resampling.BICUBIC)
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    data = encoded(smooth, "JPEG", quality=95, subsampling=0, exif=tag)
    seen, small = read(data, "x", promise(side)), shrink(decode(data, "x"), side)
    assert seen.size == ((64, 96) if orientation == 1 else (96, 64))
    assert seen.small.shape == small.shape
    assert 0 < np.abs(seen.small.astype(int) - small).mean() < 3


def test_a_jpeg_is_decoded_to_what_the_network_sees_of_it():
    data = encoded(Image.fromarray(photo((64, 96))), "JPEG")
    seen, other = read(data, "x", promise("1/4", 2)), read(data, "x", promise("1/2"))
    assert np.array_equal(seen.small, other.small)


@pytest.mark.parametrize(
    ("size", "kind", "promised"),
    [
        ((60, 96), "JPEG", ("1/2",)),
        ((64, 96), "PNG", ("1/2",)),
        ((64, 96), "JPEG", ("1/3",)),
        ((64, 96), "JPEG", ("1/4", 4)),
        # 72 pixels are 5 cells of 1/16, and ten of them are no eighth of the side.
        ((64, 72), "JPEG", ("1/16", 2)),
    ],
)
def test_what_cannot_be_decoded_small_is_left_to_shrink(size, kind, promised):
    data = encoded(Image.fromarray(photo(size)), kind)
    np.testing.assert_array_equal(read(data, "x", promise(*promised)), decode(data, "x"))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("side", ["1/2", "1/4", "1/8"])
def test_colours_are_not_coarser_than_the_cells(side, subsampling):
    # A red bar, one cell wide, on blue: at no place may it be mixed with what lies beside it.
    picture = np.full((64, 128, 3), (0, 0, 255), np.uint8)
    picture[:, 64 : 64 + 16] = (255, 0, 0)
    data = encoded(Image.fromarray(picture), "JPEG", quality=95, subsampling=subsampling)
    found, whole = read(data, "x", promise(side)), decode(data, "x")
    assert isinstance(found, Reduced) == (subsampling != "4:2:2")
    if isinstance(found, Reduced):
        assert np.abs(found.small.astype(int) - shrink(whole, side)).max() < 40


def test_what_is_asked_for_whole_is_decoded_whole():
    data = encoded(Image.fromarray(photo((64, 96))), "JPEG")
    whole = read(data, "x", promise("1/2"), reduce=False)
    np.testing.assert_array_equal(whole, decode(data, "x"))


def test_what_is_decoded_small_is_held_to_the_limit_of_the_whole():
    data = encoded(Image.fromarray(photo((64, 96))), "JPEG")
    with pytest.raises(UserError, match="96x64 is"):
        read(data, "x", promise("1/8"), most_pixels=64 * 96 - 1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "cat.jpg: 0 bytes"),
        (b"GET / HTTP/1.1", "cat.jpg: not a JPEG, PNG, WebP, TIFF or BMP"),
        (encoded(Image.fromarray(photo()), "GIF"), "cat.jpg: not a JPEG, PNG, WebP, TIFF or BMP"),
        (encoded(Image.fromarray(photo((300, 300))), "JPEG")[:5000], "cat.jpg: damaged JPEG"),
        (encoded(Image.fromarray(photo((300, 300))))[:5000], "cat.jpg: damaged PNG"),
        (encoded(Image.fromarray(photo((300, 300))), "WEBP")[:2000], "cat.jpg: "),
    ],
)
def test_bad_bytes_are_refused_by_name_and_with_a_hint(data, says):
    with pytest.raises(UserError, match=says) as caught:
        decode(data, "cat.jpg")
    assert caught.value.hint


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_bomb_is_refused_before_it_is_decoded(side):
    bomb = encoded(Image.new("1", (side, side)))
    assert len(bomb) < 200_000
    with pytest.raises(UserError, match="cat"):
        decode(bomb, "cat.png")


def test_the_limit_is_the_callers():
    data = encoded(Image.fromarray(photo()))
    with pytest.raises(UserError, match="16x24 is"):
        decode(data, "x", most_pixels=24 * 16 - 1)
    assert decode(data, "x", most_pixels=24 * 16).shape == (24, 16, 3)


def test_the_memory_of_a_picture_is_used_again_for_the_next_one():
    file = encoded(Image.fromarray(photo((1024, 2048))), "JPEG")
    before = Image.core.get_blocks_max()
    try:
        reused = []
        for pictures in (0, 1):
            keep_memory(pictures)
            Image.core.reset_stats()
            for _ in range(3):
                decode(file, "picture")
            reused.append(Image.core.get_stats()["reused_blocks"])
    finally:
        Image.core.set_blocks_max(before)
        Image.core.clear_cache()
    assert reused[0] == 0
    assert reused[1] >= 2
