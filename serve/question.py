"""An inference request as it is sent: JSON, and behind it the bytes of its binary tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kernels.errors import UserError
from kernels.picture import TooLargeError

# A number in JSON takes a hundred times the memory that it takes as a byte.
MOST_JSON = 8 * 1024 * 1024
MOST_AXES = 8
BINARY_HINT = "send and ask for tensors as binary data: binary_data_size, binary_data"


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input as it was sent: bytes of the binary part, or the list of the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: memoryview | list[Any]

    @property
    def size(self) -> int:
        """How many elements the shape promises; a Python int, so that it never wraps around."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One output that was asked for."""

    name: str
    binary: bool


@dataclass(frozen=True, kw_only=True)
class Question:
    """An inference request; without `outputs` every output is wanted, as `binary` says."""

    id: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Wanted, ...] | None
    binary: bool


def parse(body: bytes, header: str | None) -> Question:
    """The body of an inference request; `header` is its Inference-Header-Content-Length."""
    length = _length(header, len(body))
    plain = _object(_load(body[:length]), "the request")
    _known(plain, {"id", "parameters", "inputs", "outputs", "model_name"}, "the request")
    binary = _flag(_parameters(plain, "the request"), "binary_data_output", False)
    name = plain.get("id")
    if name is not None and not isinstance(name, str):
        raise UserError("id is not a text")
    rest = memoryview(body)[length:]
    return Question(
        id=name,
        inputs=tuple(_inputs(_objects(plain, "inputs"), rest)),
        outputs=_outputs(plain, binary),
        binary=binary,
    )


def _length(header: str | None, size: int) -> int:
    """How many bytes of the body are JSON."""
    length = size
    if header is not None:
        if not (header.isascii() and header.isdecimal() and len(header) < 20):
            raise UserError("Inference-Header-Content-Length is not a number of bytes")
        length = int(header)
    if length > size:
        raise UserError(
            f"Inference-Header-Content-Length is {length}, and the body has {size} bytes"
        )
    if length > MOST_JSON:
        raise TooLargeError(f"more than {MOST_JSON} bytes of JSON", hint=BINARY_HINT)
    return length


def _load(text: bytes) -> Any:
    def refuse(name: str) -> None:
        raise UserError(f"the JSON holds {name}, which is no number of JSON")

    try:
        return json.loads(text.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        told = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UserError(f"the request is not JSON ({told})") from None


def _object(plain: Any, what: str) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise UserError(f"{what} is not a JSON object")
    return plain


def _objects(plain: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = plain.get(name)
    if not isinstance(listed, list):
        raise UserError(f"{name} is not a list")
    found = [_object(each, f"an entry of {name}") for each in listed]
    names = [each.get("name") for each in found]
    if not all(isinstance(each, str) for each in names) or len(set(names)) < len(names):
        raise UserError(f"every entry of {name} has a name of its own")
    return found


def _known(plain: dict[str, Any], fields: set[str], what: str) -> None:
    strange = sorted(plain.keys() - fields)
    if strange:
        raise UserError(
            f"{what} has an unknown field '{strange[0][:40]}'",
            hint=f"it takes {', '.join(sorted(fields))}",
        )


def _parameters(plain: dict[str, Any], what: str) -> dict[str, Any]:
    return _object(plain.get("parameters", {}), f"parameters of {what}")


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise UserError(f"{name} is neither true nor false")
    return value


def _inputs(listed: list[dict[str, Any]], rest: memoryview) -> Iterator[Tensor]:
    """Each input with its part of the bytes that follow the JSON, which must come out even."""
    begin = 0
    for plain in listed:
        what = f"input '{plain['name'][:40]}'"
        _known(plain, {"name", "datatype", "shape", "parameters", "data"}, what)
        size = _parameters(plain, what).get("binary_data_size")
        if (size is None) == ("data" not in plain):
            raise UserError(f"{what} has either data or a binary_data_size")
        content: memoryview | list[Any]
        if size is None:
            content = _list(plain["data"], what)
        else:
            _check_size(size, len(rest) - begin, what)
            content = rest[begin : begin + size]
            begin += size
        yield Tensor(
            name=plain["name"],
            datatype=str(plain.get("datatype")),
            shape=_shape(plain.get("shape"), what),
            content=content,
        )
    if begin != len(rest):
        raise UserError(f"{len(rest) - begin} bytes after the JSON belong to no input")


def _check_size(size: Any, left: int, what: str) -> None:
    if type(size) is not int or size < 0:
        raise UserError(f"{what}: binary_data_size is not a number of bytes")
    if size > left:
        raise UserError(f"{what}: binary_data_size is {size}, and {left} bytes are left")


def _list(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise UserError(f"{what}: data is not a list")
    return data


def _shape(given: Any, what: str) -> tuple[int, ...]:
    fits = isinstance(given, list) and 1 <= len(given) <= MOST_AXES
    if not fits or not all(type(side) is int and 1 <= side < 2**63 for side in given):
        raise UserError(f"{what}: shape is not a list of 1 to {MOST_AXES} sizes from 1 on")
    return tuple(given)


def _outputs(plain: dict[str, Any], binary: bool) -> tuple[Wanted, ...] | None:
    # An empty list asks for nothing in particular, as a missing one does.
    if not plain.get("outputs"):
        return None
    found = []
    for each in _objects(plain, "outputs"):
        what = f"output '{each['name'][:40]}'"
        _known(each, {"name", "parameters"}, what)
        parameters = _parameters(each, what)
        # Shared memory and rankings, which others offer, would be waited for in vain.
        _known(parameters, {"binary_data"}, f"parameters of {what}")
        flag = _flag(parameters, "binary_data", binary)
        found.append(Wanted(name=each["name"], binary=flag))
    return tuple(found)
