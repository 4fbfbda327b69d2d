"""POST /segment: what it takes and what the mask is."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image
from starlette.datastructures import QueryParams

from kernels.paint.reference import paint as reference_paint
from kernels.paint.reference import painting as reference_painting
from kernels.picture import Reduced, decode, read
from kernels.shrink.reference import shrink as reference_shrink
from serve import encode, negotiate
from serve.clock import STAGES, Stopwatch
from serve.segment import Segmenter
from serve.settings import Settings

ORIENTATION = 274
# What has to be done to a stored picture to turn it upright, by orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def posted(client: httpx.Client, data: bytes) -> NDArray[np.uint8]:
    """The class ids of the answered mask."""
    answer = client.post("/segment", content=data)
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    assert image.mode == "P"
    return np.asarray(image)


def by_reference(toy: SimpleNamespace, data: bytes) -> NDArray[np.uint8]:
    """The mask by the definitions: shrink, or the JPEG's own decoder, the network, paint."""
    picture = decode(data, "picture")
    seen = read(data, "picture", toy.contract())
    small = seen.small if isinstance(seen, Reduced) else reference_shrink(seen, Fraction(1, 2))
    # The graph of factor 1 shrinks nothing: its `small` is what it is given.
    model = toy.artefact(toy.contract(factor=Fraction(1)))
    model.graph.output.append(
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", "C", "h", "w"])
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(["logits"], {"image": small[None]})
    mask: NDArray[np.uint8] = reference_paint(logits[0], picture.shape[:2])
    return mask


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_file_gives_the_mask_of_the_reference_chain(
    client: httpx.Client, toy: SimpleNamespace, kind: str
) -> None:
    data = toy.written(toy.photo(120, 200), kind)
    mask = posted(client, data)
    assert mask.shape == (120, 200)
    assert len(np.unique(mask)) > 2
    np.testing.assert_array_equal(mask, by_reference(toy, data))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 3), (333, 517)])
def test_the_mask_has_the_size_of_the_picture(
    client: httpx.Client, toy: SimpleNamespace, size: tuple[int, int]
) -> None:
    data = toy.written(toy.photo(*size))
    mask = posted(client, data)
    assert mask.shape == size
    np.testing.assert_array_equal(mask, by_reference(toy, data))


@pytest.mark.parametrize(("factor", "sight"), [("1/4", 1), ("1/4", 2), ("1/2", 2), ("1", 1)])
def test_the_mask_is_the_one_the_whole_artefact_paints(
    tmp_path: Path, toy: SimpleNamespace, factor: str, sight: int
) -> None:
    path = toy.saved(tmp_path / "model.onnx", factor=Fraction(factor), sight=sight)
    picture = toy.photo(128, 192)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (whole,) = session.run(["mask"], {"image": picture[None]})
    mask = Segmenter(path).mask(picture)
    # Another order of the same float operations may tip a pixel that is all but a tie.
    assert np.count_nonzero(whole[0] != mask) <= 3


@pytest.mark.parametrize("field", ["picture", "file", "anything at all"])
def test_a_form_with_one_file_is_answered_like_the_bare_bytes(
    client: httpx.Client, toy: SimpleNamespace, field: str
) -> None:
    # Longer than what a form is usually parsed into memory for.
    data = toy.written(toy.photo(900, 800))
    assert len(data) > 1_100_000
    bare = client.post("/segment", content=data)
    form = client.post("/segment", files={field: ("street.png", data)}, data={"note": "kept out"})
    assert form.status_code == 200
    assert form.content == bare.content


@pytest.mark.parametrize("kind", ["image/png", "text/plain", "application/x-www-form-urlencoded"])
def test_the_content_type_of_bare_bytes_does_not_matter(
    client: httpx.Client, toy: SimpleNamespace, kind: str
) -> None:
    data = toy.written(toy.photo(20, 30))
    answer = client.post("/segment", content=data, headers={"Content-Type": kind})
    assert answer.status_code == 200


