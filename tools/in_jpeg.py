"""Compares masks of JPEGs decoded straight to the reduced size with those of whole pictures shrunk.

`python tools/in_jpeg.py model.onnx --data streets --quality 90 95` writes the pictures of a split
as JPEG, and tells changed pixels, both mIoUs at full size and what decoding costs both ways.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import kernels
from kernels.contract import Contract
from kernels.picture import Picture, read, seen, size
from serve import runtimes
from trainer import data
from trainer.score import Score


def main() -> None:
    """One line of JSON for each quality."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("model", type=Path)
    words.add_argument("--data", default="streets")
    words.add_argument("--split", default="val")
    words.add_argument("--most", type=int, default=20, help="pictures")
    words.add_argument("--quality", type=int, nargs="+", default=[90, 95])
    given = words.parse_args()
    runtime = runtimes.open_artefact(given.model)
    dataset = data.load(given.data)
    pairs = data.spaced(dataset.splits[given.split], given.most)
    for quality in given.quality:
        told = compared(runtime, [pair.read() for pair in pairs], quality)
        print(json.dumps({"model": given.model.name, "quality": quality, **told}))


def compared(runtime: runtimes.Runtime, samples: list[data.Sample], quality: int) -> dict[str, Any]:
    """Both ways over all pictures."""
    contract = Contract.from_json(runtime.contract)
    classes = len(contract.classes)
    confusions = {way: np.zeros((classes, classes), np.int64) for way in (False, True)}
    seconds = dict.fromkeys(confusions, 0.0)
    changed = pixels = 0
    # Compiles `shrink` before anything is timed.
    kernels.seen(samples[0].picture, contract)
    for sample in samples:
        file = _jpeg(sample.picture, quality)
        masks = {}
        for way in confusions:
            begin = time.process_time()
            picture = read(file, sample.name, contract, reduce=way)
            small = seen(picture, contract)
            seconds[way] += time.process_time() - begin
            masks[way] = _mask(runtime, small, picture)
            confusions[way] += _confusion(sample.labels, masks[way], classes)
        changed += np.count_nonzero(masks[False] != masks[True])
        pixels += sample.labels.size
    scores = [Score(classes=contract.classes, confusion=each) for each in confusions.values()]
    return {
        "factor": str(contract.factor),
        "pictures": len(samples),
        "changed_percent": round(100 * changed / pixels, 3),
        "miou_percent": [round(100 * score.mean_iou, 3) for score in scores],
        "cpu_milliseconds": [round(1e3 * took / len(samples), 2) for took in seconds.values()],
    }


def _jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=quality)
    return target.getvalue()


def _mask(
    runtime: runtimes.Runtime, small: NDArray[np.uint8], picture: Picture
) -> NDArray[np.integer]:
    mask: NDArray[np.integer] = kernels.paint(runtime.logits(small), size(picture))
    return mask


def _confusion(labels: NDArray[Any], mask: NDArray[Any], classes: int) -> NDArray[np.int64]:
    seen = labels < classes
    both = labels[seen].astype(np.int64) * classes + np.minimum(mask[seen], classes - 1)
    return np.bincount(both, minlength=classes**2).reshape(classes, classes)


if __name__ == "__main__":
    main()
