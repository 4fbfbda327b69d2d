"""The Open Inference Protocol (KServe v2) over HTTP, with its binary tensors: /v2 and below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.contract import Contract
from kernels.errors import UserError, one_of
from kernels.paint import mask_dtype
from kernels.picture import TooLargeError, decode
from serve import question, tensors
from serve.question import Question, Tensor, Wanted

IMAGE, PICTURE, MASK, CONFIDENCE = "image", "picture", "mask", "confidence"
OUTPUTS = (MASK, CONFIDENCE)
# An artefact has no history here: there is one version of it, and it goes by this name.
VERSION = "1"
# One request holds one place in the queue, and must not be a way around it.
MOST_PICTURES = 64
EXTENSIONS = ("binary_tensor_data",)

Pictures = list[NDArray[np.uint8]]


def metadata(name: str, contract: Contract) -> dict[str, Any]:
    """What GET /v2/models/{name} says; an inference has one of the two inputs."""
    datatype, _ = tensors.DATATYPES[np.dtype(mask_dtype(len(contract.classes)))]
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "softres",
        "inputs": [_tensor(IMAGE, "UINT8", -1, -1, -1, 3), _tensor(PICTURE, "BYTES", -1)],
        "outputs": [
            _tensor(MASK, datatype, -1, -1, -1),
            _tensor(CONFIDENCE, "UINT8", -1, -1, -1),
        ],
    }


def _tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def wanted(asked: Question) -> tuple[Wanted, ...]:
    """The outputs to answer with: those named, or all of them."""
    if asked.outputs is None:
        return tuple(Wanted(name=name, binary=asked.binary) for name in OUTPUTS)
    for each in asked.outputs:
        if each.name not in OUTPUTS:
            raise one_of("output", each.name[:40], OUTPUTS)
    return asked.outputs


def pictures(asked: Question, most_pixels: int) -> Pictures:
    """The pictures of a request, all of one size; nothing is unpacked before its size is known."""
    if len(asked.inputs) != 1:
        raise UserError(
            f"{len(asked.inputs)} inputs",
            hint=f"send one: '{IMAGE}' with pixels, or '{PICTURE}' with files",
        )
    (tensor,) = asked.inputs
    if tensor.name == IMAGE:
        return _pixels(tensor, most_pixels)
    if tensor.name == PICTURE:
        return _files(tensor, most_pixels)
    raise one_of("input", tensor.name[:40], (IMAGE, PICTURE))


def _pixels(tensor: Tensor, most_pixels: int) -> Pictures:
    _check_datatype(tensor, "UINT8")
    shape = tensor.shape
    if len(shape) not in (3, 4) or shape[-1] != 3:
        raise UserError(
            f"input '{IMAGE}': shape {list(shape)} is neither [H,W,3] nor [N,H,W,3]",
            hint="colours come last, as red, green and blue",
        )
    _check_count(shape[0] if len(shape) == 4 else 1)
    if tensor.size // 3 > most_pixels:
        raise _too_many(tensor.size // 3, most_pixels)
    array = tensors.numbers(tensor)
    return list(array) if array.ndim == 4 else [array]


def _files(tensor: Tensor, most_pixels: int) -> Pictures:
    _check_datatype(tensor, "BYTES")
    if len(tensor.shape) != 1 and tensor.shape[1:] != (1,):
        raise UserError(f"input '{PICTURE}': shape {list(tensor.shape)} is neither [N] nor [N,1]")
    _check_count(tensor.size)
    found: Pictures = []
    for data in tensors.elements(tensor):
        found.append(decode(data, f"input '{PICTURE}'", most_pixels=most_pixels))
        height, width, _ = found[0].shape
        if found[-1].shape != found[0].shape:
            raise UserError(
                f"input '{PICTURE}': files of {width}x{height} and of "
                f"{found[-1].shape[1]}x{found[-1].shape[0]}, and one tensor holds one size",
                hint="send files of different sizes in requests of their own",
            )
        # Of one size: the first one tells before the second is unpacked.
        if height * width * tensor.size > most_pixels:
            raise _too_many(height * width * tensor.size, most_pixels)
    return found


def _check_datatype(tensor: Tensor, datatype: str) -> None:
    if tensor.datatype != datatype:
        raise UserError(
            f"input '{tensor.name}': datatype {tensor.datatype[:40]}, and {datatype} is wanted"
        )


def _check_count(count: int) -> None:
    if count > MOST_PICTURES:
        raise TooLargeError(
            f"{count} pictures in one request; at most {MOST_PICTURES}", hint="send several requests"
        )


def _too_many(pixels: int, most: int) -> TooLargeError:
    return TooLargeError(
        f"{pixels} pixels in one request; at most {most}",
        hint="send fewer or smaller pictures, or start the server with a larger --max-pixels",
    )
