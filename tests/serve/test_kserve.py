"""The Open Inference Protocol, spoken by NVIDIA's own client and by hand."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

import kernels
from serve.segment import Segmenter
from serve.settings import Settings

INFER = "/v2/models/model/infer"
MANUAL = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(client: httpx.Client) -> str:
    """Host and port of the server the other tests ask, too."""
    return f"{client.base_url.host}:{client.base_url.port}"


@pytest.fixture(scope="module")
def asker(served: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(served) as asker:
        yield asker


@pytest.fixture
def batch(toy: SimpleNamespace) -> np.ndarray:
    return np.stack([toy.photo(31, 45), toy.photo(31, 45)[::-1], toy.photo(31, 45)[:, ::-1]])


def image(array: np.ndarray, *, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput("image", list(array.shape), "UINT8")
    tensor.set_data_from_numpy(np.ascontiguousarray(array), binary_data=binary)
    return tensor


def files(*contents: bytes) -> triton.InferInput:
    tensor = triton.InferInput("picture", [len(contents)], "BYTES")
    tensor.set_data_from_numpy(np.array(contents, object))
    return tensor


def asked(name: str, *, binary: bool = True) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name, binary_data=binary)]


def masks(segmenter: Segmenter, batch: np.ndarray) -> np.ndarray:
    return np.stack([segmenter.mask(picture) for picture in batch])


def test_the_server_is_live_and_ready_and_so_is_the_model(
    asker: triton.InferenceServerClient,
) -> None:
    assert asker.is_server_live()
    assert asker.is_server_ready()
    assert asker.is_model_ready("model")
    assert asker.is_model_ready("model", "1")
    assert not asker.is_model_ready("modle")
    assert not asker.is_model_ready("model", "2")


def test_the_server_says_that_it_takes_binary_tensors(asker: triton.InferenceServerClient) -> None:
    told = asker.get_server_metadata()
    assert told["name"] == "softres"
    assert told["version"]
    assert told["extensions"] == ["binary_tensor_data"]


def test_the_model_says_what_its_tensors_are(asker: triton.InferenceServerClient) -> None:
    assert asker.get_model_metadata("model", "1") == {
        "name": "model",
        "versions": ["1"],
        "platform": "softres",
        "inputs": [
            {"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
            {"name": "picture", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "mask", "datatype": "UINT8", "shape": [-1, -1, -1]},
            {"name": "confidence", "datatype": "UINT8", "shape": [-1, -1, -1]},
        ],
    }


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("got", [True, False])
def test_a_batch_of_pixels_is_answered_with_its_masks_in_either_form(
    asker: triton.InferenceServerClient,
    segmenter: Segmenter,
    batch: np.ndarray,
    sent: bool,
    got: bool,
) -> None:
    answer = asker.infer(
        "model", [image(batch, binary=sent)], outputs=asked("mask", binary=got), request_id="seven"
    )
    np.testing.assert_array_equal(answer.as_numpy("mask"), masks(segmenter, batch))
    told = answer.get_response()
    assert (told["model_name"], told["model_version"], told["id"]) == ("model", "1", "seven")
    assert [each["name"] for each in told["outputs"]] == ["mask"]


def test_one_picture_needs_no_batch_axis_and_its_mask_has_one(
    asker: triton.InferenceServerClient, segmenter: Segmenter, toy: SimpleNamespace
) -> None:
    picture = toy.photo(20, 30)
    mask = asker.infer("model", [image(picture)], outputs=asked("mask")).as_numpy("mask")
    np.testing.assert_array_equal(mask, segmenter.mask(picture)[None])


def test_without_names_every_output_is_answered(
    asker: triton.InferenceServerClient, segmenter: Segmenter, toy: SimpleNamespace
) -> None:
    picture = toy.photo(20, 30)
    answer = asker.infer("model", [image(picture)])
    small = kernels.shrink(picture, segmenter.contract.factor)
    logits = segmenter.run([small])[0]
    expected = kernels.painting(logits, (20, 30), margin=True)
    np.testing.assert_array_equal(answer.as_numpy("mask")[0], expected.mask)
    np.testing.assert_array_equal(answer.as_numpy("confidence")[0], expected.margin)


# A JPEG of the second size is reduced by its decoder.
@pytest.mark.parametrize("size", [(33, 44), (64, 96)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_picture_files_are_taken_as_they_are(
    asker: triton.InferenceServerClient,
    client: httpx.Client,
    toy: SimpleNamespace,
    kind: str,
    size: tuple[int, int],
) -> None:
    one = toy.written(toy.photo(*size), kind)
    other = toy.written(toy.photo(*size)[::-1], kind)
    answer = asker.infer("model", [files(one, other)], outputs=asked("mask"))
    for content, mask in zip((one, other), answer.as_numpy("mask"), strict=True):
        same = client.post("/segment", content=content).content
        np.testing.assert_array_equal(mask, np.asarray(Image.open(io.BytesIO(same))))


def test_masks_of_many_classes_have_two_bytes_a_pixel(tmp_path: Path, toy: SimpleNamespace) -> None:
    path = toy.saved(tmp_path / "many.onnx", classes=300)
    picture = toy.photo(20, 30)
    with (
        toy.running(Settings(models=(path,))) as client,
        triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}") as asker,
    ):
        assert asker.get_model_metadata("many")["outputs"][0]["datatype"] == "UINT16"
        mask = asker.infer("many", [image(picture)], outputs=asked("mask")).as_numpy("mask")
    np.testing.assert_array_equal(mask, Segmenter(path).mask(picture)[None])
    assert mask.dtype == np.uint16
    assert mask.max() > 255


def test_the_manual_shows_a_client_that_works(
    served: str, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("127.0.0.1:8000", served), names)
    names["client"].close()
    expected = segmenter.mask(np.zeros((512, 1024, 3), np.uint8))
    np.testing.assert_array_equal(names["mask"], expected[None])


def test_the_client_is_told_what_was_wrong(asker: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="unknown output 'masc'") as caught:
        asker.infer("model", [image(np.zeros((2, 2, 3), np.uint8))], outputs=asked("masc"))
    assert "did you mean 'mask'" in str(caught.value)
    with pytest.raises(InferenceServerException, match="unknown model 'modle'"):
        asker.infer("modle", [image(np.zeros((2, 2, 3), np.uint8))])


def post(client: httpx.Client, tail: bytes = b"", **plain: Any) -> httpx.Response:
    """One hand-made input, with the bytes that follow."""
    described = {"name": "image", "datatype": "UINT8", "shape": [2, 2, 3], **plain}
    if tail:
        described["parameters"] = {"binary_data_size": len(tail)}
    text = json.dumps({"inputs": [described]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    return client.post(INFER, content=text + tail, headers=headers)


def assert_error(answer: httpx.Response, status: int, told: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert told in answer.json()["error"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({"name": "images"}, "unknown input 'images'"),
        ({"datatype": "FP32"}, "datatype FP32, and UINT8 is wanted"),
        ({"datatype": None}, "UINT8 is wanted"),
        ({"shape": [12]}, "neither [H,W,3] nor [N,H,W,3]"),
        ({"shape": [2, 2, 4]}, "neither [H,W,3] nor [N,H,W,3]"),
        ({"shape": [1, 1, 2, 2, 3]}, "neither [H,W,3] nor [N,H,W,3]"),
        ({"shape": [2, 2, 6]}, "neither"),
        ({"shape": [2, 3, 3]}, "12 bytes for shape [2, 3, 3], which takes 18"),
        ({"shape": [-2, -2, 3]}, "shape is not a list"),
        ({"name": "picture"}, "datatype UINT8, and BYTES is wanted"),
        ({"name": "picture", "datatype": "BYTES", "shape": [1, 2]}, "neither [N] nor [N,1]"),
        ({"name": "picture", "datatype": "BYTES", "shape": [1]}, "an element of"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(
    client: httpx.Client, plain: dict[str, Any], told: str
) -> None:
    assert_error(post(client, bytes(range(12)), **plain), 400, told)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ([2**31, 2**31, 3], "pixels in one request"),
        ([2**62, 2**62, 3], "pixels in one request"),
        ([65, 1, 1, 3], "65 pictures in one request"),
    ],
)
def test_a_huge_shape_is_refused_before_anything_is_made_of_it(
    client: httpx.Client, shape: list[int], told: str
) -> None:
    assert_error(post(client, bytes(12), shape=shape), 413, told)


@pytest.mark.parametrize("inputs", [[], ["image", "picture"]])
def test_a_request_has_one_input(client: httpx.Client, inputs: list[str]) -> None:
    described = [
        {"name": name, "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]}
        for name in inputs
    ]
    assert_error(client.post(INFER, json={"inputs": described}), 400, f"{len(inputs)} inputs")


def test_files_of_two_sizes_do_not_go_together(client: httpx.Client, toy: SimpleNamespace) -> None:
    contents = [toy.written(toy.photo(9, 10)), toy.written(toy.photo(10, 9))]
    tail = b"".join(len(each).to_bytes(4, "little") + each for each in contents)
    answer = post(client, tail, name="picture", datatype="BYTES", shape=[2])
    assert_error(answer, 400, "files of 10x9 and of 9x10")


def test_a_file_that_is_no_picture_is_refused(client: httpx.Client) -> None:
    tail = b"\x05\0\0\0hello"
    answer = post(client, tail, name="picture", datatype="BYTES", shape=[1])
    assert_error(answer, 400, "not a JPEG")


def test_the_limit_on_pixels_is_on_all_pictures_together(model: Path, toy: SimpleNamespace) -> None:
    content = toy.written(toy.photo(10, 10))
    element = len(content).to_bytes(4, "little") + content
    with toy.running(Settings(models=(model,), max_pixels=199)) as client:
        fits = post(client, element, name="picture", datatype="BYTES", shape=[1])
        assert fits.status_code == 200
        both = post(client, element * 2, name="picture", datatype="BYTES", shape=[2])
        assert_error(both, 413, "200 pixels in one request")
        assert_error(post(client, bytes(600), shape=[2, 10, 10, 3]), 413, "200 pixels")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br, gzip"])
@pytest.mark.parametrize("path", [INFER, "/segment"])
def test_a_packed_body_is_refused(client: httpx.Client, path: str, coding: str) -> None:
    answer = client.post(path, content=b"x" * 100, headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.text


def test_a_body_longer_than_allowed_is_too_large(client: httpx.Client) -> None:
    assert_error(client.post(INFER, content=bytes(4_000_001)), 413, "more than 4000000 bytes")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/model/versions/2", 404),
        ("/v2/models/modle", 404),
        ("/v2/models/modle/ready", 404),
        ("/v2/nothing", 404),
        (INFER, 405),
    ],
)
def test_a_wrong_address_is_an_error_of_the_protocol(
    client: httpx.Client, path: str, status: int
) -> None:
    assert_error(client.get(path), status, "")


def test_a_version_may_be_named_in_the_address(client: httpx.Client) -> None:
    plain = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]}
    answer = client.post("/v2/models/model/versions/1/infer", json={"inputs": [plain]})
    assert answer.status_code == 200
    outputs = answer.json()["outputs"]
    assert [each["shape"] for each in outputs] == [[1, 1, 1], [1, 1, 1]]
    assert "inference-header-content-length" not in answer.headers
