"""`mapillary:DIR`: Vistas v2.0 or v1.2 with training/, validation/ and the config.json of it.

What its config does not evaluate, such as 'Unlabeled', is void. Where both versions lie there it
takes v2.0; mapillary:v1.2:DIR takes the other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kernels.contract import Colour
from kernels.errors import UserError
from trainer import talk
from trainer.data import Dataset
from trainer.layout import Layout, variant
from trainer.masks import VOID, Coded
from trainer.meaning import Meaning

TREE = (
    "config_v2.0.json, {training,validation}/images/NAME.jpg and "
    "{training,validation}/v2.0/labels/NAME.png; of v1.2 config_v1.2.json or config.json, and "
    "{training,validation}/labels/NAME.png or v1.2/labels/NAME.png"
)
FOLDERS = {"train": "training", "val": "validation"}
# Version: where its config and its labels may lie.
VERSIONS = {
    "v2.0": (("config_v2.0.json",), ("v2.0/labels",)),
    "v1.2": (("config_v1.2.json", "config.json"), ("v1.2/labels", "labels")),
}


def load(where: str) -> Dataset:
    """Training as train, validation as val; the test pictures have no labels."""
    asked, place = variant(where, VERSIONS)
    layout = Layout.at("mapillary", place, TREE)
    layout.file("training")
    version, config, labels = _version(layout, asked)
    told = _meaning(config)
    splits = {
        split: layout.pairs(
            layout.root / folder / "images", layout.root / folder / labels, told.decode
        )
        for split, folder in FOLDERS.items()
        if (layout.root / folder).is_dir()
    }
    talk.say(f"mapillary {version}: {len(told.classes)} classes are evaluated")
    return layout.dataset(told.classes, told.palette, splits, ignore=told.ignore)


def _version(layout: Layout, asked: str) -> tuple[str, Path, str]:
    """The version to read, its config, and its folder of labels below a split."""
    for version in [asked] if asked else VERSIONS:
        configs = [p for name in VERSIONS[version][0] if (p := layout.root / name).is_file()]
        labels = [
            name for name in VERSIONS[version][1] if (layout.root / "training" / name).is_dir()
        ]
        if configs and labels:
            return version, configs[0], labels[0]
    raise layout.missing(f"config and training labels of {asked or 'v2.0 or v1.2'}")


def _meaning(config: Path) -> Meaning:
    """What is evaluated are the classes, in the order of the config; the rest is void."""
    try:
        labels = json.loads(config.read_text(encoding="utf-8"))["labels"]
        evaluated = [id_ for id_, label in enumerate(labels) if _is_class(label)]
        titles = [labels[id_].get("readable", labels[id_]["name"]) for id_ in evaluated]
        full = [labels[id_]["name"] for id_ in evaluated]
        palette = tuple(_colour(labels[id_]["color"]) for id_ in evaluated)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{config}: no list of labels ({error})",
            hint='take the config of the archive: {"labels": [{"name", "color", "evaluate"}, ...]}',
        ) from None
    numbers = dict.fromkeys(range(len(labels)), VOID)
    return Meaning(
        classes=tuple(titles if len(set(titles)) == len(titles) else full),
        palette=palette,
        ignore=VOID,
        decode=Coded(numbers=numbers | {id_: label for label, id_ in enumerate(evaluated)}),
    )


def _is_class(label: dict[str, Any]) -> bool:
    return bool(label.get("evaluate", label["name"] != "void--unlabeled"))


def _colour(given: list[int]) -> Colour:
    red, green, blue = given
    return red, green, blue
