"""The compressor of masks: zlib reads what it writes, whatever the rows and the runs in them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels import deflate, huffman

Rows = NDArray[np.uint8]
NOISE = np.random.default_rng(0)


def lines(rows: Rows) -> bytes:
    """What PNG's filter Up makes of the rows."""
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    return np.insert(rows - above, 0, deflate.UP, axis=1).tobytes()


def fibonacci(height: int, width: int) -> Rows:
    """Differences so unevenly common that Huffman's words would be longer than deflate takes."""
    common = 1.62 ** -np.arange(40.0)
    drawn = NOISE.choice(40, (height, width), p=common / common.sum())
    return np.cumsum(drawn, 0).astype(np.uint8)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 63, 64, 65, 1000])
@pytest.mark.parametrize("height", [1, 2, 50])
def test_zlib_reads_every_kind_of_rows(height: int, width: int) -> None:
    size = (height, width)
    for rows in (
        np.zeros(size, np.uint8),
        np.full(size, 255, np.uint8),
        NOISE.integers(0, 256, size, np.uint8),
        NOISE.integers(0, 3, size, np.uint8),
        np.cumsum(NOISE.random(size) < 0.02, axis=1).astype(np.uint8),
        np.cumsum(NOISE.random(size) < 0.02, axis=0).astype(np.uint8),
    ):
        assert zlib.decompress(deflate.up_filtered(rows)) == lines(rows)


def test_a_run_of_any_length_comes_back() -> None:
    for value in (0, 9):
        for length in (*range(1, 530), 70_000):
            rows = np.full((2, length), value, np.uint8)
            rows[1] += 7
            assert zlib.decompress(deflate.up_filtered(rows)) == lines(rows)


def test_what_does_not_fit_one_block_comes_back() -> None:
    rows = NOISE.integers(0, 256, (600, 800), np.uint8)
    assert rows.size > 5 * deflate.ENOUGH
    assert zlib.decompress(deflate.up_filtered(rows)) == lines(rows)


def test_rows_that_lie_apart_in_memory_are_the_same_rows() -> None:
    wide = NOISE.integers(0, 3, (40, 90), np.uint8)
    packed = np.ascontiguousarray(wide[:, 11:70])
    assert deflate.up_filtered(wide[:, 11:70]) == deflate.up_filtered(packed)


def test_no_word_is_longer_than_deflate_takes() -> None:
    counts = np.zeros(huffman.LITERALS, np.int64)
    counts[:40] = [round(1.62**place) for place in range(40)]
    sizes = huffman.lengths(counts)
    assert sizes.max() == huffman.MOST_BITS
    assert np.sum(0.5 ** sizes[:40].astype(float)) == 1

    rows = fibonacci(2000, 700)
    assert zlib.decompress(deflate.up_filtered(rows)) == lines(rows)


def test_a_mask_takes_no_more_bytes_than_by_zlibs_own_runs() -> None:
    steps = (NOISE.random((400, 1)) < 0.1).cumsum(0) + (NOISE.random((1, 900)) < 0.02).cumsum(1)
    rows = steps.astype(np.uint8)
    squeeze = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    theirs = squeeze.compress(lines(rows)) + squeeze.flush()
    assert len(deflate.up_filtered(rows)) <= 1.05 * len(theirs)
