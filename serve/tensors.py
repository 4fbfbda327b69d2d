"""Tensors on the wire: numbers and byte strings, as JSON or as binary data."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve.question import BINARY_HINT, Tensor, Wanted

MOST_NUMBERS = 4_000_000
# What a mask and its like are called here and on the wire: little-endian, as the protocol says.
DATATYPES = {np.dtype(np.uint8): ("UINT8", "u1"), np.dtype(np.uint16): ("UINT16", "<u2")}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The body of an answer; `header` is the length of its JSON where bytes follow it."""

    body: bytes
    header: int | None


def numbers(tensor: Tensor) -> NDArray[np.uint8]:
    """The elements of a UINT8 tensor in its shape, not to be written to."""
    if isinstance(tensor.content, memoryview):
        if len(tensor.content) != tensor.size:
            raise UserError(
                f"input '{tensor.name}': {len(tensor.content)} bytes for shape "
                f"{list(tensor.shape)}, which takes {tensor.size}"
            )
        return np.frombuffer(tensor.content, np.uint8).reshape(tensor.shape)
    flat = _flat(tensor.content, tensor.shape, tensor.name)
    # `type` and not isinstance: true and false are ints to Python.
    if not all(type(value) is int and 0 <= value <= 255 for value in flat):
        raise UserError(f"input '{tensor.name}': UINT8 is whole numbers from 0 to 255")
    return np.frombuffer(bytes(flat), np.uint8).reshape(tensor.shape)


def elements(tensor: Tensor) -> list[bytes]:
    """The elements of a BYTES tensor; in JSON they are base64."""
    if isinstance(tensor.content, memoryview):
        # One more than there should be tells, and a million more are never listed.
        found = list(islice(_pieces(tensor.content, tensor.name), tensor.size + 1))
    else:
        flat = _flat(tensor.content, tensor.shape, tensor.name)
        found = [_unpacked(text, tensor.name) for text in flat]
    if len(found) != tensor.size:
        raise UserError(
            f"input '{tensor.name}': its elements are not those of shape {list(tensor.shape)}"
        )
    return found


def reply(
    facts: dict[str, Any], outputs: Sequence[tuple[Wanted, NDArray[np.unsignedinteger[Any]]]]
) -> Reply:
    """The answer with these outputs, each as binary data or as numbers in the JSON."""
    described, tail = [], []
    for wanted, array in outputs:
        datatype, wire = DATATYPES[array.dtype]
        plain: dict[str, Any] = {
            "name": wanted.name,
            "datatype": datatype,
            "shape": list(array.shape),
        }
        if wanted.binary:
            tail.append(array.astype(wire, copy=False).tobytes())
            plain["parameters"] = {"binary_data_size": len(tail[-1])}
        elif array.size > MOST_NUMBERS:
            raise TooLargeError(
                f"output '{wanted.name}': {array.size} numbers as JSON; at most {MOST_NUMBERS}",
                hint=BINARY_HINT,
            )
        else:
            plain["data"] = array.ravel().tolist()
        described.append(plain)
    text = json.dumps({**facts, "outputs": described}, separators=(",", ":")).encode()
    return Reply(body=b"".join([text, *tail]), header=len(text) if tail else None)


def _flat(data: Any, shape: tuple[int, ...], name: str) -> list[Any]:
    """The elements in row-major order: given flat, or nested exactly as `shape` says."""
    wrong = UserError(f"input '{name}': data does not fit shape {list(shape)}")
    if not isinstance(data, list):
        raise wrong
    if data and isinstance(data[0], list):
        if len(shape) < 2 or len(data) != shape[0]:
            raise wrong
        found = [each for row in data for each in _flat(row, shape[1:], name)]
    else:
        found = data
    if len(found) != math.prod(shape):
        raise wrong
    return found


def _pieces(content: memoryview, name: str) -> Iterator[bytes]:
    """Elements that each begin with their length in four bytes."""
    at = 0
    while at < len(content):
        if len(content) - at < 4:
            raise UserError(f"input '{name}': an element ends within its length")
        (size,) = struct.unpack_from("<I", content, at)
        at += 4
        if size > len(content) - at:
            raise UserError(
                f"input '{name}': an element of {size} bytes, and {len(content) - at} are left"
            )
        yield bytes(content[at : at + size])
        at += size


def _unpacked(text: Any, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise UserError(
            f"input '{name}': an element is not base64", hint="or send it as binary data"
        ) from None
