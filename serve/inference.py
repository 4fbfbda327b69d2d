"""One inference: from the tensors of a request to those of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError, one_of
from kernels.paint import Mask
from kernels.picture import Picture, TooLargeError, size
from serve import negotiate, question, tensors
from serve.clock import Stopwatch
from serve.question import Question, Tensor, Wanted
from serve.segment import Segmenter, Taken
from serve.tensors import Reply

IMAGE, PICTURE, MASK, CONFIDENCE = "image", "picture", "mask", "confidence"
# One request holds one place in the queue, and must not be a way around it.
MOST_PICTURES = 64

Pictures = list[Picture]


class Inference:
    """What one request asks for; a worker calls `take`, and later one calls `finish`."""

    def __init__(self, body: bytes, *, header: str | None, model: str, version: str) -> None:
        self._body = body
        self._header = header
        self._names = {"model_name": model, "model_version": version}
        self._wanted: tuple[Wanted, ...] = ()

    def take(self, segmenter: Segmenter, clock: Stopwatch) -> list[Taken]:
        """The pictures of the request, all of one size, ready for the network."""
        with clock.stage("decode"):
            asked = question.parse(self._body, self._header)
            self._wanted = wanted(asked, outputs(segmenter))
            found = pictures(asked, segmenter)
        if asked.id is not None:
            self._names["id"] = asked.id
        sure = any(each.name == CONFIDENCE for each in self._wanted)
        ask = replace(negotiate.plain(), confidence=sure)
        return [segmenter.prepared(picture, ask, clock) for picture in found]

    def finish(
        self, segmenter: Segmenter, taken: Sequence[Taken], found: Sequence[NDArray[Any]]
    ) -> Reply:
        """The body of the answer."""
        painted = list(map(segmenter.paint, taken, found))
        planes: dict[str, Mask] = {MASK: np.stack([each.mask for each in painted])}
        sure = [each.confidence for each in painted if each.confidence is not None]
        if sure:
            planes[CONFIDENCE] = np.stack(sure)
        with taken[0].clock.stage("encode"):
            return tensors.reply(self._names, [(each, planes[each.name]) for each in self._wanted])


def outputs(segmenter: Segmenter) -> tuple[str, ...]:
    """What this model can be asked for."""
    return (MASK, CONFIDENCE) if segmenter.has_confidence else (MASK,)


def wanted(asked: Question, choices: Sequence[str]) -> tuple[Wanted, ...]:
    """The outputs to answer with: those named, or all of them."""
    if asked.outputs is None:
        return tuple(Wanted(name=name, binary=asked.binary) for name in choices)
    for each in asked.outputs:
        if each.name not in choices:
            raise one_of("output", each.name[:40], choices)
    return asked.outputs


def pictures(asked: Question, segmenter: Segmenter) -> Pictures:
    """The pictures of a request, all of one size; nothing is unpacked before its size is known."""
    if len(asked.inputs) != 1:
        raise UserError(
            f"{len(asked.inputs)} inputs",
            hint=f"send one: '{IMAGE}' with pixels, or '{PICTURE}' with files",
        )
    (tensor,) = asked.inputs
    if tensor.name == IMAGE:
        return _pixels(tensor, segmenter.max_pixels)
    if tensor.name == PICTURE:
        return _files(tensor, segmenter)
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


def _files(tensor: Tensor, segmenter: Segmenter) -> Pictures:
    _check_datatype(tensor, "BYTES")
    if len(tensor.shape) != 1 and tensor.shape[1:] != (1,):
        raise UserError(f"input '{PICTURE}': shape {list(tensor.shape)} is neither [N] nor [N,1]")
    _check_count(tensor.size)
    found: Pictures = []
    for data in tensors.elements(tensor):
        found.append(segmenter.read(data, f"input '{PICTURE}'"))
        (height, width), other = size(found[0]), size(found[-1])
        if other != (height, width):
            raise UserError(
                f"input '{PICTURE}': files of {width}x{height} and of {other[1]}x{other[0]}, and "
                "one tensor holds one size",
                hint="send files of different sizes in requests of their own",
            )
        # Of one size: the first one tells before the second is unpacked.
        if height * width * tensor.size > segmenter.max_pixels:
            raise _too_many(height * width * tensor.size, segmenter.max_pixels)
    return found


def _check_datatype(tensor: Tensor, datatype: str) -> None:
    if tensor.datatype != datatype:
        raise UserError(
            f"input '{tensor.name}': datatype {tensor.datatype[:40]}, and {datatype} is wanted"
        )


def _check_count(count: int) -> None:
    if count > MOST_PICTURES:
        raise TooLargeError(
            f"{count} pictures in one request; at most {MOST_PICTURES}",
            hint="send several requests",
        )


def _too_many(pixels: int, most: int) -> TooLargeError:
    return TooLargeError(
        f"{pixels} pixels in one request; at most {most}",
        hint="send fewer or smaller pictures, or start the server with a larger --max-pixels",
    )
