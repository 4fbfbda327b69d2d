"""Jitter changes the light and nothing else."""

import colorsys

import numpy as np
import pytest

from trainer.jitter import LUMA, _hue, _saturation, drawn, grey


def jittered(picture, strength, rng, **more):
    return drawn(strength, rng, **more).on(picture)


def test_no_strength_changes_nothing():
    picture = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    assert np.array_equal(jittered(picture, 0.0, np.random.default_rng(1)), picture)


def test_the_same_draw_gives_the_same_picture():
    picture = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    one, again, other = (jittered(picture, 0.5, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.dtype == np.uint8


def test_greys_stay_grey():
    grey = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6, 1).repeat(3, 2)
    changed = jittered(grey, 0.5, np.random.default_rng(3))
    assert (changed == changed[..., :1]).all()


def test_a_third_of_a_turn_makes_red_green():
    assert _hue(2 * np.pi / 3) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)


def test_no_saturation_is_the_grey_that_looks_as_bright():
    assert _saturation(0.0) @ [10, 200, 30] == pytest.approx([LUMA @ [10, 200, 30]] * 3)


def test_more_saturation_keeps_brightness_and_hue():
    colour = np.array([0.5, 0.4, 0.3])
    stronger = _saturation(1.3) @ colour
    assert LUMA @ stronger == pytest.approx(LUMA @ colour)
    before, after = colorsys.rgb_to_hsv(*colour), colorsys.rgb_to_hsv(*stronger)
    assert after[0] == pytest.approx(before[0])
    assert after[1] > before[1]


def test_a_hue_of_its_own_leaves_the_other_draws_as_they_are():
    one, other = (drawn(0.5, np.random.default_rng(4), hue=hue) for hue in (0.5, 0.0))
    assert drawn(0.5, np.random.default_rng(4)).matrix == pytest.approx(one.matrix)
    assert one.lift == other.lift
    # Without a turn of the hue a colour keeps its luma, but for the gains.
    assert LUMA @ other.matrix == pytest.approx(LUMA * (LUMA @ other.matrix).sum(), abs=1e-6)


def test_a_grey_light_keeps_what_looks_bright():
    picture = np.random.default_rng(0).integers(80, 160, (6, 7, 3), dtype=np.uint8)
    light = drawn(0.1, np.random.default_rng(5))
    without = grey(light).on(picture)
    assert (without == without[..., :1]).all()
    assert without[..., 0] == pytest.approx(light.on(picture) @ LUMA, abs=1.5)
