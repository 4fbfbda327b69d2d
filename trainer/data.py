"""What a data set is: classes, and splits of pictures with their label maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.contract import Colour, Contract
from kernels.errors import UserError
from kernels.paint import Mask
from kernels.picture import DAMAGE, Picture, decode, read
from kernels.soften import stray
from trainer import catalog
from trainer.masks import Decode, read_mask

# Nobody trains on a bomb of their own, and big pictures are what this trainer is for.
MOST_PIXELS = 2**31
ORIENTATION = 0x0112
# How a stored picture becomes upright, by its EXIF orientation; these exchange its sides.
TURNED: Mapping[int, Callable[[Mask], Mask]] = {
    5: lambda labels: labels.T,
    6: lambda labels: np.rot90(labels, -1),
    7: lambda labels: np.rot90(labels, 2).T,
    8: lambda labels: np.rot90(labels, 1),
}
SIZED_PAIRS = 32


class MisfitError(UserError):
    """A mask has another size than its picture."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A picture and its label map, both at full size."""

    name: str
    picture: NDArray[np.uint8]  # [H,W,3]
    labels: Mask  # [H,W]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A picture file, its mask file, and how the mask becomes labels."""

    picture: Path
    mask: Path
    decode: Decode = read_mask
    # Of a published set: where the sides show that a mask is of the stored photo, it is turned too.
    turn_mask: bool = False

    def read(self) -> Sample:
        """Both files, decoded; they must be of one size."""
        picture, labels = read_picture(self.picture), self.decode(self.mask)
        if labels.shape != picture.shape[:2]:
            labels = self._turned(labels, picture.shape)
        return Sample(name=self.picture.stem, picture=picture, labels=labels)

    def _turned(self, labels: Mask, picture: tuple[int, ...]) -> Mask:
        """The labels as their photo is turned; where that does not make them fit, an error."""
        mask, turn = labels.shape, TURNED.get(orientation(self.picture))
        hint = "a mask has the size of its picture, turned as the picture's EXIF tag says"
        if turn and mask == picture[1::-1]:
            if self.turn_mask:
                return turn(labels)
            hint = (
                "the photo is turned by its EXIF tag and its mask is not: turn the mask as well, "
                "or take the tag away"
            )
        raise MisfitError(
            f"{self.mask}: the mask is {_by(mask)}, its picture "
            f"{self.picture.name} {_by(picture)} (upright)",
            hint=hint,
        )


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Named splits of pairs, with what their label numbers mean."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore: int
    splits: Mapping[str, Sequence[Pair]]
    # Pictures to learn from without labels.
    unlabelled: tuple[Path, ...] = ()

    def split(self, name: str) -> Sequence[Pair]:
        """The pairs of one split; an empty one is an error."""
        pairs = self.splits.get(name, ())
        if not pairs:
            filled = ", ".join(key for key, value in self.splits.items() if value)
            raise UserError(f"the data set has no '{name}' split", hint=f"it has {filled}")
        return pairs


def spaced(pairs: Sequence[Pair], most: int | None) -> Sequence[Pair]:
    """At most `most` of the pairs, evenly spaced: neighbours show the same street."""
    if most is None or len(pairs) <= most:
        return pairs
    return [pairs[index * len(pairs) // most] for index in range(most)]


def load(spec: str) -> Dataset:
    """The data set of `--data`: NAME or NAME:WHERE."""
    return _made(spec, "load")


def listed(spec: str) -> Dataset:
    """The data set of `--data` with its pairs not looked at, where it can be had so."""
    return _made(spec, "listed")


def _made(spec: str, how: str) -> Dataset:
    name, colon, where = spec.partition(":")
    if not colon and name not in catalog.names("datasets") and Path(name).is_dir():
        raise UserError(f"data set '{name}' is a folder", hint=f"write folder:{name}")
    module = catalog.find("datasets", name)
    try:
        dataset: Dataset = getattr(module, how, module.load)(where)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return dataset


def read_picture(path: Path) -> NDArray[np.uint8]:
    """An upright RGB picture."""
    return decode(_bytes(path), str(path), most_pixels=MOST_PIXELS)


def read_for(contract: Contract, path: Path, *, reduce: bool = True) -> Picture:
    """An upright RGB picture as the service reads it, reduced by its decoder where it can be."""
    return read(_bytes(path), str(path), contract, reduce=reduce, most_pixels=MOST_PIXELS)


def refuse_strays(labels: Mask, mask: Path, classes: int, ignore: int) -> None:
    """Raise, naming the file, where a label is neither a class nor void."""
    strays = labels[(labels >= classes) & (labels != ignore)]
    if strays.size:
        told = stray(int(strays.flat[0]), classes, ignore)
        hint = "correct the mask, or add the class to classes.json"
        if (strays == classes).all():
            hint += (
                '; where numbers start at 1 and 0 is void, give the classes their "id" from 1 and '
                'say "ignore": 0'
            )
        raise UserError(f"{mask}: {told.message}", hint=hint)


def usual_size(pairs: Sequence[Pair]) -> tuple[int, int]:
    """The median (height, width) of a sample of the pictures, upright."""
    sizes = [upright_size(pair.picture) for pair in pairs[:: max(1, len(pairs) // SIZED_PAIRS)]]
    height, width = np.median(sizes, axis=0)
    return int(height), int(width)


def upright_size(path: Path) -> tuple[int, int]:
    """(height, width) as `read_picture` will give it, from the header alone."""
    width, height, turn = _header(path)
    return (width, height) if turn in TURNED else (height, width)


def orientation(path: Path) -> int:
    """The EXIF orientation of a picture; 1 is upright."""
    return _header(path)[2]


def _header(path: Path) -> tuple[int, int, int]:
    try:
        with Image.open(path) as image:
            return image.width, image.height, image.getexif().get(ORIENTATION, 1)
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
