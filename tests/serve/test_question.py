"""Inference requests: what is read out of one, and everything that is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve import question, tensors
from serve.question import Question, Tensor, Wanted

PIXELS = bytes(range(12))


def sent(tail: bytes = b"", **fields: Any) -> tuple[bytes, str]:
    """A body and the header that says how much of it is JSON."""
    text = json.dumps({"inputs": [], **fields}).encode()
    return text + tail, str(len(text))


def one(tail: bytes = b"", *, tidy: bool = True, **fields: Any) -> Question:
    """A request with one input, which is a good one but for `fields`."""
    plain: dict[str, Any] = {"name": "image", "datatype": "UINT8", "shape": [2, 2, 3], **fields}
    if tidy and "data" not in plain and "parameters" not in plain:
        plain["parameters"] = {"binary_data_size": len(tail)}
    return question.parse(*sent(tail, inputs=[plain]))


def refused(body: bytes, header: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        question.parse(body, header)
    return caught.value.message


def test_an_input_may_be_bytes_behind_the_json() -> None:
    (tensor,) = one(PIXELS).inputs
    assert (tensor.name, tensor.datatype, tensor.shape) == ("image", "UINT8", (2, 2, 3))
    np.testing.assert_array_equal(
        tensors.numbers(tensor), np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    )


@pytest.mark.parametrize("nested", [False, True])
def test_an_input_may_be_numbers_in_the_json(nested: bool) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    data = array.tolist() if nested else array.ravel().tolist()
    (tensor,) = one(data=data).inputs
    np.testing.assert_array_equal(tensors.numbers(tensor), array)


def test_each_input_gets_its_own_bytes() -> None:
    inputs = [
        {"name": name, "datatype": "UINT8", "shape": [n], "parameters": {"binary_data_size": n}}
        for name, n in (("a", 2), ("b", 3))
    ]
    asked = question.parse(*sent(b"aabbb", inputs=inputs))
    assert [bytes(tensor.content) for tensor in asked.inputs] == [b"aa", b"bbb"]


def test_the_id_and_the_outputs_are_those_asked_for() -> None:
    outputs = [{"name": "mask", "parameters": {"binary_data": True}}, {"name": "confidence"}]
    asked = question.parse(*sent(id="seven", outputs=outputs))
    assert asked.id == "seven"
    assert asked.outputs == (
        Wanted(name="mask", binary=True),
        Wanted(name="confidence", binary=False),
    )


def test_one_flag_asks_for_all_outputs_as_bytes_and_an_output_may_overrule_it() -> None:
    outputs = [{"name": "mask"}, {"name": "confidence", "parameters": {"binary_data": False}}]
    asked = question.parse(*sent(outputs=outputs, parameters={"binary_data_output": True}))
    assert asked.binary
    assert [each.binary for each in asked.outputs or ()] == [True, False]


@pytest.mark.parametrize(
    ("body", "header", "told"),
    [
        (b"{}", "3", "the body has 2 bytes"),
        (b"{}", "-1", "not a number"),
        (b"{}", "1e1", "not a number"),
        (b"{}", "", "not a number"),
        (b"{}", "9" * 5000, "not a number"),
        (b"", None, "not JSON"),
        (b"hello", None, "not JSON"),
        (b"\xff\xfe{\x00}\x00", None, "not JSON"),
        (b"[" * 100_000, None, "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", None, "not JSON"),
        (b"[]", None, "not a JSON object"),
        (b'{"inputs": NaN}', None, "NaN"),
        (b'{"inputs": [Infinity]}', None, "Infinity"),
        (b"{}", None, "inputs is not a list"),
        (b'{"inputs": [1]}', None, "not a JSON object"),
        (b'{"inputs": [{}]}', None, "a name of its own"),
        (b'{"inputs": [{"name": "a"}, {"name": "a"}]}', None, "a name of its own"),
        (b'{"inputs": [{"name": 7}]}', None, "a name of its own"),
        (b'{"inputs": [], "output": []}', None, "unknown field 'output'"),
        (b'{"inputs": [], "id": 7}', None, "id is not a text"),
        (b'{"inputs": [], "parameters": []}', None, "not a JSON object"),
        (b'{"inputs": [], "parameters": {"binary_data_output": 1}}', None, "neither true"),
        (b'{"inputs": [], "outputs": {"name": "a"}}', None, "outputs is not a list"),
        (b'{"inputs": [], "outputs": [{"name": "a", "data": 1}]}', None, "unknown field 'data'"),
        (
            b'{"inputs": [], "outputs": [{"name": "a", "parameters": {"classification": 3}}]}',
            None,
            "unknown field 'classification'",
        ),
        (b'{"inputs": []} ', "14", "1 bytes after the JSON"),
    ],
)
def test_a_request_that_is_none_is_refused(body: bytes, header: str | None, told: str) -> None:
    assert told in refused(body, header)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "either data or a binary_data_size"),
        ({"data": [1], "parameters": {"binary_data_size": 1}}, "either data or"),
        ({"data": 7}, "data is not a list"),
        ({"data": [], "shapes": [1]}, "unknown field 'shapes'"),
        ({"parameters": {"binary_data_size": -1}}, "not a number of bytes"),
        ({"parameters": {"binary_data_size": True}}, "not a number of bytes"),
        ({"parameters": {"binary_data_size": 1.0}}, "not a number of bytes"),
        ({"parameters": {"binary_data_size": 13}}, "12 bytes are left"),
        ({"parameters": {"binary_data_size": 11}}, "1 bytes after the JSON"),
        ({"data": [], "shape": None}, "shape is not a list"),
        ({"data": [], "shape": []}, "shape is not a list"),
        ({"data": [], "shape": [0, 2]}, "shape is not a list"),
        ({"data": [], "shape": [-1, 2]}, "shape is not a list"),
        ({"data": [], "shape": [1.5]}, "shape is not a list"),
        ({"data": [], "shape": [True]}, "shape is not a list"),
        ({"data": [], "shape": [2**63]}, "shape is not a list"),
        ({"data": [], "shape": [1] * 9}, "shape is not a list"),
    ],
)
def test_an_input_that_is_none_is_refused(fields: dict[str, Any], told: str) -> None:
    tail = b"" if "data" in fields and "parameters" not in fields else PIXELS
    with pytest.raises(UserError) as caught:
        one(tail, tidy=False, **fields)
    assert told in caught.value.message


def test_a_shape_far_beyond_memory_is_only_a_number() -> None:
    (tensor,) = one(PIXELS, shape=[2**62, 2**62, 3]).inputs
    assert tensor.size == 3 * 2**124
    with pytest.raises(UserError, match="12 bytes for shape"):
        tensors.numbers(tensor)


def test_more_json_than_is_sensible_is_too_large() -> None:
    with pytest.raises(TooLargeError) as caught:
        question.parse(b" " * (question.MOST_JSON + 1), None)
    assert "binary" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        [1] * 11,
        [1] * 13,
        [256] + [1] * 11,
        [-1] + [1] * 11,
        [1.0] * 12,
        [True] * 12,
        ["1"] * 12,
        [None] * 12,
        [[1] * 12],
        [[1] * 6, [1] * 6, [1] * 6],
        [[1] * 6, 7],
        [[[1, 1], [1, 1], [1, 1]], [[1, 1], [1, 1], [1, 1]]],
        [[[[1] * 3] * 2] * 2],
    ],
)
def test_numbers_that_are_no_bytes_or_do_not_fit_are_refused(data: list[Any]) -> None:
    (tensor,) = one(data=data).inputs
    with pytest.raises(UserError, match="input 'image'"):
        tensors.numbers(tensor)


def packed(*elements: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def texts(content: bytes | list[Any], count: int) -> Tensor:
    held = memoryview(content) if isinstance(content, bytes) else content
    return Tensor(name="picture", datatype="BYTES", shape=(count,), content=held)


def test_byte_strings_come_with_their_lengths_or_as_base64() -> None:
    assert tensors.elements(texts(packed(b"one", b"", b"three"), 3)) == [b"one", b"", b"three"]
    assert tensors.elements(texts(["b25l", ""], 2)) == [b"one", b""]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (packed(b"one"), 2),
        (packed(b"one", b"two"), 1),
        (packed(b"one")[:-1], 1),
        (packed(b"one") + b"\0\0\0", 1),
        (b"\xff\xff\xff\xff" + bytes(10), 1),
        (bytes(4_000_000), 1),
        (["!"], 1),
        (["é"], 1),
        ([7], 1),
        (["b25l", "b25l"], 1),
    ],
)
def test_byte_strings_that_do_not_come_out_even_are_refused(content: Any, count: int) -> None:
    with pytest.raises(UserError, match="input 'picture'"):
        tensors.elements(texts(content, count))


def test_an_answer_holds_its_outputs_as_bytes_or_numbers() -> None:
    mask = np.array([[[1, 2], [3, 400]]], np.uint16)
    made = tensors.reply(
        {"model_name": "m"},
        [
            (Wanted(name="mask", binary=True), mask),
            (Wanted(name="again", binary=False), mask),
            (Wanted(name="small", binary=True), mask.astype(np.uint8)),
        ],
    )
    assert made.header is not None
    plain = json.loads(made.body[: made.header])
    first, second, third = plain["outputs"]
    assert plain["model_name"] == "m"
    assert first == {
        "name": "mask",
        "datatype": "UINT16",
        "shape": [1, 2, 2],
        "parameters": {"binary_data_size": 8},
    }
    assert second["data"] == [1, 2, 3, 400]
    assert third["datatype"] == "UINT8"
    assert made.body[made.header :] == bytes([1, 0, 2, 0, 3, 0, 0x90, 1]) + bytes([1, 2, 3, 0x90])


def test_an_answer_without_bytes_is_all_json() -> None:
    mask = np.zeros((1, 1, 1), np.uint8)
    made = tensors.reply({}, [(Wanted(name="mask", binary=False), mask)])
    assert made.header is None
    assert json.loads(made.body)["outputs"][0]["data"] == [0]


def test_millions_of_numbers_are_not_written_as_json() -> None:
    mask = np.zeros((1, 1, tensors.MOST_NUMBERS + 1), np.uint8)
    with pytest.raises(TooLargeError, match="numbers as JSON"):
        tensors.reply({}, [(Wanted(name="mask", binary=False), mask)])


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
WORDS = st.sampled_from(
    [
        *(
            "inputs",
            "outputs",
            "name",
            "image",
            "datatype",
            "UINT8",
            "BYTES",
            "shape",
            "data",
            "id",
        ),
        *("parameters", "binary_data_size", "binary_data", "binary_data_output"),
    ]
)
JSON = st.recursive(
    LEAVES | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)
INPUT = st.fixed_dictionaries(
    {"name": WORDS},
    optional={
        "datatype": WORDS,
        "shape": st.lists(st.integers(-2, 4), max_size=4) | JSON,
        "data": st.lists(st.integers(-1, 256), max_size=12) | JSON,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20)}) | JSON,
    },
)


@settings(max_examples=100, deadline=None)
@given(
    plain=JSON | st.fixed_dictionaries({"inputs": st.lists(INPUT | JSON, max_size=3)}),
    tail=st.binary(max_size=20),
    off=st.integers(-3, 3),
)
def test_whatever_is_sent_is_read_or_refused(plain: Any, tail: bytes, off: int) -> None:
    text = json.dumps(plain).encode()
    with suppress(UserError):
        for tensor in question.parse(text + tail, str(len(text) + off)).inputs:
            for read in (tensors.numbers, tensors.elements):
                with suppress(UserError):
                    assert len(read(tensor)) > 0
