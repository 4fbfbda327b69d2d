"""The part of a picture that is asked for, as `?window=x,y,width,height` in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.errors import UserError
from kernels.paint import Window as Part

HINT = "give x,y,width,height in pixels of the upright picture, such as window=512,0,256,128"
# Beyond what any picture has; int() of endless digits costs time.
MOST_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of the upright picture; x goes right, y goes down."""

    x: int
    y: int
    width: int
    height: int

    def within(self, size: tuple[int, int]) -> Part:
        """The same for `kernels.paint`; one that leaves a picture of (H, W) is an error."""
        height, width = size
        if self.x + self.width > width or self.y + self.height > height:
            given = f"{self.x},{self.y},{self.width},{self.height}"
            raise UserError(
                f"window={given} leaves the picture, which is {width} wide and {height} high",
                hint=HINT,
            )
        return self.y, self.x, self.height, self.width


def read(text: str) -> Window:
    """The window that `x,y,width,height` says."""
    parts = [part.strip() for part in text.split(",")]
    # isdecimal() alone takes the digits of every script.
    plain = all(part.isascii() and part.isdecimal() for part in parts)
    if len(parts) != 4 or not plain or max(map(len, parts)) > MOST_DIGITS:
        raise UserError(f"window='{text}' is not four whole numbers", hint=HINT)
    x, y, width, height = (int(part) for part in parts)
    if not width or not height:
        raise UserError(f"window='{text}' is empty", hint=HINT)
    return Window(x=x, y=y, width=width, height=height)
