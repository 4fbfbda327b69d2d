"""`ade20k:DIR`: ADEChallengeData2016 with images/ and annotations/ of training and validation.

Number 0 of its masks is void and the classes start at 1. Where objectInfo150.txt lies there, it
names the classes.
"""

from __future__ import annotations

from pathlib import Path

from kernels.errors import UserError
from trainer import tables
from trainer.data import Dataset
from trainer.layout import Layout
from trainer.masks import VOID, Coded
from trainer.palette import default_palette

TREE = "images/{training,validation}/NAME.jpg beside annotations/{training,validation}/NAME.png"
INFO = "objectInfo150.txt"
FOLDERS = {"train": "training", "val": "validation"}
DECODE = Coded(numbers={0: VOID} | {row.id: row.id - 1 for row in tables.read("ade20k")})


def load(where: str) -> Dataset:
    """Training as train, validation as val."""
    layout = Layout.at("ade20k", where, TREE)
    pictures, masks = layout.file("images"), layout.file("annotations")
    splits = {
        split: layout.pairs(pictures / folder, masks / folder, DECODE)
        for split, folder in FOLDERS.items()
        if (pictures / folder).is_dir()
    }
    rows = tables.read("ade20k")
    names = _names(layout.root / INFO, len(rows)) or [row.name for row in rows]
    spare = default_palette(len(rows))
    return layout.dataset(names, [row.colour or spare[row.id - 1] for row in rows], splits)


def _names(info: Path, expected: int) -> list[str]:
    """The first of the names in each row of objectInfo150.txt; none where it is not there."""
    if not info.is_file():
        return []
    header, *rows = info.read_text(encoding="utf-8", errors="replace").split("\n")
    titles = [title.strip() for title in header.split("\t")]
    cells = [row.split("\t") for row in rows if row.strip()]
    column = titles.index("Name") if "Name" in titles else -1
    if column < 0 or len(cells) != expected or any(len(row) <= column for row in cells):
        raise UserError(
            f"{info}: {len(cells)} rows under {', '.join(titles)}; expected {expected} with a Name",
            hint="take the file of the archive, or take it away: the published names are known",
        )
    return [row[column].split(",")[0].strip() for row in cells]
