"""What a data set is: classes, and splits of pictures with their label maps."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.contract import Colour
from kernels.errors import UserError
from kernels.paint import Mask
from kernels.picture import DAMAGE, decode
from kernels.soften import stray
from trainer import catalog, talk

# Nobody trains on a bomb of their own, and big pictures are what this trainer is for.
MOST_PIXELS = 2**31
INDEX_MODES = ("1", "L", "P", "I;16", "I")
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
SIZED_PAIRS = 32


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A picture and its label map, both at full size."""

    name: str
    picture: NDArray[np.uint8]  # [H,W,3]
    labels: Mask  # [H,W]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A picture file and its mask file."""

    picture: Path
    mask: Path

    def read(self) -> Sample:
        """Both files, decoded."""
        picture, labels = read_picture(self.picture), read_mask(self.mask)
        return Sample(name=self.picture.stem, picture=picture, labels=labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Named splits of pairs, with what their label numbers mean."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore: int
    splits: Mapping[str, Sequence[Pair]]

    def split(self, name: str) -> Sequence[Pair]:
        """The pairs of one split; an empty one is an error."""
        pairs = self.splits.get(name, ())
        if not pairs:
            filled = ", ".join(key for key, value in self.splits.items() if value)
            raise UserError(f"the data set has no '{name}' split", hint=f"it has {filled}")
        return pairs


def load(spec: str) -> Dataset:
    """The data set of `--data`: NAME or NAME:WHERE."""
    name, colon, where = spec.partition(":")
    if not colon and Path(name).is_dir():
        raise UserError(f"data set '{name}' is a folder", hint=f"write folder:{name}")
    dataset: Dataset = catalog.find("datasets", name).load(where)
    return dataset


def listed(spec: str) -> Dataset:
    """The data set of `--data` with its pairs not looked at, where it can be had so."""
    name, _, where = spec.partition(":")
    if name not in catalog.names("datasets"):
        return load(spec)
    module = catalog.find("datasets", name)
    dataset: Dataset = getattr(module, "listed", module.load)(where)
    return dataset


def read_picture(path: Path) -> NDArray[np.uint8]:
    """An upright RGB picture."""
    return decode(_bytes(path), str(path), most_pixels=MOST_PIXELS)


def read_mask(path: Path) -> Mask:
    """A label map: one number a pixel."""
    try:
        with Image.open(path) as image:
            if image.mode not in INDEX_MODES:
                raise UserError(
                    f"{path}: the mask is {image.mode}, not one class number per pixel",
                    hint="masks in colours must become index PNGs: number the colours as in "
                    "classes.json and save the numbers as a grey or palette PNG",
                )
            labels = np.asarray(image)
    except FileNotFoundError:
        raise UserError(f"{path}: the mask is missing", hint=_elsewhere(path)) from None
    except DAMAGE as error:
        raise UserError(f"{path}: not a readable mask ({error})", hint="save it anew") from None
    return _narrowed(labels, path)


def _elsewhere(mask: Path) -> str:
    for other in sorted(mask.parent.glob(f"{glob.escape(mask.stem)}.*")):
        return f"{other.name} is there, but masks are PNGs: others change class numbers"
    return "add the mask, or take its picture away"


def _narrowed(labels: NDArray[Any], path: Path) -> Mask:
    if labels.dtype in (np.uint8, np.bool_):
        return labels.astype(np.uint8)
    if labels.min() < 0 or labels.max() > 65535:
        raise UserError(f"{path}: label {labels.max()} is past 65535")
    return labels.astype(np.uint16)


def check(dataset: Dataset) -> None:
    """Look at every pair before any training, so that no mistake surfaces hours later."""
    pairs = [pair for split in dataset.splits.values() for pair in split]
    seen: set[int] = set()
    with ThreadPoolExecutor() as pool:
        checked = pool.map(lambda pair: _check(pair, dataset), pairs)
        for used in talk.track(checked, "checking pictures and masks", len(pairs)):
            seen |= used
    _check_variety(seen, dataset)


def _check_variety(seen: set[int], dataset: Dataset) -> None:
    """Refuse masks that teach nothing, and name the classes that they never show."""
    used = seen - {dataset.ignore}
    absent = [name for index, name in enumerate(dataset.classes) if index not in used]
    if len(used) < 2:
        raise UserError(
            f"the masks use {len(used)} class besides void ({dataset.ignore}), of "
            f"{len(dataset.classes)}",
            hint="masks hold class numbers 0, 1, 2, ...; in masks of 0 and 255 the 255 means void",
        )
    if absent:
        talk.say(f"note: no mask shows {', '.join(absent)}")


def _check(pair: Pair, dataset: Dataset) -> set[int]:
    """The labels a pair uses; what is wrong with it is an error."""
    sample = pair.read()
    if sample.labels.shape != sample.picture.shape[:2]:
        raise UserError(
            f"{pair.mask}: the mask is {_by(sample.labels.shape)}, its picture "
            f"{pair.picture.name} {_by(sample.picture.shape)} (upright)",
            hint="a mask has the size of its picture, turned as the picture's EXIF tag says",
        )
    refuse_strays(sample.labels, pair.mask, len(dataset.classes), dataset.ignore)
    return set(np.unique(sample.labels).tolist())


def refuse_strays(labels: Mask, mask: Path, classes: int, ignore: int) -> None:
    """Raise, naming the file, where a label is neither a class nor void."""
    strays = labels[(labels >= classes) & (labels != ignore)]
    if strays.size:
        told = stray(int(strays.flat[0]), classes, ignore)
        hint = "correct the mask, or add the class to classes.json"
        raise UserError(f"{mask}: {told.message}", hint=hint)


def usual_size(pairs: Sequence[Pair]) -> tuple[int, int]:
    """The median (height, width) of a sample of the pictures, upright."""
    sizes = [upright_size(pair.picture) for pair in pairs[:: max(1, len(pairs) // SIZED_PAIRS)]]
    height, width = np.median(sizes, axis=0)
    return int(height), int(width)


def upright_size(path: Path) -> tuple[int, int]:
    """(height, width) as `read_picture` will give it, from the header alone."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ORIENTATION, 1) in TURNED
            return (image.width, image.height) if turned else (image.height, image.width)
    except DAMAGE as error:
        raise UserError(f"{path}: not a readable picture ({error})") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror})", hint="give a JPEG, PNG or WebP file"
        ) from None


def _by(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
