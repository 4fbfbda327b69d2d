"""What a model promises: classes, colours, factor and sight.

Written once by the trainer, carried verbatim: every stage reads it from the file it is
given, so nobody types a class list or a size twice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from kernels.errors import UserError, about
from kernels.factor import read, small_size

VERSION = 1
MOST_CLASSES = 65535

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The promise of one model; invalid values never become a Contract."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    factor: Fraction  # side of the logits / side of the full picture
    sight: int = 1  # side of the small picture, which the network sees / side of the logits
    ignore: int = 255
    writer: str

    def __post_init__(self) -> None:
        with about("contract"):
            check_meaning(self.classes, self.palette, self.ignore)
        if read(self.factor) != self.factor or not isinstance(self.factor, Fraction):
            raise UserError(f"contract: factor {self.factor!r} is not an exact fraction")
        if not _is_int(self.sight) or self.sight < 1 or self.sight * self.factor > 1:
            raise UserError(f"contract: sight {self.sight!r} does not go with {self.factor}")

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the small picture that the network sees of one of `size`."""
        return small_size(size, self.factor, self.sight)

    def to_json(self) -> str:
        """The one text form; the same contract is always the same bytes."""
        plain = {"version": VERSION, **asdict(self), "factor": str(self.factor)}
        if self.sight == 1:
            # So it was written before there was a word for it, and so every softres reads it.
            del plain["sight"]
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """Read `to_json`'s text strictly: what is unknown, missing or malformed is an error."""
        plain = _read_object(text)
        writer = plain.get("writer", "an unnamed writer")
        if plain.pop("version", None) != VERSION:
            raise UserError(
                f"contract: written by {writer} in a version this softres does not read",
                hint=f"this one reads version {VERSION}: install the softres that wrote the file",
            )
        plain.setdefault("sight", 1)
        names = {field.name for field in fields(cls)}
        for problem, which in (
            ("unknown", plain.keys() - names),
            ("missing", names - plain.keys()),
        ):
            if which:
                raise UserError(
                    f"contract: {problem} field {', '.join(sorted(which))}, written by {writer}",
                    hint="install the softres that wrote the file",
                )
        return cls(**_typed(plain))


def _read_object(text: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    # RecursionError: brackets without end.
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"contract: not JSON ({error})") from None
    if not isinstance(plain, dict):
        raise UserError("contract: not a JSON object")
    return plain


def _typed(plain: dict[str, Any]) -> dict[str, Any]:
    for name in ("classes", "palette"):
        if not isinstance(plain[name], list):
            raise UserError(f"contract: {name} is not a list")
    if not isinstance(plain["factor"], str):
        raise UserError("contract: factor is not a text such as '1/4'")
    return {
        **plain,
        "classes": tuple(plain["classes"]),
        "palette": tuple(tuple(c) if isinstance(c, list) else c for c in plain["palette"]),
        "factor": read(plain["factor"]),
    }


def check_meaning(classes: tuple[str, ...], palette: tuple[Colour, ...], ignore: int) -> None:
    """Raise where these cannot be the classes, colours and void number of anything."""
    _check_classes(classes)
    _check_palette(palette, len(classes))
    if not _is_int(ignore) or not len(classes) <= ignore <= MOST_CLASSES:
        raise UserError(
            f"ignore {ignore!r} is not a void id",
            hint=f"choose {len(classes)} to {MOST_CLASSES}; 255 is usual",
        )


def _check_classes(classes: tuple[str, ...]) -> None:
    if not 1 <= len(classes) <= MOST_CLASSES:
        raise UserError(f"{len(classes)} classes; it takes 1 to {MOST_CLASSES}")
    if not all(isinstance(name, str) and name for name in classes):
        raise UserError("a class has no name")
    if len(set(classes)) < len(classes):
        twice = sorted({name for name in classes if classes.count(name) > 1})
        raise UserError(f"class {', '.join(twice)} is there twice")


def _check_palette(palette: tuple[Colour, ...], classes: int) -> None:
    if len(palette) != classes:
        raise UserError(f"{len(palette)} colours for {classes} classes")
    for colour in palette:
        well_formed = isinstance(colour, tuple) and len(colour) == 3
        if not well_formed or not all(_is_int(part) and 0 <= part <= 255 for part in colour):
            raise UserError(f"colour {colour!r} is not three numbers from 0 to 255")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
