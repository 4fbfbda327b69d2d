"""Every GPU kernel compiles for every architecture, and says how it is launched."""

import json
import os
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from kernels import ahead
from kernels.errors import UserError
from kernels.taps import taps

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter compiles nothing"
)

MOST_SPILLS = 64  # bytes
VARIANTS = {one.label: one for one in ahead.variants()}


@pytest.mark.parametrize("architecture", ahead.ARCHITECTURES)
@pytest.mark.parametrize("label", VARIANTS)
def test_every_kernel_compiles_for_every_architecture(label, architecture):
    cubin = VARIANTS[label].compile(architecture)
    assert cubin.code[:4] == b"\x7fELF"
    assert 0 < cubin.registers <= 255
    assert 0 <= cubin.spills <= MOST_SPILLS
    assert cubin.shared <= 48 * 1024


@pytest.mark.parametrize(
    "label",
    [
        *("paint 19 float32", "shrink 1/4", "shrink 2/5", "shrink 2/5 views"),
        *("soften 1/4 19 u8 fp32", "soften 2/5 19 u8 fp32", "soften 2/5 19 u8 u8 views"),
    ],
)
def test_sizes_of_one_which_triton_makes_constants_compile_too(label):
    one = VARIANTS[label]
    numbers = [a.name for a in one.compile(90).arguments if a.kind == "i32"]
    for names in (numbers, *([name] for name in numbers)):
        constants = {**one.constants, **dict.fromkeys(names, 1)}
        replace(one, constants=constants).compile(90)


def test_a_cubin_travels_as_json_and_bytes():
    cubin = ahead.compile_paint(90, 19)
    plain = asdict(cubin)
    code = plain.pop("code")
    again = ahead.cubin_from(json.loads(json.dumps(plain)), code)
    assert again == cubin


def test_paint_takes_its_pointers_numbers_and_scratch_in_this_order():
    cubin = ahead.compile_paint(80, 300, logits="bfloat16")
    kinds = [argument.kind for argument in cubin.arguments]
    launch = ahead.paint_launch(1, (4, 6), (40, 60))
    assert kinds == ["*bf16", "*u16", "*u8"] + ["i32"] * len(launch.numbers) + ["*u8", "*u8"]
    assert cubin.threads == 128


def test_paint_never_fuses_a_product_and_a_sum():
    text = ahead.compile_text(VARIANTS["paint 19 float32"], 90)
    assert "fma" not in text
    # Nor may ptxas do so later: only operations that name their rounding are safe from it.
    assert "mul.rn.f32" in text
    assert not re.search(r"(mul|add|sub)(\.ftz)?\.f32|\.ftz", text)


@pytest.mark.parametrize(
    ("made", "there", "runs"),
    [
        *((80, 80, True), (80, 89, True), (86, 80, False), (75, 80, False), (80, 87, False)),
        *((90, 90, True), (89, 90, False), (120, 121, False), (90, 100, False)),
    ],
)
def test_a_cubin_runs_where_nvidia_says_so(made, there, runs):
    cubin = ahead.Cubin(
        architecture=made, name="", code=b"", arguments=(), warps=4, shared=0, registers=1,
        spills=0, constants={},
    )  # fmt: skip
    assert cubin.runs_on(there) is runs


@pytest.mark.parametrize("cells", [1, 3, 16, 63])
@pytest.mark.parametrize("pixels", [1, 7, 100, 1009])
def test_the_runs_of_a_launch_hold_every_pixel_of_their_cell(pixels, cells):
    launch = ahead.paint_launch(1, (1, cells), (1, pixels))
    *_, first, runs = launch.numbers
    near = taps(pixels, cells).near
    assert np.bincount(near).max() <= 2 * runs * ahead.PIXELS
    assert first == ((cells - pixels) // (2 * pixels))
    assert launch.grid[0] * ahead.LANES >= (near.max() - first + 1) * runs


def test_what_cannot_be_compiled_or_launched_is_named():
    for call, says in (
        (lambda: ahead.compile_paint(70, 19), "unknown architecture '70'"),
        (lambda: ahead.compile_paint(80, 19, logits="float64"), "unknown type of logits"),
        (lambda: ahead.paint_launch(1, (4, 4), (0, 4)), "size must be"),
        (lambda: ahead.paint_launch(1, (0, 4), (4, 4)), "there must be some"),
        (lambda: ahead.paint_launch(1, (4, 4), (8, 8), (4, 0, 5, 8)), "does not lie within"),
        (lambda: ahead.paint_launch(1, (4, 4), (2**24, 8)), "too large"),
        (lambda: ahead.paint_launch(70000, (4, 4), (8, 8)), "70000 masks"),
    ):
        with pytest.raises(UserError, match=says):
            call()
