"""Reads what masks mean from a folder's own file: classes.json, or the labelmap.txt of CVAT."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.contract import MOST_CLASSES, Colour, check_meaning
from kernels.errors import UserError, about
from trainer.masks import VOID, Coded, Decode, read_mask
from trainer.palette import default_palette

FILES = ("classes.json", "labelmap.txt")


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the numbers and the colours in masks stand for."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore: int
    decode: Decode = read_mask


def read(folder: Path) -> Meaning | None:
    """The meaning that the first of FILES tells; None where none is there."""
    for path, parse in zip((folder / name for name in FILES), (_json, _labelmap), strict=True):
        if path.exists():
            meaning = parse(path)
            with about(path):
                check_meaning(meaning.classes, meaning.palette, meaning.ignore)
            return meaning
    return None


def _json(path: Path) -> Meaning:
    try:
        return _listed(json.loads(path.read_text(encoding="utf-8-sig")))
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise UserError(
            f"{path}: not a list of classes ({error})",
            hint='write ["road", "tree", ...], or {"classes": [{"name": "road", '
            '"color": [128, 64, 128]}, ...], "ignore": 255}',
        ) from None


def _listed(content: Any) -> Meaning:
    """The meaning of a classes.json: names and colours in the order of their ids."""
    whole = content if isinstance(content, dict) else {"classes": content}
    if not isinstance(whole["classes"], list):
        raise TypeError("the classes are no list")
    ignore, void_colour = _void(whole.get("ignore", whole.get("ignore_index", VOID)))
    given = [{"name": entry} if isinstance(entry, str) else entry for entry in whole["classes"]]
    entries = _in_order(given, first=1 if ignore == 0 else 0)
    spare = default_palette(len(entries))
    own = [_colour(entry.get("color")) for entry in entries]
    void = ignore or (VOID if len(entries) <= VOID else MOST_CLASSES)
    return Meaning(
        classes=tuple(entry["name"] for entry in entries),
        palette=tuple(colour or spare[i] for i, colour in enumerate(own)),
        ignore=void,
        decode=Coded(
            numbers=_from_one(len(entries), void) if ignore == 0 else None,
            colours=_colours([*own, void_colour], [*range(len(own)), void]),
        ),
    )


def _void(given: Any) -> tuple[int, Colour | None]:
    """The void number, and its colour where it has one."""
    number = given["value"] if isinstance(given, dict) else given
    if not isinstance(number, int):
        raise TypeError(f"ignore {number!r} is no whole number")
    return number, _colour(given.get("color")) if isinstance(given, dict) else None


def _in_order(entries: Sequence[dict[str, Any]], *, first: int) -> list[dict[str, Any]]:
    # Of a plain list nobody can tell whether its first name stands for the void 0 or for 1.
    if first and not all("id" in entry for entry in entries):
        raise ValueError('with "ignore": 0 every class needs its "id", from 1 on')
    ids = [entry.get("id", position) for position, entry in enumerate(entries)]
    last = first + len(entries) - 1
    if sorted(ids) != list(range(first, last + 1)):
        raise ValueError(f"ids must run from {first} to {last} without a gap")
    return [entries[ids.index(number)] for number in range(first, last + 1)]


def _from_one(classes: int, void: int) -> dict[int, int]:
    """Masks that count classes from 1; 0 is void, and 255 as well where it is no class."""
    return {0: void, VOID: void} | {label + 1: label for label in range(classes)}


def _colours(
    colours: Sequence[Colour | None], labels: Sequence[int]
) -> Mapping[Colour, int] | None:
    """Colour to label; None where no class has a colour or two have the same."""
    given = [(colour, label) for colour, label in zip(colours, labels, strict=True) if colour]
    table = dict(given)
    return table if table and len(table) == len(given) else None


def _colour(given: Any) -> Colour | None:
    if given is None:
        return None
    red, green, blue = given
    return red, green, blue


def _labelmap(path: Path) -> Meaning:
    """Lines of `name:r,g,b:parts:actions`, as CVAT writes them; 'background' is a class too."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    named: dict[str, Colour] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, colour = _labelmap_entry(line, f"{path}, line {number}")
            if colour in named.values() or name in named:
                raise UserError(f"{path}, line {number}: '{line}' is there twice")
            named[name] = colour
    colours = {colour: label for label, colour in enumerate(named.values())}
    return Meaning(
        classes=tuple(named),
        palette=tuple(named.values()),
        ignore=VOID if len(named) <= VOID else MOST_CLASSES,
        decode=Coded(colours=colours),
    )


def _labelmap_entry(line: str, place: str) -> tuple[str, Colour]:
    name, _, rest = line.partition(":")
    try:
        red, green, blue = (int(part) for part in rest.partition(":")[0].split(","))
    except ValueError:
        raise UserError(
            f"{place}: '{line}' is no class", hint="write name:red,green,blue:parts:actions"
        ) from None
    return name.strip(), (red, green, blue)
