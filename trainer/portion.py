"""Which training pictures keep their labels, and which pictures are learned from without any."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from os.path import commonpath
from pathlib import Path

import numpy as np

from kernels.errors import UserError
from kernels.publish import published
from trainer import lists
from trainer.data import Dataset, Pair, upright_size
from trainer.layout import PICTURES
from trainer.recipe import Recipe

ALL = "1"
LISTED = "labelled.txt"


def divided(dataset: Dataset, recipe: Recipe, *, run: Path | None = None) -> Dataset:
    """The data set as `recipe` sees it: fewer training pairs, and pictures without labels.

    A `run` that goes on keeps to the list in its folder.
    """
    if recipe.labelled == ALL and not recipe.unlabelled:
        return dataset
    pairs = dataset.split("train")
    # A run that has found every picture labelled, and no others, has no list.
    listed = run / LISTED if run and (run / LISTED).is_file() else recipe.labelled
    kept = _kept(pairs, str(listed), recipe.seed)
    rest = tuple(pair.picture for index, pair in enumerate(pairs) if index not in kept)
    found = _pictures(Path(recipe.unlabelled)) if recipe.unlabelled else ()
    return replace(
        dataset,
        splits={**dataset.splits, "train": [pairs[index] for index in sorted(kept)]},
        unlabelled=(*rest, *found),
    )


def write(dataset: Dataset, folder: Path) -> None:
    """Keep the list of labelled pictures; `--labelled` takes it again."""
    pictures = [pair.picture for pair in dataset.split("train")]
    root = Path(commonpath([picture.parent for picture in pictures]))
    names = [str(picture.relative_to(root)) for picture in pictures]
    # A tab lets a name hold blanks and commas.
    lines = [f"{name}\t\n" if re.search(r"[\s,]", name) else f"{name}\n" for name in names]
    with published(folder / LISTED) as draft:
        draft.write_text("".join(lines), encoding="utf-8")


def _kept(pairs: Sequence[Pair], labelled: str, seed: int) -> set[int]:
    """The places of the labelled pairs."""
    path = Path(labelled)
    if path.is_file():
        return _listed(path, pairs)
    count = max(1, round(_share(labelled) * len(pairs)))
    # One order for every share: an eighth is part of the quarter of the same seed.
    order = np.random.default_rng((seed, 2)).permutation(len(pairs))
    return {int(place) for place in order[:count]}


def _share(text: str) -> Fraction:
    """The share that a text such as '1/8' says."""
    said = re.fullmatch(r"\d{1,9}(/\d{1,9}|\.\d{1,9})?", text)
    try:
        share = Fraction(text) if said else Fraction(0)
    except ZeroDivisionError:
        share = Fraction(0)
    if not 0 < share <= 1:
        raise UserError(
            f"--labelled '{text}' is neither a share of the training list nor a file",
            hint="write 1/8 or 0.125, or a list with the name of a training picture a line",
        )
    return share


def _listed(path: Path, pairs: Sequence[Pair]) -> set[int]:
    """The places of the pairs that a list names."""
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        by_stem[pair.picture.stem].append(place)
    kept = set()
    for line in lists.read(path):
        word = Path(line.words[0])
        places = by_stem[word.name] or by_stem[word.stem]
        alike = {place: _shared_folders(pairs[place].picture, word) for place in places}
        best = [place for place, count in alike.items() if count == max(alike.values())]
        if len(best) != 1:
            raise line.error(
                f"{len(best) or 'no'} training pictures are called {word}",
                hint="name pictures of the training split, with their folders where names repeat",
            )
        kept.update(best)
    if not kept:
        raise UserError(f"{path} names no picture", hint="write the name of a picture a line")
    return kept


def _shared_folders(picture: Path, word: Path) -> int:
    """How many folders above them two paths have in common."""
    count = 0
    for one, other in zip(picture.parts[-2::-1], word.parts[-2::-1], strict=False):
        if one != other:
            break
        count += 1
    return count


def _pictures(folder: Path) -> tuple[Path, ...]:
    """All pictures below a folder, each known to be one."""
    if not folder.is_dir():
        raise UserError(f"--unlabelled {folder} is not a folder", hint="give a folder of pictures")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise UserError(f"no pictures in {folder}", hint=f"it takes {', '.join(PICTURES)}")
    for path in found:
        upright_size(path)
    return tuple(found)
