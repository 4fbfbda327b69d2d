"""`mapillary` reads both versions by their own config; what is not evaluated is void."""

import json

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data


def both(known):
    """Labels of v2.0 beside those of v1.2: the same numbers plus one, after a class of no use."""
    for split in ("training", "validation"):
        for mask in (known.root / split / "labels").iterdir():
            with Image.open(mask) as image:
                moved = np.array(image) + 1
            target = known.root / split / "v2.0" / "labels" / mask.name
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(moved.astype(np.uint8)).save(target)
    config = json.loads((known.root / "config.json").read_text())
    useless = {"name": "x--car-mount", "readable": "Mount", "color": [1, 2, 3], "evaluate": False}
    config["labels"].insert(0, useless)
    (known.root / "config_v2.0.json").write_text(json.dumps(config))


def test_names_and_colours_are_those_of_the_config(written):
    dataset = data.load(written("mapillary").spec)
    assert dataset.classes == ("Bird", "Curb", "Sky")
    assert dataset.palette == ((0, 0, 7), (1, 1, 7), (2, 2, 7))


def test_of_both_versions_the_newer_one_is_read(written, capsys):
    known = written("mapillary")
    both(known)
    dataset = data.load(known.spec)
    assert "v2.0: 3 classes" in capsys.readouterr().err
    for pair in dataset.split("train"):
        assert "v2.0" in pair.mask.parts
        assert np.array_equal(pair.read().labels, known.truth[str(pair.picture)])


def test_the_older_version_can_be_asked_for(written, capsys):
    known = written("mapillary")
    both(known)
    pair = data.load(f"mapillary:v1.2:{known.root}").split("train")[0]
    assert "v1.2: 3 classes" in capsys.readouterr().err
    assert "v2.0" not in pair.mask.parts


def test_names_that_are_there_twice_are_given_in_full(written):
    known = written("mapillary")
    config = json.loads((known.root / "config.json").read_text())
    config["labels"][1]["readable"] = "Bird"
    (known.root / "config.json").write_text(json.dumps(config))
    assert data.load(known.spec).classes == ("x--bird", "x--curb", "x--sky")


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"labels": [{"color": 3}]}'])
def test_a_config_that_is_none_is_named(written, content):
    known = written("mapillary")
    (known.root / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json: no list of labels"):
        data.load(known.spec)


def test_a_missing_config_is_named(written):
    known = written("mapillary")
    (known.root / "config.json").unlink()
    with pytest.raises(UserError, match="no config and training labels") as caught:
        data.load(known.spec)
    assert "config_v2.0.json" in caught.value.hint
