"""Turns what was painted into the bytes of an answer; one file per format.

Each offers the names of Encoder. Its Options are a frozen dataclass of query parameters; where one
of them chooses the media type, they have a property `media_type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Protocol, cast

from kernels import registry
from serve.answer import Painted

DEFAULT = "png"


class Encoder(Protocol):
    """What a file in this folder offers."""

    MEDIA_TYPE: str
    # Media types of an `Accept` header that mean this format, and the parameters each implies.
    ACCEPT: Mapping[str, Mapping[str, str]]
    WANTS_PICTURE: bool
    # Whether it answers the confidence plane: never, where ?confidence=1 asks for it, or always.
    CONFIDENCE: Literal["never", "asked", "always"]
    Options: type[Any]
    # For /docs: the answer to one row of three pixels of road, where the format is JSON.
    EXAMPLE: dict[str, Any] | None

    def encode(self, painted: Painted, options: Any) -> bytes:
        """The answer's body."""


# Cached, as is `load`: to look into the folder would cost each request a millisecond.
@cache
def names() -> tuple[str, ...]:
    """The formats that can be asked for."""
    return tuple(registry.names(__name__))


@cache
def load(name: str) -> Encoder:
    """The encoder of the format `name`."""
    return cast(Encoder, registry.load(__name__, name, what="answer format"))


def media_type(encoder: Encoder, options: Any) -> str:
    """What the answer is, with these options."""
    return str(getattr(options, "media_type", encoder.MEDIA_TYPE))


def suffix(media_type: str) -> str:
    """How a file of it is named: image/png is .png, application/geo+json is .geojson."""
    return "." + media_type.rpartition("/")[2].removeprefix("x-").replace("+", "")
