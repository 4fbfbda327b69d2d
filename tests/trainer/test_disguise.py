"""A disguise changes how a crop looks, as often as it says, and never where things are."""

import numpy as np
import pytest

from trainer.disguise import Disguise, Look
from trainer.jitter import LUMA


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def test_no_disguise_is_the_picture_itself(picture):
    assert Look(light=None, blur=0.0).on(picture) is picture


def test_changes_come_as_often_as_they_are_asked_for():
    looks = Disguise(views=2000, jittered=0.8, greyed=0.2, blurred=0.5).looks(
        np.random.default_rng(1)
    )
    lit = [look.light for look in looks]
    # Lit are those that are jittered or grey: 1 - 0.2 * 0.8.
    assert np.mean([light is not None for light in lit]) == pytest.approx(0.84, abs=0.03)
    colourless = [light is not None and np.ptp(light.matrix, axis=0).max() < 1e-6 for light in lit]
    assert np.mean(colourless) == pytest.approx(0.2, abs=0.03)
    assert np.mean([look.blur > 0 for look in looks]) == pytest.approx(0.5, abs=0.04)
    assert max(look.blur for look in looks) <= 2


def test_grey_alone_is_how_bright_a_pixel_looks(picture):
    (look,) = Disguise(views=1, jittered=0.0, greyed=1.0, blurred=0.0).looks(
        np.random.default_rng(2)
    )
    assert look.on(picture)[..., 1] == pytest.approx(picture @ LUMA, abs=0.51)


def test_blur_spreads_a_point_and_keeps_its_mass():
    point = np.zeros((21, 21, 3), np.uint8)
    point[10, 10] = 255
    blurred = Look(light=None, blur=1.5).on(point)[..., 0].astype(float)
    assert blurred.argmax() == 10 * 21 + 10
    assert blurred.max() < 40
    assert blurred.sum() == pytest.approx(255, rel=0.15)
    assert abs(blurred - blurred.T).max() <= 1


def test_the_same_draw_gives_the_same_looks(picture):
    one, again, other = (
        [look.on(picture) for look in Disguise(views=2).looks(np.random.default_rng(seed))]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])
