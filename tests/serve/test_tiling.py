"""A picture in tiles has the logits of the whole one; one that fits a tile takes the same way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels import memory
from kernels.errors import UserError
from serve import tiling
from serve.segment import Segmenter


def box(small: NDArray[np.uint8], radius: int) -> NDArray[np.float32]:
    """A network that sees `radius` pixels around: three means over a square."""
    padded = np.pad(small.astype(np.float32), ((radius, radius), (radius, radius), (0, 0)))
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    side = 2 * radius + 1
    whole = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.ascontiguousarray((whole / side**2).transpose(2, 0, 1), np.float32)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 96, 97, 1000])
@pytest.mark.parametrize(
    "cut",
    [
        tiling.Plan(side=64, overlap=32, margin=0),
        tiling.Plan(side=128, overlap=32, margin=8),
        tiling.Plan(side=128, overlap=64, margin=16),
    ],
)
def test_tiles_cover_an_axis_and_their_weights_add_up_to_one(length: int, cut: tiling.Plan) -> None:
    spans = tiling.spans(length, cut.side, cut.overlap)
    total = np.zeros(length)
    for span in spans:
        assert span.first % tiling.LINE == 0
        assert span.last - span.first <= cut.side
        total[span.first : span.last] += tiling._weights(span.last - span.first, span, cut, 1)
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (len(spans) == 1) == (length <= cut.side)


def test_tiles_are_cut_by_how_far_the_network_looks() -> None:
    def plan(radius: int, tile: int) -> tuple[int, int, int]:
        cut = tiling.plan(lambda small: box(small, radius), tile)
        return cut.side, cut.overlap, cut.margin

    assert tiling.reach(lambda small: box(small, 10), 128) == 10
    assert tiling.reach(lambda small: np.zeros((2, 8, 8), np.float32), 64) == 0
    assert plan(10, 300) == (256, 64, 10)
    assert plan(40, 256) == (256, 128, 32)
    assert plan(40, 512) == (512, 128, 32)


@pytest.mark.parametrize("size", [(300, 200), (129, 513), (64, 300)])
def test_logits_in_tiles_are_those_of_the_whole(
    toy: SimpleNamespace, size: tuple[int, int]
) -> None:
    small = toy.photo(*size)
    shapes: list[tuple[int, ...]] = []

    def run(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        shapes.append(part.shape)
        return box(part, 10)

    found = tiling.logits(run, small, tiling.plan(run, 128))
    assert len(shapes) > 4
    assert max(max(shape[:2]) for shape in shapes) <= 128
    np.testing.assert_allclose(found, box(small, 10), rtol=1e-4, atol=1e-3)


def test_a_network_that_looks_one_pixel_far_has_the_same_mask_in_tiles(
    model: Path, toy: SimpleNamespace
) -> None:
    picture = toy.photo(523, 411)
    whole, tiles = Segmenter(model).mask(picture), Segmenter(model, tile=64).mask(picture)
    # Two halves of the same number may add up to its neighbour, and tip what is all but a tie.
    assert np.count_nonzero(whole != tiles) <= 10


def test_a_picture_that_fits_one_tile_is_one_call_with_the_same_logits(
    model: Path, toy: SimpleNamespace
) -> None:
    whole, tiles = Segmenter(model, tile=10_000), Segmenter(model, tile=64)
    # By area: 64 x 64 small pixels, but longer than a tile.
    for size in ((128, 128), (63, 250), (1, 8000)):
        picture = toy.photo(*size)
        (one,), (other,) = (each.run([each._feed(picture)]) for each in (whole, tiles))
        np.testing.assert_array_equal(one, other)


def test_a_tile_holds_as_many_logits_whatever_the_sight(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    path = toy.saved(tmp_path / "sharp.onnx", factor=Fraction(1, 4), sight=2)
    whole, tiles = Segmenter(path), Segmenter(path, tile=64)
    assert tiles.shares_calls(tiles._feed(toy.photo(256, 256)))
    assert not tiles.shares_calls(tiles._feed(toy.photo(256, 264)))
    picture = toy.photo(523, 411)
    assert np.count_nonzero(whole.mask(picture) != tiles.mask(picture)) <= 10


def test_a_network_whose_logits_cannot_be_put_together_is_a_user_error(
    toy: SimpleNamespace,
) -> None:
    def pooled(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((2, 5, 7), np.float32)

    with pytest.raises(UserError, match="tiles of it cannot be put together") as raised:
        tiling.logits(pooled, toy.photo(200, 200), tiling.Plan(side=64, overlap=32, margin=0))
    assert raised.value.hint


@pytest.mark.skipif(not memory.can_measure(), reason="wants Linux")
def test_tiles_hold_one_plane_of_logits_and_the_work_of_one_tile() -> None:
    small = np.zeros((1500, 2000, 3), np.uint8)
    classes, work, cut = 4, 32 * 1024**2, tiling.Plan(side=512, overlap=64, margin=8)

    def run(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        held = np.ones(work // 4, np.float32)
        return np.full((classes, *part.shape[:2]), held[0], np.float32)

    before = memory.resident(memory.NOW)
    memory.forget_height()
    plane = tiling.logits(run, small, cut)
    used = memory.resident(memory.HEIGHT) - before
    assert plane.nbytes == classes * 1500 * 2000 * 4
    assert used < plane.nbytes + work + 4 * classes * 512 * 512 * 4 + 8 * 1024**2
