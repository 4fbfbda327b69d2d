"""What a request asks for: the format, by `?format=` or by `Accept`, and all that shapes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kernels.contract import Contract
from kernels.errors import UserError, one_of
from kernels.paint import Window as Part
from serve import encode, parameters, window
from serve.answer import Painted
from serve.parameters import parameter
from serve.window import Window

# A name of a class may hold commas; more texts than this come from nobody who means it.
MOST_TEXTS = 4096


class UnacceptableError(UserError):
    """No format answers any of the media types that the client accepts."""


class Query(Protocol):
    """The parameters of a request, as starlette gives them."""

    def multi_items(self) -> list[tuple[str, str]]:
        """Every one, in order."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """The parameters that every format has."""

    format: str = parameter("", about="the format of the answer; it wins over `Accept`")
    classes: str = parameter(
        "", about="only these classes, by name or number", example="road,3,car"
    )
    window: str = parameter(
        "", about="x,y,width,height: only this part of the upright picture", example="0,0,256,128"
    )
    confidence: bool = parameter(False, about="also how far the best class leads the second")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request's wish, read and checked as far as that goes without model and picture."""

    format: str = encode.DEFAULT
    options: Any
    classes: tuple[str, ...] = ()  # as they were given; none is all
    window: Window | None = None
    confidence: bool = False

    @property
    def encoder(self) -> encode.Encoder:
        """What writes the answer."""
        return encode.load(self.format)

    @property
    def wants_picture(self) -> bool:
        """Whether the upright photo must reach the encoder."""
        return self.encoder.WANTS_PICTURE

    @property
    def media_type(self) -> str:
        """What the answer will be."""
        return encode.media_type(self.encoder, self.options)

    def encode(self, painted: Painted) -> bytes:
        """The answer's body."""
        return self.encoder.encode(painted, self.options)

    def part(self, size: tuple[int, int]) -> Part | None:
        """What is to be painted of a picture of (H, W); None is all of it."""
        return self.window.within(size) if self.window else None

    def seen(self, picture: NDArray[np.uint8], part: Part | None) -> NDArray[np.uint8] | None:
        """The part of the upright photo that the encoder needs, if it needs any."""
        if part is None or not self.wants_picture:
            return picture if self.wants_picture else None
        top, left, height, width = part
        return picture[top : top + height, left : left + width]

    def kept(self, contract: Contract) -> tuple[int, ...] | None:
        """The numbers of the classes that are asked for; None where it is all of them."""
        if not self.classes:
            return None
        return tuple(sorted({number for text in self.classes for number in _meant(text, contract)}))


def plain(name: str = encode.DEFAULT) -> Ask:
    """The wish for a whole picture in one format, as it comes without a word more."""
    return Ask(
        format=name,
        options=encode.load(name).Options(),
        confidence=encode.load(name).CONFIDENCE == "always",
    )


def read(query: Query, accept: str | None = None, *, others: Sequence[str] = ()) -> Ask:
    """The wish in the parameters and the `Accept` header; `others` are read by somebody else."""
    items = query.multi_items()
    given = {name: value for name, value in items if name not in others}
    common = parameters.read(Common, given)
    name, implied = (common.format, {}) if "format" in given else _accepted(accept)
    encoder = encode.load(name)
    _refuse_unknown(given, name, encoder)
    return Ask(
        format=name,
        options=parameters.read(encoder.Options, {**implied, **given}),
        classes=_classes(items),
        window=window.read(common.window) if "window" in given else None,
        confidence=_confidence(common, name, encoder),
    )


def _refuse_unknown(given: Mapping[str, str], name: str, encoder: encode.Encoder) -> None:
    known = parameters.names(Common) + parameters.names(encoder.Options)
    for each in given:
        if each not in known:
            raise one_of(
                "parameter", each, known, hint=f"these are the parameters of format {name}"
            )


def _confidence(common: Common, name: str, encoder: encode.Encoder) -> bool:
    if common.confidence and encoder.CONFIDENCE == "never":
        able = [each for each in encode.names() if encode.load(each).CONFIDENCE != "never"]
        raise UserError(
            f"format {name} has no place for the confidence",
            hint=f"leave confidence=1 out, or ask for one of {', '.join(able)}",
        )
    return common.confidence or encoder.CONFIDENCE == "always"


def _classes(items: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    texts = tuple(value.strip() for name, value in items if name == "classes")
    if not all(texts):
        raise UserError(
            "classes= names no class", hint="give names or numbers: classes=road,3; or leave it out"
        )
    return texts


def _meant(text: str, contract: Contract) -> Iterator[int]:
    """The numbers of the classes in one text; a name with commas in it may be given whole."""
    if text in contract.classes:
        yield contract.classes.index(text)
        return
    parts = text.split(",")
    if len(parts) > MOST_TEXTS:
        raise UserError(f"{len(parts)} classes are asked for", hint="leave out those given twice")
    for part in map(str.strip, parts):
        if part in contract.classes:
            yield contract.classes.index(part)
        elif part.isascii() and part.isdecimal() and len(part) < 6:
            yield _number(int(part), contract)
        else:
            raise one_of("class", part, contract.classes, hint="GET /contract has their numbers")


def _number(number: int, contract: Contract) -> int:
    if number >= len(contract.classes):
        raise UserError(
            f"classes: there is no class {number}",
            hint=f"the model has the classes 0 to {len(contract.classes) - 1}; GET /contract",
        )
    return number


def _accepted(accept: str | None) -> tuple[str, Mapping[str, str]]:
    """The format that suits an `Accept` header best, and the parameters that this implies."""
    ranges = list(_ranges(accept or ""))
    if not ranges:
        return encode.DEFAULT, {}
    offers = [
        (*_liking(media_type, ranges), name == encode.DEFAULT, name, implied)
        for name in encode.names()
        for media_type, implied in encode.load(name).ACCEPT.items()
    ]
    # Of several that are liked as much the one that was named wins over those that were not.
    quality, _, _, name, implied = max(offers, key=lambda offer: offer[:3])
    if quality <= 0:
        known = sorted({kind for each in encode.names() for kind in encode.load(each).ACCEPT})
        raise UnacceptableError(
            f"Accept: {accept}: no answer is of such a type",
            hint=f"accept one of {', '.join(known)}, or say ?format=",
        )
    return name, implied


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Each media range of an `Accept` header with its quality; what is malformed is passed over."""
    for element in accept.split(","):
        kind, *settings = (part.strip().lower() for part in element.split(";"))
        texts = [text[2:] for text in settings if text.startswith("q=")]
        try:
            quality = float(texts[0]) if texts else 1.0
        except ValueError:
            continue
        if "/" in kind and 0 <= quality <= 1:
            yield kind, quality


def _liking(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The quality of the most specific range that the type is in, and how specific that is."""
    wider = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    for specific, wanted in enumerate(wider):
        found = [quality for kind, quality in ranges if kind == wanted]
        if found:
            return max(found), -specific
    return 0.0, -len(wider)
