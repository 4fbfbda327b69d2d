"""The formats: what they write is read back bit-exact by others."""

from __future__ import annotations

import io
import json
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import serve.encode
from kernels.contract import Contract
from kernels.errors import UserError
from kernels.runs import runs
from serve import encode, parameters
from serve.answer import Painted

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (517, 333)]


def contract(classes: int, ignore: int | None = None) -> Contract:
    return Contract(
        classes=tuple(f"clasś {i}" for i in range(classes)),
        palette=tuple((i % 256, (7 * i) % 256, 255 - i % 256) for i in range(classes)),
        factor=Fraction(1, 2),
        ignore=max(255, classes) if ignore is None else ignore,
        writer="softres test",
    )


def painted(
    mask: NDArray[Any], classes: int = 12, ignore: int | None = None, **more: Any
) -> Painted:
    return Painted(mask=mask, contract=contract(classes, ignore), **more)


def noise(classes: int, size: tuple[int, int] = (40, 60)) -> NDArray[Any]:
    kind = np.uint8 if classes <= 256 else np.uint16
    return np.random.default_rng(classes).integers(0, classes, size).astype(kind)


def photo(size: tuple[int, int] = (40, 60)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def written(name: str, result: Painted, **options: Any) -> bytes:
    encoder = encode.load(name)
    return encoder.encode(result, encoder.Options(**options))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def read_json(name: str, result: Painted, **options: Any) -> Any:
    return json.loads(written(name, result, **options))


@pytest.mark.parametrize("classes", [1, 2, 12, 256])
@pytest.mark.parametrize("size", SIZES)
def test_png_keeps_every_class_and_colour(size: tuple[int, int], classes: int) -> None:
    mask = noise(classes, size)
    image = opened(written("png", painted(mask, classes)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mask)
    assert image.getpalette() == [part for one in contract(classes).palette for part in one]


@pytest.mark.parametrize("classes", [257, 300, 65535])
@pytest.mark.parametrize("size", SIZES)
def test_png_past_256_classes_is_sixteen_bit_grey(size: tuple[int, int], classes: int) -> None:
    mask = noise(classes, size)
    image = opened(written("png", painted(mask, classes)))
    assert image.mode.startswith("I")
    np.testing.assert_array_equal(np.asarray(image), mask)


@pytest.mark.parametrize("name", ["png", "index"])
def test_a_mask_that_is_not_contiguous_is_written_alike(name: str) -> None:
    mask = noise(12)[::2, ::-3]
    np.testing.assert_array_equal(np.asarray(opened(written(name, painted(mask)))), mask)


@pytest.mark.parametrize("classes", [2, 256, 300])
@pytest.mark.parametrize("name", ["png", "index"])
def test_opencv_reads_the_same_numbers(name: str, classes: int) -> None:
    mask = noise(classes)
    data = np.frombuffer(written(name, painted(mask, classes)), np.uint8)
    read = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if name == "png" and classes <= 256:
        # It has turned them into the palette's colours, blue first.
        colours = np.array(contract(classes).palette, np.uint8)[mask][..., ::-1]
        np.testing.assert_array_equal(read, colours)
    else:
        np.testing.assert_array_equal(read, mask)


@pytest.mark.parametrize("name", ["png", "index"])
def test_classes_not_asked_for_become_the_void_number(name: str) -> None:
    mask = noise(12)
    image = opened(written(name, painted(mask, kept=(3, 7))))
    expected = np.where(np.isin(mask, (3, 7)), mask, 255)
    np.testing.assert_array_equal(np.asarray(image), expected)


def test_a_void_number_past_255_is_refused_for_the_palette_and_wide_in_the_index() -> None:
    mask = noise(12)
    result = painted(mask, ignore=999, kept=(3,))
    with pytest.raises(UserError, match="void number 999") as raised:
        written("png", result)
    assert "format=index" in raised.value.hint
    read = np.asarray(opened(written("index", result)))
    np.testing.assert_array_equal(read, np.where(mask == 3, 3, 999))


def test_confidence_is_the_plane_and_zero_where_another_class_wins() -> None:
    mask, plane = noise(12), photo()[..., 0]
    np.testing.assert_array_equal(
        np.asarray(opened(written("confidence", painted(mask, confidence=plane)))), plane
    )
    some = opened(written("confidence", painted(mask, confidence=plane, kept=(3,))))
    np.testing.assert_array_equal(np.asarray(some), np.where(mask == 3, plane, 0))


def test_an_npz_holds_all_planes_without_pickles() -> None:
    mask, plane = noise(300), photo()[..., 0]
    result = painted(mask, 300, confidence=plane, kept=(5, 9), window=(7, 8, 40, 60))
    with np.load(io.BytesIO(written("npz", result)), allow_pickle=False) as archive:
        np.testing.assert_array_equal(
            archive["mask"], np.where(np.isin(mask, (5, 9)), mask, archive["ignore"])
        )
        np.testing.assert_array_equal(archive["confidence"], plane)
        assert tuple(archive["classes"]) == contract(300).classes
        assert archive["shown"].tolist() == [5, 9]
        assert archive["window"].tolist() == [7, 8, 40, 60]


def test_json_counts_and_averages_each_class() -> None:
    mask = np.array([[0, 0, 2, 0]], np.uint8)
    plane = np.array([[1, 2, 9, 3]], np.uint8)
    told = read_json("json", painted(mask, 3, confidence=plane, milliseconds={"paint": 1.23456}))
    assert (told["height"], told["width"]) == (1, 4)
    assert told["milliseconds"] == {"paint": 1.235}
    assert told["classes"] == [
        {"id": 0, "name": "clasś 0", "color": "#0000ff", "pixels": 3, "share": 0.75,
         "confidence": 2.0},
        {"id": 1, "name": "clasś 1", "color": "#0107fe", "pixels": 0, "share": 0.0,
         "confidence": None},
        {"id": 2, "name": "clasś 2", "color": "#020efd", "pixels": 1, "share": 0.25,
         "confidence": 9.0},
    ]  # fmt: skip


def test_json_leaves_out_what_was_not_asked_for() -> None:
    told = read_json("json", painted(noise(12), kept=(4,), window=(5, 6, 40, 60)))
    assert [each["id"] for each in told["classes"]] == [4]
    assert told["window"] == {"x": 6, "y": 5, "height": 40, "width": 60}


def test_rle_tells_the_counts_in_both_ways() -> None:
    mask = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    plain = read_json("rle", painted(mask, 3), counts="list")["annotations"]
    short = read_json("rle", painted(mask, 3))["annotations"]
    assert [each["category_id"] for each in plain] == [0, 1]
    assert plain[1]["segmentation"] == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert [each["area"] for each in plain] == [3, 3]
    assert short[1]["segmentation"]["counts"] == "2111"


@pytest.mark.parametrize("kept", [None, (0, 5)])
def test_rle_has_every_pixel_of_the_classes_asked_for(kept: tuple[int, ...] | None) -> None:
    mask = noise(12)
    told = read_json("rle", painted(mask, kept=kept), counts="list")["annotations"]
    assert [each["category_id"] for each in told] == list(kept or range(12))
    for each in told:
        assert each["segmentation"]["counts"] == runs(mask, 12)[each["category_id"]].tolist()


def filled(told: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask that the polygons draw, each pixel by its centre and the even-odd rule."""
    mask = np.full(size, 255, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    for feature in told["features"]:
        inside = np.zeros(size, bool)
        for ring in feature["geometry"]["coordinates"]:
            assert ring[0] == ring[-1]
            for (ax, ay), (bx, by) in pairwise(ring):
                # Sides run along the axes, and those that go down or up are what a row meets.
                if ax == bx:
                    inside ^= ((ay > y) != (by > y)) & (x < ax)
        mask[inside] = feature["properties"]["id"]
    return mask


def test_geojson_drawn_again_is_the_mask_bit_for_bit() -> None:
    mask = noise(3, (25, 31))
    told = read_json("geojson", painted(mask, 3))
    np.testing.assert_array_equal(filled(told, mask.shape), mask)
    assert sum(each["properties"]["pixels"] for each in told["features"]) == mask.size
    assert "not WGS84" in told["coordinate_system"]
    assert "y down" in told["coordinate_system"]


def test_geojson_exteriors_run_counterclockwise_and_holes_clockwise() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 1
    outer, inner = read_json("geojson", painted(mask, 2))["features"]
    assert outer["geometry"]["coordinates"] == [
        [[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]],
        [[1, 4], [4, 4], [4, 1], [1, 1], [1, 4]],
    ]
    assert inner["geometry"]["coordinates"] == [[[1, 1], [4, 1], [4, 4], [1, 4], [1, 1]]]
    assert inner["properties"] == {"id": 1, "name": "clasś 1", "color": "#0107fe", "pixels": 9}


def test_geojson_of_a_window_has_the_coordinates_of_the_picture() -> None:
    result = painted(np.zeros((2, 3), np.uint8), 1, window=(10, 20, 2, 3))
    (feature,) = read_json("geojson", result)["features"]
    assert feature["geometry"]["coordinates"] == [
        [[20, 10], [23, 10], [23, 12], [20, 12], [20, 10]]
    ]


def test_geojson_leaves_out_small_regions_and_other_classes() -> None:
    mask = np.zeros((6, 6), np.uint8)
    mask[1, 1], mask[3:5, 3:5] = 1, 1
    told = read_json("geojson", painted(mask, 2, kept=(1,)), least=2)
    assert [each["properties"]["pixels"] for each in told["features"]] == [4]
    assert read_json("geojson", painted(mask, 2, kept=(1,)), least=5)["features"] == []


def test_geojson_with_a_tolerance_has_fewer_points() -> None:
    y, x = np.mgrid[:64, :64]
    disc = ((y - 32) ** 2 + (x - 32) ** 2 < 700).astype(np.uint8)
    whole, part = (
        sum(len(ring) for each in told["features"] for ring in each["geometry"]["coordinates"])
        for told in (
            read_json("geojson", painted(disc, 2)),
            read_json("geojson", painted(disc, 2), tolerance=1.0),
        )
    )
    assert part < whole / 3


def test_geojson_of_too_many_points_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode.load("geojson"), "MOST_POINTS", 100)
    with pytest.raises(UserError, match="at most 100 are written") as raised:
        written("geojson", painted(noise(12)))
    assert "format=rle" in raised.value.hint
    assert written("geojson", painted(noise(12)), least=40)


@pytest.mark.parametrize(("name", "limit"), [("geojson", "MOST_SIDES"), ("rle", "MOST_CHANGES")])
def test_noise_is_refused_as_text_before_that_takes_memory(
    name: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode.load(name), limit, 1000)
    result = painted(noise(12, (300, 400)))
    tracemalloc.start()
    with pytest.raises(UserError, match="at most 1000 changes") as raised:
        written(name, result)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One plane of bytes and little more, where the text would take two or a hundred a pixel.
    assert peak < 1.2 * result.mask.size
    assert "format=png" in raised.value.hint
    assert "window=" in raised.value.hint
    assert written(name, painted(noise(12, (20, 20))))


@pytest.mark.parametrize("name", ["geojson", "rle"])
def test_noise_of_a_single_row_is_refused_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MOST_SIDES", "MOST_CHANGES"):
        monkeypatch.setattr(encode.load(name), limit, 1000, raising=False)
    with pytest.raises(UserError, match="at most 1000 changes"):
        written(name, painted(noise(12, (1, 3000))))


def test_the_limit_on_noise_counts_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode.load("geojson"), "MOST_SIDES", 1000)
    assert written("geojson", painted(noise(12), kept=(3,)))
    with pytest.raises(UserError, match="at most 1000 changes"):
        written("geojson", painted(noise(12)))


def test_an_overlay_mixes_photo_and_colours_and_leaves_the_rest_alone() -> None:
    mask, picture = noise(12), photo()
    image = opened(written("overlay", painted(mask, picture=picture, kept=(3, 7)), alpha=0.25))
    colours = np.array(contract(12).palette)[mask]
    mixed = np.floor(0.75 * picture + 0.25 * colours + 0.5)
    expected = np.where(np.isin(mask, (3, 7))[..., None], mixed, picture)
    np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize(("alpha", "shows"), [(0, "photo"), (1, "colours")])
def test_an_overlay_at_its_ends_is_one_of_the_two(alpha: float, shows: str) -> None:
    mask, picture = noise(12), photo()
    image = np.asarray(opened(written("overlay", painted(mask, picture=picture), alpha=alpha)))
    expected = picture if shows == "photo" else np.array(contract(12).palette)[mask]
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_an_overlay_comes_as_the_picture_that_is_asked_for(kind: str) -> None:
    encoder = encode.load("overlay")
    options = encoder.Options(picture=kind)
    image = opened(encoder.encode(painted(noise(12), picture=photo()), options))
    assert image.format == kind.upper()
    assert encode.media_type(encoder, options) == f"image/{kind}"


def test_an_overlay_too_long_for_its_format_is_refused() -> None:
    long = painted(np.zeros((1, 16384), np.uint8), picture=photo((1, 16384)))
    with pytest.raises(UserError, match="webp holds no picture of 16384x1"):
        written("overlay", long, picture="webp")


@pytest.mark.parametrize("name", encode.names())
@pytest.mark.parametrize("size", SIZES)
def test_every_file_in_the_folder_is_an_encoder(name: str, size: tuple[int, int]) -> None:
    encoder = encode.load(name)
    result = painted(noise(12, size), picture=photo(size), confidence=photo(size)[..., 0])
    assert "/" in encoder.MEDIA_TYPE
    assert encoder.CONFIDENCE in ("never", "asked", "always")
    parameters.describe(encoder.Options)
    body = written(name, result)
    assert body
    assert written(name, result) == body


@pytest.mark.parametrize("name", [n for n in encode.names() if encode.load(n).EXAMPLE])
def test_the_example_in_the_docs_is_what_is_answered(name: str) -> None:
    road = Contract(
        classes=("road", "sky"),
        palette=((128, 64, 128), (70, 130, 180)),
        factor=Fraction(1, 2),
        writer="softres test",
    )
    took = {"decode": 12.3, "shrink": 1.2, "network": 45.6, "paint": 7.8}
    three = Painted(mask=np.zeros((1, 3), np.uint8), contract=road, milliseconds=took)
    assert read_json(name, three) == encode.load(name).EXAMPLE


def test_the_names_are_those_of_the_files() -> None:
    files = {path.stem for path in Path(serve.encode.__path__[0]).glob("*.py")}
    assert set(encode.names()) == files - {"__init__"}


def test_an_unknown_format_is_an_error_that_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown answer format 'pngg'; choose from .*png") as told:
        encode.load("pngg")
    assert "'png'" in told.value.hint
