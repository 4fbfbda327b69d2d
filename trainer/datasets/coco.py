"""`coco:DIR`: {train,val}2017/ beside annotations/; coco:KIND:DIR, KIND panoptic, stuff, instances.

panoptic reads annotations/panoptic_train2017.json with the PNGs in panoptic_train2017/; stuff the
PNGs in stuffthingmaps/train2017/, 171 classes; instances annotations/instances_train2017.json,
whose objects are drawn on a class 'background', small ones over large ones, crowds as void.
Without a KIND it is the first of the three that lies there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.errors import UserError
from trainer import coco, tables, talk
from trainer.coco import Annotation, Categories, Objects, Segments, shaped
from trainer.data import Dataset, Pair
from trainer.layout import Layout, variant
from trainer.masks import VOID, Coded
from trainer.palette import default_palette

TREE = (
    "{train,val}2017/NAME.jpg (or images/{train,val}2017/) beside one of: "
    "annotations/panoptic_{train,val}2017.json with panoptic_{train,val}2017/NAME.png; "
    "stuffthingmaps/{train,val}2017/NAME.png; annotations/instances_{train,val}2017.json"
)
SPLITS = ("train", "val")
YEARS = ("2017", "2014")
# Where the labels of a split lie, by kind; {} is e.g. val2017.
SOURCES = {
    "panoptic": ("annotations/panoptic_{}.json", "panoptic_{}.json"),
    "stuff": ("stuffthingmaps/{}", "annotations/stuffthingmaps/{}"),
    "instances": ("annotations/instances_{}.json", "instances_{}.json"),
}
PANOPTIC_PNGS = ("annotations/panoptic_{}", "panoptic_{}")
STUFF_IDS = range(1, 183)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What tells the labels of one split."""

    path: Path
    pictures: Path
    name: str  # e.g. val2017


def load(where: str) -> Dataset:
    """The kind that was asked for, or the first that lies there."""
    asked, place = variant(where, SOURCES)
    layout = Layout.at("coco", place, TREE)
    kinds = {kind: found for kind in SOURCES if (found := _sources(layout, kind))}
    if not kinds or (asked and asked not in kinds):
        raise layout.missing(f"labels of the kind {asked or ', '.join(SOURCES)}")
    kind = asked or next(iter(kinds))
    if len(kinds) > 1 and not asked:
        talk.say(f"{', '.join(kinds)} lie in {layout.root}: reading {kind} (or say coco:KIND:DIR)")
    return READERS[kind](layout, kinds[kind])


def _sources(layout: Layout, kind: str) -> dict[str, Source]:
    """What tells the labels of each split, of one year."""
    for year in YEARS:
        found = {}
        for split in SPLITS:
            name = f"{split}{year}"
            places = [layout.root / place.format(name) for place in SOURCES[kind]]
            path = next((place for place in places if place.exists()), None)
            if path:
                pictures = layout.file(name, f"images/{name}")
                found[split] = Source(path=path, pictures=pictures, name=name)
        if found:
            return found
    return {}


def _panoptic(layout: Layout, sources: Mapping[str, Source]) -> Dataset:
    def pairs(source: Source, content: Any, classes: Categories) -> list[Pair]:
        masks = layout.file(*(place.format(source.name) for place in PANOPTIC_PNGS))
        return [
            Pair(
                picture=source.pictures / f"{Path(one['file_name']).stem}.jpg",
                mask=masks / one["file_name"],
                decode=Segments(categories=classes, annotations=one["segments_info"]),
            )
            for one in content["annotations"]
        ]

    return _from_json(layout, sources, pairs, background=False)


def _instances(layout: Layout, sources: Mapping[str, Source]) -> Dataset:
    def pairs(source: Source, content: Any, classes: Categories) -> list[Pair]:
        objects: dict[int, list[Annotation]] = defaultdict(list)
        for one in content["annotations"]:
            objects[one["image_id"]].append(one)
        return [
            Pair(
                picture=source.pictures / one["file_name"],
                mask=source.path,
                decode=Objects(
                    categories=classes,
                    annotations=objects[one["id"]],
                    size=(one["height"], one["width"]),
                    picture=one["file_name"],
                ),
            )
            for one in content["images"]
        ]

    return _from_json(layout, sources, pairs, background=True)


def _from_json(
    layout: Layout,
    sources: Mapping[str, Source],
    pairs_of: Callable[[Source, Any, Categories], list[Pair]],
    *,
    background: bool,
) -> Dataset:
    """The splits of JSON files, which must agree on the categories."""
    splits: dict[str, list[Pair]] = {}
    first: Categories | None = None
    for split, source in sources.items():
        talk.say(f"reading {source.path}")
        content = coco.read(source.path)
        with shaped(source.path):
            classes = coco.categories(content, background=background)
            splits[split] = pairs_of(source, content, classes)
        first = first or classes
        if classes != first:
            raise UserError(
                f"{source.path}: other categories than the other split has",
                hint="take both files from one archive",
            )
        layout.refuse_lacking(splits[split])
    if first is None:
        raise layout.missing("annotations")
    return layout.dataset(first.names, first.palette, splits, ignore=first.void)


def _stuff(layout: Layout, sources: Mapping[str, Source]) -> Dataset:
    rows = [row for row in tables.read("coco") if row.id in STUFF_IDS]
    # The files count from 0 where the published ids count from 1.
    decode = Coded(numbers={VOID: VOID} | {row.id - 1: label for label, row in enumerate(rows)})
    spare = default_palette(len(rows))
    return layout.dataset(
        [row.name for row in rows],
        [row.colour or spare[label] for label, row in enumerate(rows)],
        {split: layout.pairs(one.pictures, one.path, decode) for split, one in sources.items()},
    )


READERS = {"panoptic": _panoptic, "stuff": _stuff, "instances": _instances}
