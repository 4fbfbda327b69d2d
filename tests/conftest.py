"""What the floors' tests share: a tiny data set, and a model that walked the road on it."""

import importlib.util
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ["ground", "wall", "sky"]
COLOURS = [[90, 60, 40], [200, 30, 30], [60, 120, 220]]

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers take a core each, as do the programs they run: with a thread of torch for every core
    # in each of them the suite lasts twice as long. Torch is not imported yet.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture(scope="session")
def load_tool():
    """Loads a program of tools/, which is no package, as a module."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"{name}_tool", TOOLS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        # A dataclass looks its module up.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


def scene(seed, size):
    """A photo of coloured bands and blocks with noise, and its labels with a void frame."""
    rng = np.random.default_rng(seed)
    height, width = size
    labels = np.zeros(size, np.uint8)
    labels[: height // 2] = 2
    for _ in range(4):
        top, left = rng.integers(0, height), rng.integers(0, width)
        labels[top : top + height // 3, left : left + width // 4] = 1
    photo = np.array(COLOURS, np.float64)[labels] + rng.normal(0, 12, (*size, 3))
    labels[:2] = 255
    return np.clip(photo, 0, 255).astype(np.uint8), labels


def write_folder(root: Path, *, size=(61, 83), counts=(("train", 6), ("val", 2), ("test", 2))):
    """A `folder:` data set of such scenes."""
    for split, count in counts:
        for index in range(count):
            photo, labels = scene(1000 * len(split) + index, size)
            for kind, content in (("images", photo), ("masks", labels)):
                folder = root / kind / split
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(folder / f"{index}.png")
    meaning = [{"name": n, "color": c} for n, c in zip(CLASSES, COLOURS, strict=True)]
    (root / "classes.json").write_text(json.dumps({"classes": meaning}))
    return root


@pytest.fixture
def folder(tmp_path):
    """A fresh tiny data set that a test may damage."""
    return write_folder(tmp_path / "data")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """The same for tests that only read."""
    return write_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def fit_tiny(shared_folder, tmp_path_factory):
    """Trains on the tiny data set for a few steps; gives the outcome and the checkpoint's path."""
    from trainer import data
    from trainer.fit import fit
    from trainer.recipe import Recipe

    def train(factor="1/2", steps=2, device="cpu", **options):
        place = tmp_path_factory.mktemp("fit")
        recipe = Recipe(
            data=f"folder:{shared_folder}",
            factor=Fraction(factor),
            steps=steps,
            batch=2,
            **options,
        )
        out = place / "model.ckpt"
        outcome = fit(recipe, data.load(recipe.data), out=out, runs=place / "runs", device=device)
        return outcome, out

    return train


@pytest.fixture(scope="session")
def model(fit_tiny):
    """A checkpoint after a few steps at 1/2."""
    return fit_tiny(steps=12)[1]


@pytest.fixture(scope="session")
def artefact(model):
    """Its ONNX file, verified."""
    from export.build import build

    build("onnx", model, model.with_suffix(".onnx"))
    return model.with_suffix(".onnx")
