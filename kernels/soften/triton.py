"""`soften` on the GPU: counts in registers, every share written once and in order.

Cells of whole pixels are counted many classes at a time: a register is cut into fields of a few
bits, and a pixel adds one to the field of its class. Other cells weigh pixels by coverage and
count class by class.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import DTypeLike
from torch import Tensor

from kernels.errors import UserError, one_of
from kernels.shrink.triton import (
    Views,
    band_of,
    cell_of,
    covered,
    half_even,
    on_device,
    planned_for,
    seen_by,
    table_of,
)
from kernels.soften import stray
from kernels.view import Plan

LABELS = (torch.uint8, torch.uint16, torch.int16, torch.int32)
SHARES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)
# Both are exact as float32, and then so is the rounding of their quotient: rounded to float64
# first, as the reference does, it comes out the same, because 53 >= 2 * 24 + 2 bits.
MOST_AREA = 2**24
# In 255ths, 2 * 255 * area + area must fit in 32 bits.
MOST_AREA_UINT8 = (2**31 - 1) // 511
MOST_CLASSES = 65535
# Pixels a lane reads side by side, classes counted at once by coverage, elements of a tile.
CHUNK, CLASSES, TILE, CELLS = 16, 8, 1024, 128


@triton.jit
def share(count: tl.tensor, area: tl.tensor, shares: tl.tensor, exact: tl.constexpr) -> tl.tensor:
    """count / area as what `shares` points to."""
    if shares.dtype.element_ty == tl.uint8:
        part = half_even(255 * count, area)
    elif exact:
        # A power of two: its reciprocal is a number, and so is every product.
        part = count.to(tl.float32) * (1.0 / area)
    else:
        # Plain division is approximate on a GPU.
        part = count.to(tl.float32)
        part = tl.div_rn(part, tl.zeros_like(part) + area)
    if shares.dtype.element_ty == tl.bfloat16:
        # To nearest, ties to even, by hand: the interpreter's own conversion cuts off.
        whole = part.to(tl.int32, bitcast=True)
        whole = (whole + 0x7FFF + ((whole >> 16) & 1)) & -65536
        part = whole.to(tl.float32, bitcast=True)
    return part.to(shares.dtype.element_ty)


@triton.jit
def whole_kernel(
    labels: tl.tensor,
    shares: tl.tensor,
    views: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    classes: tl.constexpr,
    each: tl.constexpr,
    down: tl.constexpr,
    across: tl.constexpr,
    bands: tl.constexpr,
    band: tl.constexpr,
    chunks: tl.constexpr,
    chunk: tl.constexpr,
    bits: tl.constexpr,
    fields: tl.constexpr,
    low: tl.constexpr,
    words: tl.constexpr,
    cells: tl.constexpr,
) -> None:
    """Shares of cells of `down` x `across` whole pixels, in one row of one sample."""
    item = tl.program_id(2).to(tl.int64)
    i = tl.program_id(1)
    j = tl.program_id(0) * cells + tl.arange(0, cells)
    k = tl.arange(0, chunk)
    top, left, span, flip = 0, 0, width, 0
    if each:
        top, left = tl.load(views + item * 8), tl.load(views + item * 8 + 1)
        span, flip = tl.load(views + item * 8 + 2), tl.load(views + item * 8 + 3)
    plane = labels + item * height * width
    # A block of one: the interpreter gives no proper mask for a block and a scalar condition.
    origin = tl.zeros([1, 1], tl.int32) + top + i * down
    result = shares + item * classes * rows * columns + i * columns + j
    one = tl.full([1, 1], 1, tl.int32)
    area: tl.constexpr = down * across
    # What one word does not count is read again for the next, from the cache.
    for word in range(words):
        first = word * fields
        packed = tl.zeros([cells, chunk], tl.int32)
        for piece in range(chunks):
            x = (j * across + piece * chunk)[:, None] + k[None, :]
            live = (j < columns)[:, None] & (k < across - piece * chunk)[None, :]
            if each:
                x = left + tl.where(flip != 0, span - 1 - x, x)
                live = live & (x >= 0) & (x < width)
            for part in range(bands):
                for step in tl.static_range(band):
                    line = origin + (part * band + step)
                    seen = live
                    if each:
                        seen = live & (line >= 0) & (line < height)
                    label = tl.load(plane + line.to(tl.int64) * width + x, mask=seen, other=0)
                    place = label.to(tl.int32) - first
                    mine = place.to(tl.uint32, bitcast=True) < fields
                    # Cells past the last are not stored, so that all may count.
                    if each or across % chunk != 0:
                        mine = mine & seen
                    packed += tl.where(mine, one << (place * bits), 0)
        # A field of one lane is `bits` wide; summed over the lanes it needs twice as many.
        even = tl.sum(packed & low, axis=1)
        odd = tl.sum((packed >> bits) & low, axis=1)
        for field in tl.static_range(fields):
            pair = even if field % 2 == 0 else odd
            count = (pair >> (2 * bits * (field // 2))) & ((1 << 2 * bits) - 1)
            value = share(count, area, shares, exact=area & (area - 1) == 0)
            kind = tl.zeros([1], tl.int64) + (first + field)
            to = result + kind * rows * columns
            tl.store(to, value, mask=(j < columns) & (kind < classes))


@triton.jit
def parts_kernel(
    labels: tl.tensor,
    shares: tl.tensor,
    views: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    p: tl.tensor,
    q: tl.tensor,
    r: tl.tensor,
    s: tl.tensor,
    classes: tl.constexpr,
    each: tl.constexpr,
    down: tl.constexpr,
    across: tl.constexpr,
    at_once: tl.constexpr,
    blocks: tl.constexpr,
    cells: tl.constexpr,
) -> None:
    """Shares of cells that may cover parts of pixels, in one row of one sample."""
    item = tl.program_id(2).to(tl.int64)
    i = tl.program_id(1)
    j = tl.program_id(0) * cells + tl.arange(0, cells)
    top, left, span, flip = 0, 0, width, 0
    if each:
        top, left, span, flip, p, q, r, s = seen_by(views + item * 8)
    plane = labels + item * height * width
    result = shares + item * classes * rows * columns + i * columns + j
    x0, y0 = j * r // s, i * p // q
    # A block of one: the interpreter gives no proper mask for a block and a scalar condition.
    origin = tl.zeros([1], tl.int32) + top
    for block in range(blocks):
        kinds = block * at_once + tl.arange(0, at_once)
        counts = tl.zeros([at_once, cells], tl.int32)
        for dy in range(down):
            line = origin + (y0 + dy)
            part = covered(y0 + dy, i, p, q)
            seen_row = (j < columns) & (line >= 0) & (line < height)
            for dx in range(across):
                x = left + tl.where(flip != 0, span - 1 - (x0 + dx), x0 + dx)
                seen = seen_row & (x >= 0) & (x < width)
                label = tl.load(plane + line.to(tl.int64) * width + x, mask=seen, other=0)
                weight = tl.where(seen, part * covered(x0 + dx, j, r, s), 0)
                mine = label.to(tl.int32)[None, :] == kinds[:, None]
                counts += tl.where(mine, weight[None, :], 0)
        value = share(counts, p * r, shares, exact=False)
        to = result[None, :] + kinds.to(tl.int64)[:, None] * rows * columns
        tl.store(to, value, mask=(kinds < classes)[:, None] & (j < columns)[None, :])


def soften(
    labels: Tensor,
    factor: Fraction | None,
    classes: int,
    ignore: int = 255,
    *,
    mode: str = "area",
    dtype: torch.dtype = torch.float32,
    views: Views | None = None,
    small: tuple[int, int] | None = None,
    check: bool = True,
) -> Tensor:
    """ints [N,H,W] or [H,W] -> shares [N,C,h,w]; `views` and their `small` size, or a factor.

    Each view is cut out of its label map (void beyond the edges), mirrored and softened in one
    pass; only the shares are written. `check` looks for labels that are no class in the whole
    maps, and waits for the answer; without it they are void.
    """
    check_arguments(labels, classes, ignore, mode, dtype)
    batch = (labels if labels.ndim == 3 else labels[None]).contiguous()
    count, height, width = batch.shape
    planned = planned_for((count, height, width), factor, views, small)
    most = MOST_AREA_UINT8 if dtype == torch.uint8 else MOST_AREA
    if planned.area > most:
        raise UserError(
            f"cells of {planned.area} parts are more than the {most} a GPU counts exactly",
            hint="choose sides whose quotient with the small ones is a short fraction",
        )
    if check:
        check_labels(batch, classes, ignore)
    result = torch.empty((count, classes, *planned.small), dtype=dtype, device=batch.device)
    table = table_of(planned, batch) if views is not None else batch
    arguments: tuple[Tensor | int, ...] = (batch, result, table, height, width, *planned.small)
    facts = whole_constants(planned, classes, each=views is not None)
    kernel = whole_kernel
    if facts is None:
        facts = parts_constants(planned, classes, each=views is not None)
        kernel, arguments = parts_kernel, (*arguments, *cell_of(planned, each=views is not None))
    grid = (triton.cdiv(planned.small[1], facts["cells"]), planned.small[0], count)
    with on_device(batch):
        kernel[grid](*arguments, **facts, num_warps=4, enable_fp_fusion=False)
    return result if labels.ndim == 3 else result[0]


def kind_of(dtype: DTypeLike | torch.dtype) -> torch.dtype:
    """The torch type that numpy calls `dtype`."""
    if isinstance(dtype, torch.dtype):
        return dtype
    kinds = {str(kind).removeprefix("torch."): kind for kind in SHARES}
    try:
        return kinds[np.dtype(dtype).name]
    except (TypeError, KeyError):
        raise one_of("dtype of shares", dtype, kinds) from None


def check_arguments(
    labels: Tensor, classes: int, ignore: int, mode: str, dtype: torch.dtype
) -> None:
    """Raise where these cannot be softened here."""
    if labels.dtype not in LABELS or labels.ndim not in (2, 3):
        raise UserError("labels must be a uint8, uint16, int16 or int32 tensor [H,W] or [N,H,W]")
    if not 1 <= classes <= MOST_CLASSES:
        raise UserError(f"classes must be 1 to {MOST_CLASSES}, not {classes}")
    if 0 <= ignore < classes:
        raise UserError(
            f"ignore={ignore} is also a class (0 to {classes - 1})",
            hint="choose a void id that is no class",
        )
    if mode != "area":
        raise one_of("label mode of the GPU", mode, ("area",), hint="the others run on the CPU")
    if dtype not in SHARES:
        raise one_of("dtype of shares", dtype, map(str, SHARES))


def check_labels(labels: Tensor, classes: int, ignore: int) -> None:
    """Raise where a label is neither a class nor void."""
    wide = labels.to(torch.int32)
    strays = wide[((wide < 0) | (wide >= classes)) & (wide != ignore)]
    if strays.numel():
        raise stray(int(strays.min()), classes, ignore)


def whole_constants(planned: Plan, classes: int, *, each: bool) -> dict[str, int] | None:
    """What `whole_kernel` is compiled for, or None where it cannot count such cells."""
    down, across = planned.taps
    chunk = min(triton.next_power_of_2(across), CHUNK)
    chunks = triton.cdiv(across, chunk)
    # A lane adds up `down` rows of each chunk, and the sum over lanes has twice the bits.
    bits = max((down * chunks).bit_length(), ((down * across).bit_length() + 1) // 2)
    if not planned.whole or bits > 12:
        return None
    fields = 2 * (32 // (2 * bits))
    band = band_of(down, whole=True)
    return {
        "classes": classes,
        "each": each,
        "down": down,
        "across": across,
        "bands": down // band,
        "band": band,
        "chunks": chunks,
        "chunk": chunk,
        "bits": bits,
        "fields": fields,
        "low": sum(((1 << bits) - 1) << (2 * bits * pair) for pair in range(fields // 2)),
        "words": triton.cdiv(classes, fields),
        # Mirrored pixels are loaded one by one, each with an address in a register of its own.
        "cells": _cells(planned, min(CELLS, TILE // chunk // (4 if each else 1))),
    }


def parts_constants(planned: Plan, classes: int, *, each: bool) -> dict[str, int]:
    """What `parts_kernel` is compiled for."""
    at_once = min(CLASSES, triton.next_power_of_2(classes))
    return {
        "classes": classes,
        "each": each,
        "down": planned.taps[0],
        "across": planned.taps[1],
        "at_once": at_once,
        "blocks": triton.cdiv(classes, at_once),
        "cells": _cells(planned, CELLS),
    }


def _cells(planned: Plan, most: int) -> int:
    """Cells of one program: no more than a row has, no fewer than a warp has lanes."""
    return min(most, max(32, 1 << (planned.small[1] - 1).bit_length()))