def test_the_answer_is_a_palette_png_in_the_colours_of_the_contract(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    answer = client.post("/segment", content=toy.written(toy.photo(40, 50)))
    assert answer.headers["content-type"] == "image/png"
    palette = Image.open(io.BytesIO(answer.content)).getpalette()
    assert palette == [part for colour in toy.contract().palette for part in colour]


@pytest.mark.parametrize("name", encode.names())
def test_every_format_answers_the_mask_of_the_png(
    client: httpx.Client, toy: SimpleNamespace, segmenter: Segmenter, name: str
) -> None:
    picture = toy.photo(40, 50)
    answer = client.post(f"/segment?format={name}", content=toy.written(picture))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == negotiate.plain(name).media_type
    assert answer.headers["vary"] == "Accept"
    ask = negotiate.plain(name)
    if name != "json":  # it holds times, which are never the same
        painted = segmenter.painted(picture, ask, Stopwatch())
        assert answer.content == ask.encode(painted)


@pytest.mark.parametrize("query", ["", "&classes=0,class é 3"])
def test_a_window_is_that_part_of_the_whole_answer(
    client: httpx.Client, toy: SimpleNamespace, query: str
) -> None:
    data = toy.written(toy.photo(90, 120))
    for name in ("index", "confidence", "overlay"):
        whole, part = (
            np.asarray(
                Image.open(
                    io.BytesIO(
                        client.post(f"/segment?format={name}{query}{more}", content=data).content
                    )
                )
            )
            for more in ("", "&window=33,21,50,40")
        )
        assert part.shape[:2] == (40, 50)
        np.testing.assert_array_equal(part, whole[21:61, 33:83])


def test_the_confidence_is_the_margin_of_the_kernel(
    client: httpx.Client, toy: SimpleNamespace, segmenter: Segmenter
) -> None:
    picture = toy.photo(60, 70)
    answer = client.post("/segment?format=npz&confidence=1", content=toy.written(picture))
    logits = segmenter.runtime.logits(reference_shrink(picture, Fraction(1, 2)))
    expected = reference_painting(logits, (60, 70), (0, 0, 60, 70), True)
    with np.load(io.BytesIO(answer.content)) as archive:
        np.testing.assert_array_equal(archive["confidence"], expected.margin)
        np.testing.assert_array_equal(archive["mask"], expected.mask)


def test_reduced_decoding_changes_few_pixels_and_is_the_same_in_every_format(
    model: Path, toy: SimpleNamespace, segmenter: Segmenter
) -> None:
    whole = Segmenter(model, whole_decode=True)
    data = toy.written(toy.photo(160, 240), "JPEG", quality=95)

    def seen(each: Segmenter, query: str) -> NDArray[np.uint8]:
        ask = negotiate.read(QueryParams(query))
        return np.asarray(Image.open(io.BytesIO(each.answer(data, ask).body)))

    one, other = (seen(each, "format=index") for each in (segmenter, whole))
    assert one.shape == other.shape == (160, 240)
    assert 0 < np.mean(one != other) < 0.05
    # Where the photo shows through it is whole, and the colours on it are those of the same mask.
    photo = seen(segmenter, "format=overlay&alpha=0")
    np.testing.assert_array_equal(photo, decode(data, "x"))
    palette = np.array(segmenter.contract.palette, np.uint8)
    for each, mask in ((segmenter, one), (whole, other)):
        np.testing.assert_array_equal(seen(each, "format=overlay&alpha=1"), palette[mask])


def test_server_timing_names_the_stages_in_milliseconds(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    answer = client.post("/segment", content=toy.written(toy.photo(400, 500)))
    entries = answer.headers["server-timing"].split(", ")
    found = [re.fullmatch(r"(\w+);dur=(\d+\.\d+)", entry) for entry in entries]
    assert tuple(match[1] for match in found if match) == STAGES
    assert (
        0 < sum(float(match[2]) for match in found if match) < answer.elapsed.total_seconds() * 1e3
    )


@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_an_exif_rotated_picture_gives_the_mask_of_the_upright_one(
    client: httpx.Client, toy: SimpleNamespace, orientation: int
) -> None:
    stored = Image.fromarray(toy.photo(60, 90))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = posted(client, toy.written(stored, exif=exif))
    upright = stored.transpose(UPRIGHT[orientation])
    assert turned.shape == (upright.height, upright.width)
    np.testing.assert_array_equal(turned, posted(client, toy.written(upright)))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("P", "PNG"),
     ("L", "JPEG"), ("CMYK", "JPEG")],
)  # fmt: skip
# A JPEG of the second size is reduced by its decoder.
@pytest.mark.parametrize("size", [(33, 47), (64, 96)])
def test_every_pixel_mode_is_taken(
    client: httpx.Client, toy: SimpleNamespace, mode: str, kind: str, size: tuple[int, int]
) -> None:
    data = toy.written(Image.fromarray(toy.photo(*size)).convert(mode), kind)
    np.testing.assert_array_equal(posted(client, data), by_reference(toy, data))


def test_sixteen_bits_give_the_mask_of_their_high_bytes(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    grey = toy.photo(33, 47)[..., 0]
    deep = toy.written(grey.astype(np.uint16) * 256 + 77)
    np.testing.assert_array_equal(posted(client, deep), posted(client, toy.written(grey)))


def test_concurrent_requests_each_get_their_own_mask(
    client: httpx.Client, toy: SimpleNamespace, segmenter: Segmenter
) -> None:
    pictures = [toy.photo(100 + 31 * index, 300 - 23 * index) for index in range(8)]
    with ThreadPoolExecutor(8) as pool:
        masks = list(pool.map(lambda picture: posted(client, toy.written(picture)), pictures))
    for mask, picture in zip(masks, pictures, strict=True):
        np.testing.assert_array_equal(mask, segmenter.mask(picture))


def test_three_hundred_classes_come_as_sixteen_bit_grey(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    path = toy.saved(tmp_path / "model.onnx", classes=300)
    picture = toy.photo(64, 96)
    with toy.running(Settings(models=(path,))) as client:
        answer = client.post("/segment", content=toy.written(picture))
    mask = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert mask.max() > 255
    np.testing.assert_array_equal(mask, Segmenter(path).mask(picture))
