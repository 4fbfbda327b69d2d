"""Trees, bushes and hedges: trunks, branches and ragged crowns with holes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .camera import Point
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .crowns import Crown, leafage
from .shadows import Shadows
from .stage import Stage
from .warp import overlap

_LEAVES: tuple[Colour, ...] = (
    (86, 118, 52), (70, 104, 58), (104, 128, 60), (60, 88, 48), (120, 132, 70), (92, 110, 74),
)  # fmt: skip
_AUTUMN: tuple[Colour, ...] = ((168, 116, 46), (150, 84, 44), (176, 146, 60), (122, 96, 58))
_BARK: tuple[Colour, ...] = ((92, 76, 62), (112, 98, 84), (74, 64, 56), (124, 110, 92))


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A tree or, without a trunk, a bush; the crown spans `width` and ends at `height`."""

    x: float
    depth: float
    height: float
    width: float
    trunk: float
    girth: float
    crown: Crown | None
    leaves: Colour
    bark: Colour
    mirrored: bool
    twist: int

    def cast(self, shadows: Shadows) -> None:
        """Shadow of trunk and crown."""
        shadows.contact(self.x, self.depth, max(0.4, self.girth * 2), 0.4, 0.6)
        shadows.column(self.x, self.depth, self.girth / 2, self.trunk + 1)
        if self.crown is not None:
            middle = (self.height + self.trunk) / 2
            shadows.ball(self.x, self.depth, middle, self.width * 0.42)
            shadows.ball(self.x + self.width * 0.3, self.depth, middle * 0.9, self.width * 0.2)

    def draw(self, stage: Stage) -> None:
        """Trunk and branches, then the leaves over them."""
        rng = np.random.default_rng(self.twist)
        if self.trunk > 0:
            self._draw_wood(stage, rng)
        if self.crown is not None:
            self._draw_crown(stage, self.crown)

    def _draw_wood(self, stage: Stage, rng: np.random.Generator) -> None:
        board = Billboard(stage, self.x, self.depth, Label.TREE)
        light = stage.light
        bark = light.shaded(self.bark, light.on((0, 0, -1)))
        fork = self.trunk + 0.25 * (self.height - self.trunk)
        sway = float(rng.normal(0, 0.15))
        trunk = [(0.0, -0.05), (sway * 0.4, self.trunk * 0.6), (sway, fork)]
        board.limb(trunk, [self.girth * 1.25, self.girth, self.girth * 0.7], bark)
        sunny = 1 if light.towards_sun[0] > 0 else -1
        edge = self.girth * 0.5 * -sunny
        shade = [
            (edge * 1.2, 0.0), (edge * 0.2, 0.0),
            (sway + edge * 0.1, fork), (sway + edge * 0.7, fork),
        ]  # fmt: skip
        board.detail(shade, scaled(bark, 0.72))
        bare = self.crown is None
        for _ in range(9 if bare else 5):
            angle = float(rng.uniform(-1.0, 1.0))
            start = (sway * 0.8, self.trunk + float(rng.uniform(0.0, 0.5)) * (fork - self.trunk))
            self._branch(board, rng, start, angle, self.girth * 0.5, 4 if bare else 2, bark)

    def _branch(
        self,
        board: Billboard,
        rng: np.random.Generator,
        start: Point,
        angle: float,
        girth: float,
        forks: int,
        bark: Colour,
    ) -> None:
        reach = (
            (self.height - self.trunk) * 0.3 * float(rng.uniform(0.7, 1.2)) * 0.82 ** (4 - forks)
        )
        end = (start[0] + reach * math.sin(angle), start[1] + reach * math.cos(angle))
        line = max(2, round(girth * board.scale))
        board.stroke([start, end], line, bark)
        if forks > 1:
            for turn in (-0.5, 0.45):
                bent = angle + turn * float(rng.uniform(0.6, 1.3))
                self._branch(board, rng, end, bent, girth * 0.55, forks - 1, bark)

    def _draw_crown(self, stage: Stage, crown: Crown) -> None:
        board = Billboard(stage, self.x, self.depth, Label.TREE)
        bottom = self.trunk * 0.85
        centre = board.pixel((0, (self.height + bottom) / 2))
        size = (
            max(3, round(self.width * board.scale)),
            max(3, round((self.height - bottom) * board.scale)),
        )
        left, top = round(centre[0] - size[0] / 2), round(centre[1] - size[1] / 2)
        layer = stage.canvas.at(self.depth)
        whole = (left, top, left + size[0], top + size[1])
        box = overlap(whole, layer.size)
        if box is None:
            return
        leaves = stage.light.shaded(self.leaves, 0.5 + 0.62 * stage.light.on((0, 0.7, -0.7)))
        picture, mask = leafage(stage, crown, whole, box, leaves, mirrored=self.mirrored)
        layer.stamp(picture, mask, (box[0], box[1]), Label.TREE)


def sample_tree(
    rng: np.random.Generator, spot: Point, crowns: Sequence[Crown], *, autumn: bool, bare: bool
) -> Tree:
    """Draw a street tree at a spot (x, z)."""
    height = float(rng.uniform(4.5, 11))
    return Tree(
        x=spot[0],
        depth=spot[1],
        height=height,
        width=height * float(rng.uniform(0.45, 0.85)),
        trunk=height * float(rng.uniform(0.22, 0.36)),
        girth=0.02 * height + float(rng.uniform(0.05, 0.16)),
        crown=None if bare else picked(rng, crowns),
        leaves=jittered(rng, picked(rng, _AUTUMN if autumn else _LEAVES), 14),
        bark=jittered(rng, picked(rng, _BARK), 10),
        mirrored=rng.random() < 0.5,
        twist=int(rng.integers(1 << 30)),
    )


def sample_bush(rng: np.random.Generator, spot: Point, crowns: Sequence[Crown]) -> Tree:
    """Draw a bush at a spot (x, z)."""
    height = float(rng.uniform(0.8, 2.4))
    return Tree(
        x=spot[0],
        depth=spot[1],
        height=height,
        width=height * float(rng.uniform(1.1, 2.2)),
        trunk=0.0,
        girth=0.3,
        crown=picked(rng, crowns),
        leaves=jittered(rng, scaled(picked(rng, _LEAVES), 0.86), 14),
        bark=_BARK[0],
        mirrored=rng.random() < 0.5,
        twist=0,
    )
