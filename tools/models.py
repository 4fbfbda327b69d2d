"""Models and methods on the whole road: a few steps of fit, export, serve, masks compared."""

from __future__ import annotations

import argparse
import json
import time
from io import BytesIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from demo import post, run, say, service
from export.verify import changed_pixels
from trainer import catalog, checkpoint, data

# A model of transformers: it is told by a directory, and made here with fresh weights.
SEGFORMER = {
    "model_type": "segformer",
    "architectures": ["SegformerForSemanticSegmentation"],
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [16, 32, 64, 128],
    "decoder_hidden_size": 64,
}


def main() -> None:
    """Walk with each model and method and print a line for it; exit code 1 where a mask differs."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("models", nargs="*", default=catalog.names("models"))
    words.add_argument("--methods", nargs="+", default=["soft"])
    words.add_argument("--data", default="streets:128x256")
    words.add_argument("--steps", type=int, default=3)
    given = words.parse_args()
    wrong = 0
    for model, method in product(given.models, given.methods):
        with TemporaryDirectory() as place:
            wrong += walk(model, method, given.data, given.steps, Path(place))
    raise SystemExit(wrong > 0)


def walk(model: str, method: str, where: str, steps: int, place: Path) -> bool:
    """Whether the served mask differs from torch's in more than near-ties."""
    say(f"{model}, {method}")
    if model == "hf":
        (place / "config.json").write_text(json.dumps(SEGFORMER))
        model = f"hf:{place}"
    begin = time.perf_counter()
    made, artefact = place / "model.ckpt", place / "model.onnx"
    fit = ("--data", where, "--model", model, "--steps", str(steps), "--batch", "2", "--json")
    fit += ("--method", method, "--labelled", "1/2")
    run("trainer", "fit", *fit, "--out", str(made), "--runs", str(place / "runs"))
    run("trainer", "export", "onnx", str(made), "--pictures", "2")
    photo = data.load(where).split("test")[0].picture
    with service(artefact) as address:
        content, _ = post(address, photo.read_bytes())
    mask = np.asarray(Image.open(BytesIO(content)))
    loaded = checkpoint.load(made)
    changed, beyond = changed_pixels(loaded, data.read_for(loaded.contract, photo), mask)
    weights = sum(value.numel() for value in loaded.network.parameters()) / 1e6
    seconds = time.perf_counter() - begin
    print(
        f"{model.partition(':')[0]:26} {method:10} {weights:6.1f} million weights, "
        f"{changed} of {mask.size} pixels differ, {beyond} beyond rounding; {seconds:.0f} s",
        flush=True,
    )
    return beyond > 0


if __name__ == "__main__":
    main()
