"""Makes training views: a window of the full-size sample, flipped, shrunk and softened."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels.errors import UserError
from kernels.factor import small_size
from kernels.paint import Mask
from kernels.soften.modes import RANDOM
from trainer.data import Dataset, Sample
from trainer.disguise import Disguise
from trainer.jitter import Light, drawn
from trainer.masks import VOID
from trainer.recipe import FULL, Recipe

# What lies outside of the picture: the mean colour, so that it is about zero to the network.
OUTSIDE = (124, 116, 104)
CROP_STEP = 16
SMALLEST_CROP = 32
SMALLEST_SIDE = 4

Kind = TypeVar("Kind", bound=np.unsignedinteger[Any])


@dataclass(frozen=True, kw_only=True)
class View:
    """What one training example shows the network."""

    picture: NDArray[np.uint8]  # [h*sight,w*sight,3]
    shares: NDArray[np.float32]  # [C,h,w]; [0,h,w] where the labels stay at full size
    labels: Mask | None = None  # [H,W]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A view at full size: its sides, and the rows and columns of it that show the picture."""

    height: int
    width: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the picture is."""
        return slice(*self.rows), slice(*self.columns)


@dataclass(frozen=True, kw_only=True)
class Disguised:
    """A crop without labels, as it is and in disguise."""

    weak: NDArray[np.uint8]  # [h*sight,w*sight,3]
    strong: tuple[NDArray[np.uint8], ...]
    valid: NDArray[np.float32]  # [h,w] the share of each cell that lies inside the picture
    frame: Frame
    # Of whatever a method draws for this crop.
    seed: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of the full-size picture; it may reach beyond its edges."""

    top: int
    left: int
    height: int
    width: int


def crop_size(picture: tuple[int, int], recipe: Recipe) -> tuple[int, int]:
    """The size that the labels of all training views of a run have."""
    height, width = small_size(picture, recipe.factor)
    if min(height, width) < SMALLEST_SIDE:
        full = f"{picture[1]}x{picture[0]}"
        raise UserError(
            f"factor {recipe.factor} leaves {width}x{height} of pictures of {full}",
            hint="choose a larger --factor",
        )
    return _crop_side(height, recipe.crop), _crop_side(width, recipe.crop)


def _crop_side(side: int, share: float) -> int:
    return max(SMALLEST_CROP, CROP_STEP * round(side * share / CROP_STEP))


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What chance has decided of a view, before any pixel is touched."""

    window: Window
    flip: bool
    light: Light | None
    seed: int  # of random label modes

    def factor(self, crop: tuple[int, int]) -> Fraction:
        """The window's height decides its own factor, and then both sides come out as `crop`."""
        return Fraction(crop[0], self.window.height)


def aim(
    labels: Mask,
    crop: tuple[int, int],
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    shown: int | None = None,
) -> Shot:
    """A random view of a sample; its small size is `crop` whatever its zoom.

    With a class to be `shown` the view is centred on a pixel of it.
    """
    centre = None if shown is None else _pixel_of(shown, labels, rng)
    return Shot(
        window=_window(labels.shape, crop, recipe, rng, centre),
        flip=bool(rng.random() < 0.5),
        light=drawn(recipe.jitter, rng) if recipe.jitter else None,
        # A phase for each view: one phase for all would be no random one.
        seed=int(rng.integers(2**63)) if recipe.labels == RANDOM else 0,
    )


def take(
    sample: Sample, shot: Shot, crop: tuple[int, int], recipe: Recipe, dataset: Dataset
) -> View:
    """The view that `shot` says, on the CPU."""
    picture = turned(cut(sample.picture, shot.window, OUTSIDE), shot)
    small = kernels.shrink(picture, shot.factor(crop), recipe.effective_sight)
    if shot.light:
        small = shot.light.on(small)
    shares, labels = target(sample, shot, crop, recipe, dataset)
    return View(picture=small, shares=shares, labels=labels)


def frame(shot: Shot, size: tuple[int, ...]) -> Frame:
    """The view of a picture of `size`, at full size."""
    window = shot.window
    top, bottom = _inside(size[0], window.top, window.height)
    left, right = _inside(size[1], window.left, window.width)
    columns = (window.width - right, window.width - left) if shot.flip else (left, right)
    return Frame(height=window.height, width=window.width, rows=(top, bottom), columns=columns)


