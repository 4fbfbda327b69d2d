"""Pictures a person looks at: masks with colours, overlays, side-by-sides, curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels import png
from kernels.contract import Contract
from kernels.paint import Mask
from kernels.publish import published

GAP = 6
WIDEST_PANEL = 640
CURVES = {"loss": "training loss", "miou": "mIoU at native size (validation)"}


def write_mask(mask: Mask, contract: Contract, path: Path) -> None:
    """An index PNG: one class number a pixel, shown in the contract's colours."""
    with published(path) as draft:
        draft.write_bytes(png.encode(mask, contract.palette))


def coloured(labels: Mask, contract: Contract) -> NDArray[np.uint8]:
    """Labels as the contract's colours; void is black."""
    table = np.zeros((contract.ignore + 1, 3), np.uint8)
    table[: len(contract.palette)] = contract.palette
    return table[labels]


def side_by_side(rows: Sequence[Sequence[NDArray[np.uint8]]], path: Path) -> None:
    """Pictures in a grid, one row a scene, each no wider than a panel."""
    panels = [[_panel(picture) for picture in row] for row in rows]
    heights = [max(panel.height for panel in row) for row in panels]
    width = max(sum(panel.width + GAP for panel in row) - GAP for row in panels)
    sheet = Image.new("RGB", (width, sum(heights) + GAP * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(panels, heights, strict=True):
        left = 0
        for panel in row:
            sheet.paste(panel, (left, top))
            left += panel.width + GAP
        top += height + GAP
    with published(path) as draft:
        sheet.save(draft, "PNG")


def _panel(picture: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((WIDEST_PANEL, WIDEST_PANEL), Image.Resampling.BOX)
    return image


def curves(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Loss and mIoU over the steps, from the records of metrics.jsonl."""
    # Imported here: only a finished run pays for it.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), CURVES, strict=True):
        points = [(record["step"], record[name]) for record in records if name in record]
        axes.plot([step for step, _ in points], [value for _, value in points], marker=".")
        axes.set(xlabel="step", title=CURVES[name])
        axes.grid(alpha=0.3)
    with published(path) as draft:
        figure.savefig(draft, format="png", dpi=110)
