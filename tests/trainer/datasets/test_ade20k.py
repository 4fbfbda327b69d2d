"""`ade20k` counts from 1 and has 150 classes, named by its own file where that lies there."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data
from trainer.datasets import ade20k


def info(*names):
    rows = [f"{n}\t0.1\t9\t9\t1\t{name}" for n, name in enumerate(names, 1)]
    return "\n".join(["Idx\tRatio\tTrain\tVal\tStuff\tName", *rows, ""])


def test_zero_is_void_and_ids_move_down_by_one(tmp_path):
    Image.fromarray(np.array([[0, 1, 2, 150]], np.uint8)).save(tmp_path / "mask.png")
    assert ade20k.DECODE(tmp_path / "mask.png").tolist() == [[255, 0, 1, 149]]


def test_classes_and_colours_are_the_published_ones(written):
    dataset = data.load(written("ade20k").spec)
    assert len(dataset.classes) == 150
    assert (dataset.classes[0], dataset.palette[0]) == ("wall", (120, 120, 120))
    assert (dataset.classes[7], dataset.palette[7]) == ("bed", (204, 5, 255))
    assert (dataset.classes[149], dataset.palette[149]) == ("flag", (92, 0, 255))


def test_its_own_file_names_the_classes(written):
    known = written("ade20k")
    names = ["partition, wall", *(f"thing {n}, object" for n in range(2, 151))]
    (known.root / "objectInfo150.txt").write_text(info(*names))
    assert data.load(known.spec).classes[:2] == ("partition", "thing 2")


@pytest.mark.parametrize("content", ["", "Idx\tName\n1\twall\n", info("wall").replace("Name", "x")])
def test_a_file_of_names_that_is_cut_is_named(written, content):
    known = written("ade20k")
    (known.root / "objectInfo150.txt").write_text(content)
    with pytest.raises(UserError, match=r"objectInfo150\.txt: .* expected 150"):
        data.load(known.spec)
