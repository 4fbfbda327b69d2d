"""Draws photo, truth, and the masks of several checkpoints beside one another.

`python tools/row.py before.ckpt after.ckpt full.ckpt --data streets:256x512 --picture 3`: the
middle square of that test picture, so that five of them fit on a page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError, reported
from trainer import checkpoint, data, pictures
from trainer.evaluate import predict


def main() -> None:
    """Write the row."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("checkpoints", nargs="+", type=Path, metavar="MODEL.ckpt")
    words.add_argument("--data", default="streets")
    words.add_argument("--picture", type=int, default=0, help="its place in the test split")
    words.add_argument("--out", type=Path, default=Path("row.png"))
    given = words.parse_args()
    with reported():
        pictures.side_by_side([row(given.checkpoints, given.data, given.picture)], given.out)


def row(paths: list[Path], name: str, place: int) -> list[NDArray[np.uint8]]:
    """The panels, from left to right."""
    pairs = data.load(name).split("test")
    if not 0 <= place < len(pairs):
        raise UserError(
            f"--picture {place}: the test split has {len(pairs)}", hint="the first one is 0"
        )
    sample = pairs[place].read()
    models = [checkpoint.load(path) for path in paths]
    masks = [predict(model.network, model.contract, sample.picture) for model in models]
    contract = models[0].contract
    panels = [sample.picture, *(pictures.coloured(m, contract) for m in (sample.labels, *masks))]
    return [middle(panel) for panel in panels]


def middle(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle square of [H,W,...]."""
    height, width = panel.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return panel[top : top + side, left : left + side]


if __name__ == "__main__":
    main()
