"""`shrink` on the GPU: a program per run of cells, each byte of the picture loaded once.

A cell's bytes lie side by side in every row it covers (three channels a pixel), so that a lane
loads them together; channels part only in the end, when the rows are summed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.errors import UserError
from kernels.factor import small_size
from kernels.view import Plan, View, plan, read

Views = Sequence[View] | Tensor
Colour = tuple[int, int, int]

# Past these a grid or a counter would overflow.
MOST_LINES = 65535
NARROW_AREA = (2**31 - 1) // 511
# Pixels a lane reads side by side, rows it reads ahead, elements of one program's tile.
CHUNK, BAND, TILE = 16, 8, 2048


@triton.jit
def covered(
    pixel: tl.tensor, cell: tl.tensor, cell_length: tl.tensor, pixel_length: tl.tensor
) -> tl.tensor:
    """How much of `pixel` lies in `cell`, in parts of a pixel."""
    first = tl.maximum(pixel * pixel_length, cell * cell_length)
    last = tl.minimum((pixel + 1) * pixel_length, (cell + 1) * cell_length)
    return tl.maximum(last - first, 0)


@triton.jit
def half_even(total: tl.tensor, area: tl.tensor) -> tl.tensor:
    """total / area of whole numbers, a half rounded to the even neighbour."""
    twice = 2 * total + area
    quotient = twice // (2 * area)
    tied_up = (quotient * (2 * area) == twice) & (quotient % 2 == 1)
    return tl.where(tied_up, quotient - 1, quotient)


@triton.jit
def seen_by(row: tl.tensor) -> tuple:  # type: ignore[type-arg]
    """The eight numbers of a view: top, left, width, flip, and p, q, r, s."""
    window = tl.load(row), tl.load(row + 1), tl.load(row + 2), tl.load(row + 3)
    cells = tl.load(row + 4), tl.load(row + 5), tl.load(row + 6), tl.load(row + 7)
    return window[0], window[1], window[2], window[3], cells[0], cells[1], cells[2], cells[3]


@triton.jit
def store_means(
    result: tl.tensor,
    total: tl.tensor,
    area: tl.tensor,
    channel: tl.tensor,
    live: tl.tensor,
) -> None:
    """The three means of every cell, out of sums whose lanes belong to one channel each."""
    for c in tl.static_range(3):
        summed = tl.sum(tl.where((channel == c)[None, :], total, 0), axis=1)
        tl.store(result + c, half_even(summed, area).to(tl.uint8), mask=live)


@triton.jit
def shrink_kernel(
    source: tl.tensor,
    small: tl.tensor,
    views: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    p: tl.tensor,
    q: tl.tensor,
    r: tl.tensor,
    s: tl.tensor,
    red: tl.constexpr,
    green: tl.constexpr,
    blue: tl.constexpr,
    each: tl.constexpr,
    whole: tl.constexpr,
    wide: tl.constexpr,
    down: tl.constexpr,
    across: tl.constexpr,
    bands: tl.constexpr,
    band: tl.constexpr,
    chunks: tl.constexpr,
    chunk: tl.constexpr,
    lanes: tl.constexpr,
    cells: tl.constexpr,
) -> None:
    """Cells of one row of one small picture."""
    item = tl.program_id(2).to(tl.int64)
    i = tl.program_id(1)
    j = tl.program_id(0) * cells + tl.arange(0, cells)
    k = tl.arange(0, lanes)
    top, left, span, flip = 0, 0, width, 0
    if each:
        top, left, span, flip, p, q, r, s = seen_by(views + item * 8)
    x0 = j * across if whole else j * r // s
    y0 = i * down if whole else i * p // q
    picture = source + item * height * width * 3
    channel = k % 3
    # A block of one: the interpreter gives no proper mask for a block and a scalar condition.
    origin = tl.zeros([1, 1], tl.int32) + top
    total = tl.zeros([cells, lanes], tl.int64 if wide else tl.int32)
    for piece in range(chunks):
        begin = x0 + piece * chunk
        lanes_used = (k < 3 * chunk) & (k < 3 * (across - piece * chunk))
        live = (j < columns)[:, None] & lanes_used[None, :]
        x = begin[:, None] + (k // 3)[None, :]
        # Not x * 3 + channel: only so is it plain that a lane's bytes lie side by side.
        at = (begin * 3)[:, None] + k[None, :]
        inside = live
        if each:
            seen = left + tl.where(flip != 0, span - 1 - x, x)
            at = tl.where(flip != 0, seen * 3 + channel[None, :], left * 3 + at)
            inside = live & (seen >= 0) & (seen < width)
        elif not whole:
            inside = live & (x < width)
        # What lies outside still counts, but nothing of what is in no cell.
        filler = tl.zeros([cells, lanes], tl.int32)
        if each:
            outside = tl.where(channel == 0, red, tl.where(channel == 1, green, blue))
            filler = tl.where(live, outside[None, :], 0)
        for part in range(bands):
            for step in tl.static_range(band):
                y = y0 + part * band + step
                line = origin + y
                within = inside
                if each or not whole:
                    within = inside & (line >= 0) & (line < height)
                byte = picture + line.to(tl.int64) * width * 3 + at
                value = tl.load(byte, mask=within, other=0).to(tl.int32)
                if each:
                    value = tl.where(within, value, filler)
                if not whole:
                    value = value * covered(x, j[:, None], r, s)
                    if wide:
                        value = value.to(tl.int64)
                    value = value * covered(y, i, p, q)
                total += value
    # A cell of one part is no tensor but a constant, and has no type to convert.
    area = tl.zeros([1], total.dtype) + p
    area *= r
    result = small + ((item * rows + i) * columns + j) * 3
    store_means(result, total, area, channel, j < columns)


def shrink(
    pictures: Tensor,
    factor: Fraction | None = None,
    sight: int = 1,
    *,
    views: Views | None = None,
    small: tuple[int, int] | None = None,
    outside: Colour = (0, 0, 0),
) -> Tensor:
    """uint8 [N,H,W,3] or [H,W,3] -> uint8 [N,h,w,3]; `views` and their `small` size, or a factor.

    Each view is cut out of its picture (`outside` fills what lies beyond the edges), mirrored and
    shrunk in one pass; only the small pictures are written.
    """
    if pictures.dtype != torch.uint8 or pictures.ndim not in (3, 4) or pictures.shape[-1] != 3:
        raise UserError("pictures must be a uint8 tensor [H,W,3] or [N,H,W,3]")
    batch = (pictures if pictures.ndim == 4 else pictures[None]).contiguous()
    count, height, width = batch.shape[:3]
    planned = planned_for((count, height, width), factor, views, small, sight)
    if len(outside) != 3:
        raise UserError(f"outside must be a colour of three numbers, not {outside}")
    result = torch.empty((count, *planned.small, 3), dtype=torch.uint8, device=batch.device)
    table = table_of(planned, batch) if views is not None else batch
    facts = constants(planned, each=views is not None, outside=outside)
    grid = (triton.cdiv(planned.small[1], facts["cells"]), planned.small[0], count)
    with on_device(batch):
        shrink_kernel[grid](
            *(batch, result, table, height, width, *planned.small),
            *cell_of(planned, each=views is not None),
            **facts,
            num_warps=4,
        )
    return result if pictures.ndim == 4 else result[0]


def constants(planned: Plan, *, each: bool, outside: Colour = (0, 0, 0)) -> dict[str, int]:
    """What `shrink_kernel` is compiled for."""
    down, across = planned.taps
    chunk = across if across <= 21 else CHUNK
    lanes = triton.next_power_of_2(3 * chunk)
    band = band_of(down, planned.whole)
    # Mirrored pixels are loaded one by one, each with an address in a register of its own.
    tile = TILE if planned.whole and not each else TILE // 4
    return {
        **dict(zip(("red", "green", "blue"), outside, strict=True)),
        "each": each,
        "whole": planned.whole,
        "wide": planned.area > NARROW_AREA,
        "down": down,
        "across": across,
        "bands": triton.cdiv(down, band),
        "band": band,
        "chunks": triton.cdiv(across, chunk),
        "chunk": chunk,
        "lanes": lanes,
        "cells": min(tile // lanes, max(16, 1 << (planned.small[1] - 1).bit_length())),
    }


def cell_of(planned: Plan, *, each: bool) -> tuple[int, ...]:
    """p, q, r, s of the one cell; zeros where every view has its own.

    Triton compiles anew for numbers of another kind (1, multiples of 16), and views change.
    """
    return (0, 0, 0, 0) if each else planned.rows[0][4:]


def band_of(down: int, whole: bool) -> int:
    """Rows to read in one go: cells of whole pixels must not read past their last."""
    if down <= BAND:
        return down
    return max(n for n in range(1, BAND + 1) if down % n == 0) if whole else BAND


def planned_for(
    shape: tuple[int, int, int],
    factor: Fraction | None,
    views: Views | None,
    small: tuple[int, int] | None,
    sight: int = 1,
) -> Plan:
    """The plan for a batch of `shape` (count, height, width)."""
    count, height, width = shape
    if min(shape) < 1 or count > MOST_LINES:
        raise UserError(f"batch must be 1 to {MOST_LINES} and not empty, not {shape}")
    if views is None:
        size = small_size((height, width), factor, sight) if factor is not None else small
        if size is None:
            raise UserError("factor is missing")
        planned = plan([View(top=0, left=0, height=height, width=width)], size)
    else:
        if small is None:
            raise UserError("small is missing: views of any size need one size to come out as")
        if factor is not None:
            raise UserError("factor is given and views are, which have factors of their own")
        listed = read(views.tolist()) if isinstance(views, Tensor) else tuple(views)
        if not all(isinstance(view, View) for view in listed):
            raise UserError("views must be a sequence of kernels.view.View, or a tensor of rows")
        if len(listed) != count:
            raise UserError(f"views: {len(listed)} for {count} pictures")
        planned = plan(listed, small)
    if planned.small[0] > MOST_LINES or height * width > (2**31 - 1) // 4:
        raise UserError(f"pictures of {width}x{height} are too large for the GPU kernels")
    return planned


def table_of(planned: Plan, batch: Tensor) -> Tensor:
    """The plan's rows where `batch` lies; they are so few that nothing waits for the copy."""
    rows = torch.tensor(planned.rows, dtype=torch.int32)
    return rows.to(batch.device, non_blocking=True)


def on_device(tensor: Tensor) -> AbstractContextManager[object]:
    """Makes the tensor's GPU the current one; its current stream is the one Triton uses."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()
