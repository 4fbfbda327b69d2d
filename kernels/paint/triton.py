"""`paint` on the GPU: every lane blends the pixels between two neighbouring columns of logits.

The pixels of a row that lie between the same two columns form a cell; a lane keeps a run of them
in registers while all classes pass by, so that logits are loaded and blended down once for all.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.ahead import MOST_BYTE_CLASSES, paint_constants, paint_launch
from kernels.errors import UserError
from kernels.paint import Painting
from kernels.shrink.triton import on_device

LOGITS = (torch.float32, torch.float16, torch.bfloat16)
MOST_CLASSES = 65535
SIZES = (
    *("rows", "columns", "height", "width", "top", "left"),
    *("out_height", "out_width", "first_cell", "runs"),
)


@triton.jit
def finite(logit: tl.tensor) -> tl.tensor:
    """A logit as float32; one that is not a number is lower than all, infinity the largest."""
    largest: tl.constexpr = 3.4028234663852886e38
    single = logit.to(tl.float32)
    # Written out: what a maximum makes of NaN depends on Triton's version.
    single = tl.where(single == single, single, -largest)
    return tl.minimum(tl.maximum(single, -largest), largest)


@triton.jit
def quotient(part: tl.tensor, whole: tl.tensor) -> tl.tensor:
    """part / whole, correctly rounded, as plain division on a GPU is not."""
    # A size of one is no tensor but a constant, and has no type to convert.
    return tl.div_rn(part.to(tl.float32), (part * 0 + whole).to(tl.float32))


@triton.jit
def first_pixel(cell: tl.tensor, cells: tl.tensor, pixels: tl.tensor) -> tl.tensor:
    """The first pixel whose centre lies past the centre of logit `cell`; for -1, the first."""
    parts = tl.maximum(pixels * (2 * cell + 1) - cells, 0)
    return tl.where(cell < 0, 0, (parts + 2 * cells - 1) // (2 * cells))


# Sizes change with every picture, and what they are multiples of makes no load or store wider.
@triton.jit(do_not_specialize=SIZES)
def paint_kernel(
    logits: tl.tensor,
    mask: tl.tensor,
    margin: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    top: tl.tensor,
    left: tl.tensor,
    out_height: tl.tensor,
    out_width: tl.tensor,
    first_cell: tl.tensor,
    runs: tl.tensor,
    classes: tl.constexpr,
    with_margin: tl.constexpr,
    pixels: tl.constexpr,
    lanes: tl.constexpr,
) -> None:
    """Some runs of `pixels` pixels of one row of one mask; a cell is cut into `runs` of them."""
    item = tl.program_id(2).to(tl.int64)
    # The row: which logits it lies between, and how near it is to the lower ones.
    y = tl.program_id(1)
    down = tl.maximum((2 * (top + y) + 1) * rows - height, 0)
    near = down // (2 * height)
    below = quotient(down - near * 2 * height, 2 * height)
    above = 1.0 - below
    upper = logits + item * classes * rows * columns + near * columns
    lower = upper + (tl.minimum(near + 1, rows - 1) - near) * columns
    # The runs: which columns they lie between, and which pixels they are.
    lane = tl.program_id(0) * lanes + tl.arange(0, lanes)
    cell = first_cell + lane // runs
    live = cell < columns
    before = tl.maximum(cell, 0)
    after = tl.minimum(before + 1, columns - 1)
    begin = first_pixel(cell, columns, width) + lane % runs * pixels
    end = tl.minimum(first_pixel(cell + 1, columns, width), left + out_width)
    x = begin[None, :] + tl.arange(0, pixels)[:, None]
    shown = (x >= left) & (x < end[None, :]) & live[None, :]
    across = (2 * x + 1) * columns - width - cell[None, :] * (2 * width)
    across = tl.where(cell[None, :] < 0, 0, across)
    right = quotient(across, 2 * width)
    to_left = 1.0 - right
    best = tl.full([pixels, lanes], float("-inf"), tl.float32)
    second = best
    label = tl.zeros([pixels, lanes], tl.int32)
    for c in range(classes):
        plane = tl.full([1], c, tl.int64) * rows * columns
        a = finite(tl.load(upper + (plane + before), mask=live, other=0))
        b = finite(tl.load(lower + (plane + before), mask=live, other=0))
        near_side = above * a + below * b
        a = finite(tl.load(upper + (plane + after), mask=live, other=0))
        b = finite(tl.load(lower + (plane + after), mask=live, other=0))
        far_side = above * a + below * b
        value = to_left * near_side[None, :] + right * far_side[None, :]
        wins = value > best
        label = tl.where(wins, c, label)
        if with_margin:
            second = tl.where(wins, best, tl.maximum(second, value))
        best = tl.where(wins, value, best)
    place = item * out_height * out_width + y.to(tl.int64) * out_width + (x - left)
    tl.store(mask + place, label.to(mask.dtype.element_ty), mask=shown)
    if with_margin:
        lead = tl.minimum(tl.floor((best - second) * 16.0), 255.0)
        if classes == 1:
            lead = tl.full([pixels, lanes], 255.0, tl.float32)
        tl.store(margin + place, lead.to(tl.int32).to(tl.uint8), mask=shown)


def paint(
    logits: Tensor,
    size: tuple[int, int],
    *,
    window: tuple[int, int, int, int] | None = None,
    margin: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """float [N,C,h,w] or [C,h,w], (H, W) -> the mask of `window`, and its margin if asked for."""
    if logits.dtype not in LOGITS:
        raise UserError("logits must be a float32, float16 or bfloat16 tensor")
    if logits.ndim not in (3, 4) or 0 in logits.shape:
        shape = tuple(logits.shape)
        raise UserError(f"logits must be [C,h,w] or [N,C,h,w] and not empty, not {shape}")
    batch = (logits if logits.ndim == 4 else logits[None]).contiguous()
    count, classes, rows, columns = batch.shape
    if classes > MOST_CLASSES:
        raise UserError(f"logits of {classes} classes; it takes up to {MOST_CLASSES}")
    launch = paint_launch(count, (rows, columns), size, window)
    kind = torch.uint8 if classes <= MOST_BYTE_CLASSES else torch.uint16
    mask = torch.empty((count, *launch.shape), dtype=kind, device=batch.device)
    lead = torch.empty_like(mask, dtype=torch.uint8) if margin else None
    with on_device(batch):
        paint_kernel[launch.grid](
            *(batch, mask, mask if lead is None else lead),
            *launch.numbers,
            **paint_constants(classes, margin=margin),
            num_warps=4,
            enable_fp_fusion=False,
        )
    if logits.ndim == 4:
        return mask, lead
    return mask[0], None if lead is None else lead[0]


def painting(
    logits: Tensor, size: tuple[int, int], window: tuple[int, int, int, int], margin: bool
) -> Painting:
    """The mask, its margin if asked for, and the pixels of each class, which waits for the GPU."""
    mask, lead = paint(logits, size, window=window, margin=margin)
    classes = logits.shape[-3]
    masks = mask.flatten(-2) if logits.ndim == 4 else mask.flatten()[None]
    counts = [torch.bincount(one.to(torch.int32), minlength=classes) for one in masks]
    return Painting(
        mask=cast(Any, mask),
        counts=cast(Any, torch.stack(counts) if logits.ndim == 4 else counts[0]),
        margin=cast(Any, lead),
    )
