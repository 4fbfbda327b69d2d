"""What loaders of known data sets share: where things lie, what is missing, whose mask is which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kernels.contract import Colour, check_meaning
from kernels.errors import UserError, about
from trainer.check import check
from trainer.data import Dataset, Pair
from trainer.masks import VOID, Decode, read_mask

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
# Known data sets are big and were looked at by many: a few pairs tell whether they lie right.
SAMPLE = 24
LISTED = 8


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A folder on disk, and the tree a data set wants there."""

    name: str
    root: Path
    tree: str

    @classmethod
    def at(cls, name: str, where: str, tree: str) -> Layout:
        """The layout of `--data NAME:WHERE`; a place that is no folder is an error."""
        if not where:
            raise UserError(f"--data {name} wants a place", hint=f"{name}:DIR; expected {tree}")
        layout = cls(name=name, root=Path(where), tree=tree)
        if not layout.root.is_dir():
            raise UserError(f"{layout.root}: no such folder", hint=f"expected {tree}")
        return layout

    def missing(self, what: str, folder: Path | None = None) -> UserError:
        """The error for something that should be there, with what is there instead."""
        folder = folder or self.root
        return UserError(
            f"{folder}: no {what}; found {found(folder)}", hint=f"{self.name} expects {self.tree}"
        )

    def file(self, *names: str) -> Path:
        """The first of these files and folders that is there; none is an error."""
        for name in names:
            if (self.root / name).exists():
                return self.root / name
        raise self.missing(" or ".join(names))

    def pictures(self, folder: Path, pattern: str = "*") -> list[Path]:
        """The pictures in `folder` by name; none is an error."""
        inside = sorted(p for p in folder.glob(pattern) if p.suffix.lower() in PICTURES)
        if not inside:
            asked = "JPEG, PNG or WebP pictures" if pattern == "*" else pattern
            raise self.missing(asked, folder)
        return inside

    def pairs(self, pictures: Path, masks: Path, decode: Decode = read_mask) -> list[Pair]:
        """Each picture of a folder with the PNG of its name in the folder of masks."""
        made = [
            Pair(picture=path, mask=masks / f"{path.stem}.png", decode=decode)
            for path in self.pictures(pictures)
        ]
        self.refuse_lacking(made)
        return made

    def refuse_lacking(self, pairs: Sequence[Pair]) -> None:
        """Raise where a picture or mask is missing, saying how many are."""
        for path_of, what in ((_picture, "picture"), (_mask, "mask")):
            lacking = [pair for pair in pairs if not path_of(pair).is_file()]
            if not lacking:
                continue
            more = f" (and {len(lacking) - 1} more of {len(pairs)})" if len(lacking) > 1 else ""
            raise UserError(
                f"{path_of(lacking[0])}: this {what} is missing{more}",
                hint=f"unpack all archives of {self.name}; it expects {self.tree}",
            )

    def dataset(
        self,
        classes: Sequence[str],
        palette: Sequence[Colour],
        splits: Mapping[str, Sequence[Pair]],
        *,
        ignore: int = VOID,
    ) -> Dataset:
        """The data set, with a few pairs of each split looked at."""
        if not splits.get("train"):
            raise self.missing("pictures to train on")
        with about(self.root):
            check_meaning(tuple(classes), tuple(palette), ignore)
        made = Dataset(
            classes=tuple(classes),
            palette=tuple(palette),
            ignore=ignore,
            splits={
                split: [replace(pair, turn_mask=True) for pair in pairs]
                for split, pairs in splits.items()
            },
        )
        check(made, most=SAMPLE)
        return made


def _picture(pair: Pair) -> Path:
    return pair.picture


def _mask(pair: Pair) -> Path:
    return pair.mask


def variant(where: str, kinds: Iterable[str]) -> tuple[str, str]:
    """KIND:DIR as the two; the kind is empty where none of `kinds` is asked for."""
    kind, _, place = where.partition(":")
    return (kind, place) if kind in kinds else ("", where)


def found(folder: Path) -> str:
    """What a folder holds, in a few words."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    shown = ", ".join(names[:LISTED])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > LISTED else shown or "nothing"
