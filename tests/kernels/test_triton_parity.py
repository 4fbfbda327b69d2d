"""The GPU kernels equal the reference bit for bit: on a GPU, or in Triton's interpreter.

Without a GPU `test_triton.py` runs this file in an interpreter of its own.
"""

import os
from fractions import Fraction

import numpy as np
import pytest

import kernels
from kernels.errors import UserError
from kernels.paint.reference import blended
from kernels.paint.reference import painting as paint_reference
from kernels.shrink.reference import shrink as shrink_reference
from kernels.soften.reference import soften as soften_reference
from kernels.view import View
from trainer.views import OUTSIDE, Window, cut

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("wants an NVIDIA GPU with CUDA", allow_module_level=True)
pytestmark = [
    pytest.mark.gpu,
    # The interpreter computes in lanes that a GPU masks off as well.
    pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning"),
]

SIZES = ((1, 1), (1, 9), (13, 1), (7, 5), (11, 23), (8, 48))
FACTORS = ("1", "1/2", "2/5", "1/4", "1/8", "7/8", "1/500")
VOID = 255


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Whatever a kernel leaves unwritten is no plausible value."""

    def empty(*shape, **options):
        made = allocate(*shape, **options)
        if made.is_floating_point():
            return made.fill_(float("nan"))
        made.view(torch.uint8).fill_(0xA5)
        return made

    allocate = torch.empty

    def empty_like(tensor, **options):
        return empty(tensor.shape, device=tensor.device, **options)

    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch, "empty_like", empty_like)


def random_picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def random_labels(size, classes, dtype=np.uint8, seed=0, void=VOID):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size).astype(dtype)
    labels[rng.random(size) < 0.2] = void
    return labels


def random_logits(shape, kind="smooth", seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=shape)
    if kind == "ties":
        logits = np.round(logits)
    if kind == "near ties":
        logits = 1000 + np.round(logits) + rng.integers(-1, 2, shape) * 6e-5
    if kind == "huge":
        logits = logits * 1e37
    logits = logits.astype(np.float32)
    if kind == "not finite":
        for value in (np.nan, np.inf, -np.inf):
            logits[rng.random(shape) < 0.1] = value
    return logits


def on_device(array):
    return torch.from_numpy(np.ascontiguousarray(array)).to(DEVICE)


def shares_of(labels, factor, classes, dtype="float32", ignore=VOID):
    kind = np.dtype(dtype)
    return soften_reference(
        labels, Fraction(factor), classes, ignore, mode="area", dtype=kind, seed=0
    )


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_shrink_equals_the_reference(size, factor):
    from kernels.shrink.triton import shrink

    picture = random_picture(size)
    small = shrink(on_device(picture), Fraction(factor)).cpu().numpy()
    assert np.array_equal(small, shrink_reference(picture, Fraction(factor)))


@pytest.mark.parametrize("factor", ["1/2", "1/4", "0.3"])
@pytest.mark.parametrize("size", SIZES)
def test_shrink_cuts_cells_by_the_sight_as_the_reference_does(size, factor):
    from kernels.shrink.triton import shrink

    picture = random_picture(size)
    small = shrink(on_device(picture), Fraction(factor), 2).cpu().numpy()
    assert np.array_equal(small, shrink_reference(picture, Fraction(factor), 2))


def test_shrink_rounds_half_to_even():
    from kernels.shrink.triton import shrink

    picture = np.repeat(np.array([[0, 1, 1, 2, 254, 255]], np.uint8)[..., None], 3, axis=2)
    small = shrink(on_device(picture), Fraction(1, 2)).cpu().numpy()
    assert small[0, :, 0].tolist() == [0, 2, 254]


@pytest.mark.parametrize("factor", ["2/5", "1/4"])
def test_shrink_counts_in_64_bits_where_32_are_too_few(factor, monkeypatch):
    from kernels.shrink import triton as module

    # The largest sum that half_even makes of a cell; one part more needs the wide counters.
    assert (2 * 255 + 1) * module.NARROW_AREA < 2**31 <= (2 * 255 + 1) * (module.NARROW_AREA + 1)
    monkeypatch.setattr(module, "NARROW_AREA", 0)
    picture = random_picture((17, 31))
    small = module.shrink(on_device(picture), Fraction(factor)).cpu().numpy()
    assert np.array_equal(small, shrink_reference(picture, Fraction(factor)))


@pytest.mark.skipif(INTERPRETED, reason="wants an NVIDIA GPU: the interpreter would take minutes")
def test_a_cell_of_millions_of_white_pixels_is_white():
    from kernels.shrink.triton import shrink

    white = np.full((2900, 2901, 3), 255, np.uint8)
    assert (shrink(on_device(white), small=(1, 1)) == 255).all()


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_soften_equals_the_reference(size, factor):
    from kernels.soften.triton import soften

    labels = random_labels(size, 5)
    shares = soften(on_device(labels), Fraction(factor), 5).cpu().numpy()
    assert np.array_equal(shares, shares_of(labels, factor, 5))


@pytest.mark.parametrize("size", [(13, 1), (500, 1), (1, 500), (64, 64), (256, 16), (7, 9)])
def test_a_cell_of_one_class_alone_is_all_that_class(size):
    from kernels.soften.triton import soften

    labels = on_device(np.full(size, 1, np.uint8))
    shares = soften(labels, None, 3, small=(1, 1)).cpu().numpy()
    assert shares.ravel().tolist() == [0, 1, 0]


@pytest.mark.parametrize("factor", ["1/4", "2/5"])
@pytest.mark.parametrize("classes", [1, 19, 256, 300])
def test_soften_takes_any_number_of_classes(classes, factor):
    from kernels.soften.triton import soften

    labels = random_labels((3, 9), classes, np.int32, void=-1)
    shares = soften(on_device(labels), Fraction(factor), classes, -1).cpu().numpy()
    assert np.array_equal(shares, shares_of(labels, factor, classes, ignore=-1))


@pytest.mark.parametrize("factor", ["1/4", "2/5"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32])
def test_label_types_do_not_change_the_shares(kind, factor):
    from kernels.soften.triton import soften

    labels = random_labels((7, 13), 19, kind)
    shares = soften(on_device(labels), Fraction(factor), 19).cpu().numpy()
    assert np.array_equal(shares, shares_of(labels.astype(np.int32), factor, 19))


@pytest.mark.parametrize("factor", ["1/4", "2/5", "1/3"])
@pytest.mark.parametrize("kind", ["float16", "uint8", "bfloat16"])
def test_shares_are_rounded_as_the_reference_rounds_them(kind, factor):
    from kernels.soften.triton import soften

    labels = random_labels((7, 13), 5)
    shares = soften(on_device(labels), Fraction(factor), 5, dtype=getattr(torch, kind)).cpu()
    if kind == "bfloat16":
        expected = torch.from_numpy(shares_of(labels, factor, 5)).to(torch.bfloat16)
        assert torch.equal(shares, expected)
    else:
        assert np.array_equal(shares.numpy(), shares_of(labels, factor, 5, kind))


@pytest.mark.parametrize("factor", ["1/4", "2/5"])
def test_cells_of_void_alone_have_no_mass(factor):
    from kernels.soften.triton import soften

    labels = on_device(np.full((8, 8), VOID, np.uint8))
    assert not soften(labels, Fraction(factor), 19).any()


@pytest.mark.parametrize(("label", "kind"), [(7, np.uint8), (-1, np.int16), (254, np.int32)])
def test_a_stray_label_is_named_or_void(label, kind):
    from kernels.soften.triton import soften

    labels = random_labels((9, 9), 5, kind)
    labels[8, 3] = label
    with pytest.raises(UserError, match=f"label {label} is neither a class"):
        soften(on_device(labels), Fraction(1, 4), 5)
    unchecked = soften(on_device(labels), Fraction(1, 4), 5, check=False).cpu().numpy()
    labels[8, 3] = VOID
    assert np.array_equal(unchecked, shares_of(labels, "1/4", 5))


WINDOWS = {
    "inside": [(3, 5, 16, 24, False), (1, 2, 16, 24, True)],
    "beyond every edge": [(-5, -7, 40, 60, False), (-5, -7, 40, 60, True)],
    "of several sizes": [(2, 3, 12, 18, True), (-4, 9, 21, 31, False)],
    "far outside": [(90, 90, 8, 12, True), (-90, 2, 8, 12, False)],
    "no reduction": [(0, 0, 8, 12, True), (5, 30, 8, 12, False)],
}


@pytest.mark.parametrize("windows", WINDOWS.values(), ids=WINDOWS)
def test_views_equal_cutting_mirroring_and_reducing_on_the_cpu(windows):
    from kernels.shrink.triton import shrink
    from kernels.soften.triton import soften

    size, small, classes = (29, 41), (8, 12), 6
    pictures = np.stack([random_picture(size, seed) for seed in range(2)])
    labels = np.stack([random_labels(size, classes, seed=seed) for seed in range(2)])
    views = [View(top=t, left=x, height=h, width=w, flip=f) for t, x, h, w, f in windows]
    table = torch.tensor(windows, dtype=torch.int32)
    seen = shrink(on_device(pictures), views=views, small=small, outside=OUTSIDE)
    shares = soften(on_device(labels), None, classes, views=table, small=small)
    for item, (top, left, height, width, flip) in enumerate(windows):
        window = Window(top=top, left=left, height=height, width=width)
        step = -1 if flip else 1
        factor = Fraction(small[0], height)
        picture = cut(pictures[item], window, OUTSIDE)[:, ::step]
        label = cut(labels[item], window, VOID)[:, ::step]
        assert np.array_equal(seen[item].cpu().numpy(), shrink_reference(picture, factor))
        assert np.array_equal(shares[item].cpu().numpy(), shares_of(label, factor, classes))


SHAPES = [
    # classes, logits, mask
    (19, (4, 6), (13, 49)),
    (5, (1, 7), (33, 5)),
    (12, (20, 20), (7, 9)),
    (1, (3, 3), (9, 9)),
    (256, (2, 3), (2, 19)),
    (300, (2, 2), (1, 37)),
    (3, (1, 1), (3, 300)),
    (2, (3, 200), (3, 7)),
]


@pytest.mark.parametrize(("classes", "cells", "size"), SHAPES)
@pytest.mark.parametrize("kind", ["smooth", "ties", "near ties", "huge", "not finite"])
def test_paint_equals_the_reference(classes, cells, size, kind):
    from kernels.paint.triton import paint

    logits = random_logits((classes, *cells), kind)
    mask, margin = paint(on_device(logits), size, margin=kind != "huge")
    with np.errstate(all="ignore"):
        full = blended(logits, size)
        # Where blending overflowed there is no highest logit.
        clear = np.isfinite(full).all(0)
        expected = paint_reference(logits, size, (0, 0, *size), True)
    assert clear.mean() > 0.5
    assert mask.cpu().numpy().dtype == expected.mask.dtype
    assert np.array_equal(mask.cpu().numpy()[clear], expected.mask[clear])
    if margin is not None:
        assert np.array_equal(margin.cpu().numpy()[clear], expected.margin[clear])


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_paint_takes_half_precision_as_the_same_numbers(kind):
    from kernels.paint.triton import paint

    logits = torch.from_numpy(random_logits((7, 4, 6))).to(getattr(torch, kind))
    mask, _ = paint(logits.to(DEVICE), (30, 41))
    single = logits.float().numpy()
    expected = paint_reference(single, (30, 41), (0, 0, 30, 41), False)
    assert np.array_equal(mask.cpu().numpy(), expected.mask)


@pytest.mark.parametrize("window", [(0, 0, 1, 1), (5, 7, 9, 20), (29, 40, 1, 1), (0, 33, 30, 8)])
def test_a_window_is_that_crop_of_the_mask(window):
    from kernels.paint.triton import paint

    logits = random_logits((2, 5, 4, 6))
    top, left, height, width = window
    whole = [paint_reference(one, (30, 41), (0, 0, 30, 41), False).mask for one in logits]
    mask, _ = paint(on_device(logits), (30, 41), window=window)
    expected = np.stack(whole)[:, top : top + height, left : left + width]
    assert np.array_equal(mask.cpu().numpy(), expected)


def test_a_tie_goes_to_the_lowest_class():
    from kernels.paint.triton import paint

    mask, margin = paint(on_device(np.zeros((9, 3, 3), np.float32)), (10, 10), margin=True)
    assert not mask.any()
    assert not margin.any()


def test_the_public_calls_reach_these_kernels():
    picture, labels = random_picture((11, 23)), random_labels((11, 23), 5)
    logits = random_logits((2, 3, 4, 6))
    small = kernels.shrink(on_device(picture), "1/4", backend="triton")
    assert np.array_equal(small.cpu().numpy(), kernels.shrink(picture, "1/4"))
    shares = kernels.soften(on_device(labels), "2/5", 5, dtype="float16", backend="triton")
    assert np.array_equal(shares.cpu().numpy(), kernels.soften(labels, "2/5", 5, dtype="float16"))
    ours = kernels.painting(on_device(logits), (9, 13), margin=True, backend="triton")
    expected = kernels.painting(logits, (9, 13), margin=True)
    assert np.array_equal(ours.mask.cpu().numpy(), expected.mask)
    assert np.array_equal(ours.margin.cpu().numpy(), expected.margin)
    assert np.array_equal(ours.counts.cpu().numpy(), expected.counts)
    mask = kernels.paint(on_device(logits[0]), (9, 13), window=(3, 4, 5, 6), backend="triton")
    assert np.array_equal(mask.cpu().numpy(), expected.mask[0, 3:8, 4:10])
    with pytest.raises(UserError, match="dtype of shares"):
        kernels.soften(on_device(labels), "2/5", 5, dtype="float64", backend="triton")


@pytest.mark.skipif(not INTERPRETED, reason="on a GPU the benchmark itself is run")
def test_every_way_of_the_gpu_s_benchmark_agrees_with_ours(monkeypatch):
    from kernels.bench import gpu

    sizes = {"CROP": (3, 6), "SIZE": (16, 32), "SMALLER": (6, 9)}
    for name, value in {"DEVICE": "cpu", "BATCH": 1, "CLASSES": 5, **sizes}.items():
        monkeypatch.setattr(gpu, name, value)
    monkeypatch.setattr(kernels.backends, "for_gpu", lambda given, backend: torch.is_tensor(given))
    monkeypatch.setattr(gpu, "_logits", lambda cells, classes, kind: tiny(classes, kind))
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)

    def tiny(classes, kind):
        return torch.from_numpy(random_logits((1, min(classes, 5), 4, 5))).to(kind)

    named = []
    for task in gpu.tasks(None):
        ours = task.ways[0].call()
        for way in task.ways:
            way.check(ours, way.call())
        named.append(task.name)
    assert len(named) == 12


def test_bad_arguments_are_named():
    from kernels.paint.triton import paint
    from kernels.shrink.triton import shrink
    from kernels.soften.triton import soften

    view = View(top=0, left=0, height=8, width=8)
    labels, picture = torch.zeros((8, 8), dtype=torch.uint8), torch.zeros((8, 8, 3)).byte()
    for call, says in (
        (lambda: shrink(picture.float(), Fraction(1)), "pictures must be"),
        (lambda: shrink(picture), "factor is missing"),
        (lambda: shrink(picture, views=[view]), "small is missing"),
        (lambda: shrink(picture, views=[view, view], small=(2, 2)), "views: 2 for 1"),
        (lambda: shrink(picture, Fraction(1, 2), views=[view], small=(2, 2)), "factor is given"),
        (lambda: shrink(picture, views=[(0, 0, 8, 8, 0)], small=(2, 2)), "sequence of kernels"),
        (lambda: shrink(picture, views=torch.zeros((1, 5)), small=(2, 2)), "rows of whole"),
        (lambda: shrink(picture, views=torch.zeros(5).int(), small=(2, 2)), "rows of whole"),
        (lambda: shrink(picture, views=[view], small=(2, 2), outside=(0, 0)), "outside must be"),
        (lambda: soften(labels.float(), Fraction(1), 3), "labels must be"),
        (lambda: soften(labels, Fraction(1), 3, mode="nearest"), "label mode of the GPU"),
        (lambda: soften(labels, Fraction(1), 0), "classes must be"),
        (lambda: soften(labels, Fraction(1), 3, dtype=torch.float64), "dtype of shares"),
        (lambda: soften(torch.zeros((4099, 4111)).byte(), None, 3, small=(2, 2)), "parts"),
        (lambda: paint(torch.zeros((2, 3, 3), dtype=torch.int32), (4, 4)), "logits must be"),
        (lambda: paint(torch.zeros((2, 3, 3)), (0, 4)), "size must be"),
        (lambda: paint(torch.zeros((2, 3, 3)), (4, 4), window=(1, 0, 4, 4)), "window"),
    ):
        with pytest.raises(UserError, match=says):
            call()
