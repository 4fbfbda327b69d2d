"""One picture's result before it is encoded, and what the encoders say of it alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.contract import Contract
from kernels.errors import UserError
from kernels.paint import Mask, Window


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A mask and what belongs to it; all planes are of one size, that of the window if any."""

    mask: Mask  # [H,W]
    contract: Contract
    picture: NDArray[np.uint8] | None = None  # the upright photo [H,W,3], where the format wants it
    # [H,W] the lead of the best logit over the second in sixteenths, where it was asked for.
    confidence: NDArray[np.uint8] | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict)  # of the stages so far
    kept: tuple[int, ...] | None = None  # the classes that are asked for; None is all
    window: Window | None = None  # where the planes lie in the picture; None is the whole of it

    @property
    def shown(self) -> tuple[int, ...]:
        """The classes that are answered, in the order of the contract."""
        return tuple(range(len(self.contract.classes))) if self.kept is None else self.kept

    def masked(self) -> Mask:
        """The mask with the contract's void number where the class was not asked for."""
        if self.kept is None:
            return self.mask
        ignore = self.contract.ignore
        lookup = np.full(len(self.contract.classes), ignore, np.min_scalar_type(ignore))
        lookup[list(self.kept)] = self.kept
        return np.asarray(lookup[self.mask])

    def about(self, number: int) -> dict[str, Any]:
        """What every JSON answer says of a class."""
        red, green, blue = self.contract.palette[number]
        return {
            "id": number,
            "name": self.contract.classes[number],
            "color": f"#{red:02x}{green:02x}{blue:02x}",
        }

    def place(self) -> dict[str, Any]:
        """What every JSON answer says of the mask's size, and of the window if there is one."""
        height, width = self.mask.shape
        size = {"height": height, "width": width}
        if self.window is None:
            return size
        return {**size, "window": {"x": self.window[1], "y": self.window[0], **size}}


def demanded(plane: NDArray[np.uint8] | None, what: str) -> NDArray[np.uint8]:
    """A plane that the format said it wants; without it the caller is wrong, not the user."""
    if plane is None:
        raise RuntimeError(f"this format wants the {what}")
    return plane


def refuse_noise(borders: int, most: int) -> None:
    """Raise where a text about the borders of the mask would be many times as large as the mask."""
    if borders > most:
        raise UserError(
            f"the mask changes its class {borders} times between two pixels; at most {most} "
            "changes are put into words",
            hint="ask for ?format=png, or for a smaller window=",
        )


def changes(mask: Mask, axis: int) -> int:
    """How many pixels are of another class than the one before, down (0) or to the right (1)."""
    before, after = (mask[:-1], mask[1:]) if axis == 0 else (mask[:, :-1], mask[:, 1:])
    return int(np.count_nonzero(before != after))


def refuse_wide(ignore: int, most: int, hint: str) -> None:
    """Raise where the number for classes not asked for is larger than the format can hold."""
    if ignore > most:
        raise UserError(
            f"classes: what is not asked for becomes the model's void number {ignore}, and this "
            f"format holds numbers to {most}",
            hint=hint,
        )
