"""Compares the masks of two servers: a server with other masks has no times."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.errors import UserError
from serve.bench.wire import Lines, post

PATIENCE = 120.0
# Others round the means of small pictures otherwise, by one of 255, which moves logits a little.
# In sixteenths of a logit: a class that leads by as much as this does so by more than rounding.
TIE = 4
# Shares of all pixels.
MOST_CHANGED, MOST_BEYOND = 1e-2, 1e-4
# Of ours: what a decoder that reduces, or int8, costs is measured on labelled pictures.
MOST_OF_VARIANT = 2e-2

Plane = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Shares of pixels with another class, and of those that were no near-ties."""

    changed: float
    beyond: float

    def wrong(self, *, variant: bool) -> str:
        """Why the masks are not the same, if they are not."""
        if variant and self.changed <= MOST_OF_VARIANT:
            return ""
        if self.changed <= MOST_CHANGED and self.beyond <= MOST_BEYOND:
            return ""
        return f"{self.changed:.3%} of its pixels differ, {self.beyond:.3%} beyond near-ties"


def likeness(ours: Sequence[Plane], leads: Sequence[Plane], theirs: Sequence[Plane]) -> Likeness:
    """Masks of the same pictures, and the lead of our best class in sixteenths of a logit."""
    changed = beyond = pixels = 0
    for mask, lead, other in zip(ours, leads, theirs, strict=True):
        if mask.shape != other.shape:
            raise UserError(f"its mask is {other.shape}, and ours {mask.shape}")
        differs = mask != other
        changed += int(np.count_nonzero(differs))
        beyond += int(np.count_nonzero(differs & (lead >= TIE)))
        pixels += mask.size
    return Likeness(changed=changed / pixels, beyond=beyond / pixels)


def answered(port: int, path: str, pictures: Sequence[bytes]) -> list[Plane]:
    """The pixels of the PNGs that a server answers to these pictures."""
    return asyncio.run(_answered(port, path, pictures))


async def _answered(port: int, path: str, pictures: Sequence[bytes]) -> list[Plane]:
    lines, found = Lines(port), []
    try:
        for picture in pictures:
            async with asyncio.timeout(PATIENCE):
                reply = await lines.ask(post(path, picture))
            if reply.status != 200:
                told = reply.body[:200].decode("utf-8", "replace")
                raise UserError(f"it answers {reply.status} to a picture: {told}")
            with Image.open(io.BytesIO(reply.body), formats=["PNG"]) as image:
                found.append(np.asarray(image))
    except TimeoutError:
        raise UserError(f"it does not answer a picture within {PATIENCE:g} s") from None
    finally:
        lines.close()
    return found
