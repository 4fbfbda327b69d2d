"""Which pictures an artefact takes: how many at once, and how large."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernels.errors import UserError

DYNAMIC = "dynamic"
# Labelled pictures to verify with, and training pictures to calibrate with.
PICTURES, CALIBRATION = 16, 100
Size = tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Least and most of each; None is whatever comes."""

    batch: tuple[int, int] | None = None
    size: tuple[Size, Size] | None = None

    @property
    def fixed_batch(self) -> int | None:
        """The one number of pictures, where there is only one."""
        return self.batch[0] if self.batch and self.batch[0] == self.batch[1] else None

    @property
    def fixed_size(self) -> Size | None:
        """The one size, where there is only one."""
        return self.size[0] if self.size and self.size[0] == self.size[1] else None

    def takes(self, size: Size) -> bool:
        """Whether a picture of that size may come."""
        if self.size is None:
            return True
        pairs = zip(self.size[0], size, self.size[1], strict=True)
        return all(least <= side <= most for least, side, most in pairs)

    def plain(self) -> dict[str, str]:
        """As it is typed."""
        batch = _span([str(count) for count in self.batch]) if self.batch else DYNAMIC
        size = _span([f"{h}x{w}" for h, w in self.size]) if self.size else DYNAMIC
        return {"batch": batch, "size": size}


def _span(ends: list[str]) -> str:
    return ends[0] if ends[0] == ends[1] else "..".join(ends)


def read(size: str, batch: str) -> Intake:
    """The intake of `--size` and `--batch`."""
    return Intake(batch=_read_batch(batch), size=_read_size(size))


def _read_batch(text: str) -> tuple[int, int] | None:
    if text == DYNAMIC:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:\.\.(\d{1,5}))?", text)
    least, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= least <= most:
        raise UserError(
            f"--batch {text} is not a number of pictures", hint="write 4, 1..16 or dynamic"
        )
    return least, most


def _read_size(text: str) -> tuple[Size, Size] | None:
    if text == DYNAMIC:
        return None
    sides = r"(\d{1,5})x(\d{1,5})"
    match = re.fullmatch(rf"{sides}(?:\.\.{sides})?", text)
    numbers = [int(side) for side in match.groups() if side] if match else [0]
    least, most = tuple(numbers[:2]), tuple(numbers[-2:])
    if min(numbers) < 1 or any(a > b for a, b in zip(least, most, strict=True)):
        raise UserError(
            f"--size {text} is not a size of pictures",
            hint="write HEIGHTxWIDTH as in 1024x2048, 256x512..1024x2048 or dynamic",
        )
    return (least[0], least[1]), (most[0], most[1])
