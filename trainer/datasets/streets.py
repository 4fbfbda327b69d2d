"""`streets` or `streets:HxW`: generated street scenes, drawn once and kept in the user's cache."""

from __future__ import annotations

import multiprocessing
import os
import re
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from kernels import threads
from kernels.errors import UserError
from kernels.publish import published
from trainer import streets, talk
from trainer.data import Dataset, Pair

DEFAULT_SIZE = (512, 1024)
SMALLEST, LARGEST = 64, 4096
JPEG_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class Block:
    """The run of seeds a split draws its scenes from; blocks never overlap."""

    first: int
    count: int


BLOCKS = {
    "train": Block(first=0, count=200),
    "val": Block(first=1_000_000, count=20),
    "test": Block(first=2_000_000, count=40),
}


def load(where: str) -> Dataset:
    """The scenes at size `where` (HxW), drawn on first use."""
    size = _size(where)
    root = _cache() / f"streets-{streets.VERSION}-{size[0]}x{size[1]}"
    splits = {name: [_pair(root, name, i) for i in range(b.count)] for name, b in BLOCKS.items()}
    missing = [
        (pair, BLOCKS[name].first + index)
        for name, pairs in splits.items()
        for index, pair in enumerate(pairs)
        if not (pair.picture.is_file() and pair.mask.is_file())
    ]
    if missing:
        _draw_all(missing, size)
    return Dataset(
        classes=streets.CLASSES, palette=streets.PALETTE, ignore=streets.IGNORE, splits=splits
    )


def _size(where: str) -> tuple[int, int]:
    if not where:
        return DEFAULT_SIZE
    match = re.fullmatch(r"(\d+)x(\d+)", where)
    height, width = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
        raise UserError(
            f"streets:{where}: not a size",
            hint=f"write HEIGHTxWIDTH, each {SMALLEST} to {LARGEST}: streets:512x1024",
        )
    return height, width


def _cache() -> Path:
    """Where drawn scenes are kept, or a folder for this run where that cannot be written."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "softres"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        spare = Path(tempfile.mkdtemp(prefix="softres-"))
        talk.say(f"cannot keep street scenes ({error}): drawing them in {spare} for this run")
        return spare


def _pair(root: Path, split: str, index: int) -> Pair:
    return Pair(
        picture=root / "images" / split / f"{index:04}.jpg",
        mask=root / "masks" / split / f"{index:04}.png",
    )


def _draw_all(missing: list[tuple[Pair, int]], size: tuple[int, int]) -> None:
    talk.say(f"drawing {len(missing)} street scenes of {size[1]}x{size[0]} (once)")
    # Not fork: this process may already hold threads of torch or numba.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(threads.count(), mp_context=context) as pool:
        drawn = pool.map(partial(_draw, size), missing, chunksize=4)
        for _ in talk.track(drawn, "drawing streets", len(missing)):
            pass


def _draw(size: tuple[int, int], wanted: tuple[Pair, int]) -> None:
    pair, seed = wanted
    picture, labels = streets.render(seed, size)
    # The mask last: a pair without one is drawn again.
    with published(pair.picture) as draft:
        Image.fromarray(picture).save(draft, "JPEG", quality=JPEG_QUALITY)
    with published(pair.mask) as draft:
        Image.fromarray(labels).save(draft, "PNG")