def _inside(full: int, first: int, length: int) -> tuple[int, int]:
    """From where to where a window's side lies inside the picture."""
    return min(max(-first, 0), length), max(min(full - first, length), 0)


def disguised(
    picture: NDArray[np.uint8],
    crop: tuple[int, int],
    recipe: Recipe,
    disguise: Disguise,
    rng: np.random.Generator,
) -> Disguised:
    """A random view of a picture without labels, and the strong views of the same shot."""
    # Without labels is void throughout.
    void = np.broadcast_to(np.uint8(VOID), picture.shape[:2])
    shot = replace(aim(void, crop, recipe, rng), light=None)
    seen = frame(shot, picture.shape)
    window = turned(cut(picture, shot.window, OUTSIDE), shot)
    weak = kernels.shrink(window, shot.factor(crop), recipe.effective_sight)
    shown = np.full((seen.height, seen.width), VOID, np.uint8)
    shown[seen.inside] = 0
    return Disguised(
        weak=weak,
        strong=tuple(look.on(weak) for look in disguise.looks(rng)),
        valid=kernels.soften(shown, shot.factor(crop), 1, ignore=VOID)[0],
        frame=seen,
        seed=int(rng.integers(2**63)),
    )


def target(
    sample: Sample, shot: Shot, crop: tuple[int, int], recipe: Recipe, dataset: Dataset
) -> tuple[NDArray[np.float32], Mask | None]:
    """The view's shares, or its labels at full size."""
    labels = turned(cut(sample.labels, shot.window, dataset.ignore), shot)
    if recipe.labels == FULL:
        return np.zeros((0, *crop), np.float32), np.ascontiguousarray(labels)
    shares = kernels.soften(
        labels,
        shot.factor(crop),
        len(dataset.classes),
        ignore=dataset.ignore,
        mode=recipe.labels,
        seed=shot.seed,
    )
    return shares, None


def turned(source: NDArray[Kind], shot: Shot) -> NDArray[Kind]:
    """Mirrored, where the shot says so."""
    return source[:, ::-1] if shot.flip else source


def _window(
    full: tuple[int, ...],
    crop: tuple[int, int],
    recipe: Recipe,
    rng: np.random.Generator,
    centre: tuple[int, int] | None,
) -> Window:
    zoom = _zoom(recipe, rng)
    # Never enlarge: a crop of its own size is the most that a picture can give.
    height = max(crop[0] * recipe.effective_sight, round(crop[0] / float(recipe.factor) / zoom))
    width = round(crop[1] * height / crop[0])
    return Window(
        top=_offset(full[0], height, rng, centre and centre[0]),
        left=_offset(full[1], width, rng, centre and centre[1]),
        height=height,
        width=width,
    )


def _zoom(recipe: Recipe, rng: np.random.Generator) -> float:
    """Even on the scale on which twice and half are as far from one."""
    high = math.log(recipe.zoom)
    low = math.log(recipe.zoom_from) if recipe.zoom_from else -high
    return math.exp((high + low) / 2 + rng.uniform(-1, 1) * (high - low) / 2)


def _pixel_of(shown: int, labels: Mask, rng: np.random.Generator) -> tuple[int, int]:
    places = np.flatnonzero(labels == shown)
    row, column = divmod(int(places[rng.integers(len(places))]), labels.shape[1])
    return row, column


def _offset(full: int, part: int, rng: np.random.Generator, centre: int | None) -> int:
    low, high = sorted((0, full - part))
    if centre is not None:
        return min(max(centre - part // 2, low), high)
    return int(rng.integers(low, high + 1))


def cut(source: NDArray[Kind], window: Window, outside: int | tuple[int, ...]) -> NDArray[Kind]:
    """The window of `source`, filled with `outside` where it reaches beyond the edges."""
    bottom, right = window.top + window.height, window.left + window.width
    inside = source[max(window.top, 0) : bottom, max(window.left, 0) : right]
    if inside.shape[:2] == (window.height, window.width):
        return inside
    # Void may be a number that one byte does not hold.
    kind = np.result_type(source.dtype, np.min_scalar_type(np.max(outside)))
    filled = np.empty((window.height, window.width, *source.shape[2:]), kind)
    filled[:] = outside
    top, left = max(-window.top, 0), max(-window.left, 0)
    filled[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return filled
