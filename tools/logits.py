"""Writes the logits a trained model gives a picture, for `python -m kernels.bench --logits`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import kernels
from kernels.errors import reported
from trainer import checkpoint, data


def main() -> None:
    """A checkpoint and a picture in, a .npy of float32 [C,h,w] out."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("checkpoint", type=Path, metavar="MODEL.ckpt")
    words.add_argument("picture", type=Path)
    words.add_argument("out", type=Path, metavar="OUT.npy")
    given = words.parse_args()
    with reported():
        loaded = checkpoint.load(given.checkpoint)
        small = kernels.seen(data.read_picture(given.picture), loaded.contract)
    with torch.inference_mode():
        logits = loaded.network(torch.from_numpy(small)[None])[0].float().numpy()
    np.save(given.out, logits)
    print(f"{given.out}: {'x'.join(map(str, logits.shape))}")


if __name__ == "__main__":
    main()
