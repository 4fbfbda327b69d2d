"""Writes a message in protobuf's text format; who reads it has the message's definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any


class Word(str):
    """The name of an enum's value, which stands there without quotes."""

    __slots__ = ()


def text(message: Mapping[str, Any]) -> str:
    """Fields in the order given; a list is a repeated field, a mapping a message."""
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    for name, value in message.items():
        several = value if isinstance(value, list) else [value]
        if any(isinstance(each, Mapping) for each in several):
            for each in several:
                yield f"{name} {{"
                yield from (f"  {line}" for line in _lines(each))
                yield "}"
        elif isinstance(value, list):
            yield f"{name}: [{', '.join(map(_scalar, value))}]"
        else:
            yield f"{name}: {_scalar(value)}"


def _scalar(value: str | int) -> str:
    if isinstance(value, Word):
        return str(value)
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\{ord(found[0]):03o}", escaped) + '"'
