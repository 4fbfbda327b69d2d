"""The classes a street picture is labelled with, and the colours that show them."""

from __future__ import annotations

from enum import IntEnum


class Label(IntEnum):
    """One value per class, ordered from broad to thin.

    The order is used: where a pixel is shared evenly, the larger value (the thinner thing) wins.
    """

    ROAD = 0
    PAVEMENT = 1
    BUILDING = 2
    SKY = 3
    TREE = 4
    FENCE = 5
    CAR = 6
    CYCLIST = 7
    PERSON = 8
    SIGN = 9
    POLE = 10
    WIRE = 11
    VOID = 255


IGNORE = int(Label.VOID)

CLASSES: tuple[str, ...] = tuple(label.name.lower() for label in Label if label is not Label.VOID)

PALETTE: tuple[tuple[int, int, int], ...] = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (70, 130, 180),
    (107, 142, 35),
    (190, 153, 153),
    (0, 0, 142),
    (119, 11, 32),
    (220, 20, 60),
    (220, 220, 0),
    (153, 153, 153),
    (0, 230, 220),
)
