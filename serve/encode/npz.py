"""NumPy archive: the mask, names and colours of its classes, and the confidence if asked for."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve.answer import Painted

MEDIA_TYPE = "application/x-npz"
ACCEPT: dict[str, dict[str, str]] = {MEDIA_TYPE: {}}
WANTS_PICTURE = False
CONFIDENCE = "asked"
EXAMPLE = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """It has none."""


def encode(painted: Painted, options: Options) -> bytes:
    """Arrays for `numpy.load`, none of them pickled; the same result is always the same bytes."""
    height, width = painted.mask.shape
    planes = {
        "mask": painted.masked(),
        "classes": np.array(painted.contract.classes),
        "palette": np.array(painted.contract.palette, np.uint8),
        "shown": np.array(painted.shown, np.int64),
        "ignore": np.array(painted.contract.ignore),
        # Top, left, height, width.
        "window": np.array(painted.window or (0, 0, height, width), np.int64),
    }
    if painted.confidence is not None:
        planes["confidence"] = painted.confidence
    return _archive(planes)


def _archive(planes: dict[str, NDArray[np.generic]]) -> bytes:
    # Not numpy's own: it searches long for little, and time is what a caller waits.
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, plane in planes.items():
            # An entry opened by its name is dated 1980, whenever it is written.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, plane, allow_pickle=False)
    return target.getvalue()
