"""The page reads class ids out of PNG files exactly, whatever their depth and filters."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kernels import png

READ = """
(async () => {{
  const {{ readMask }} = await import("/page/picture.js");
  const file = new Blob([Uint8Array.from(atob("{}"), (c) => c.charCodeAt(0))]);
  const mask = await readMask(file);
  const bytes = new Uint8Array(mask.ids.buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return [mask.height, mask.width, mask.ids.BYTES_PER_ELEMENT, btoa(text), [...mask.counts]];
}})()
"""


def read(page: Any, data: bytes) -> tuple[NDArray[Any], list[int]]:
    height, width, size, text, counts = page.js(READ.format(base64.b64encode(data).decode()))
    ids = np.frombuffer(base64.b64decode(text), f"<u{size}")
    return ids.reshape(height, width), counts


def by_every_filter(ids: NDArray[np.uint8]) -> bytes:
    """A grey PNG whose rows take turns in the five filters, as the standard defines them."""
    whole = ids.astype(int)
    up, left, corner = (np.zeros_like(whole) for _ in range(3))
    up[1:], left[:, 1:], corner[1:, 1:] = whole[:-1], whole[:, :-1], whole[:-1, :-1]
    near = [np.abs(up + left - corner - side) for side in (left, up, corner)]
    # A tie goes to the left, then up.
    paeth = np.choose(np.argmin(near, axis=0), (left, up, corner))
    guesses = (0 * up, left, up, (left + up) // 2, paeth)
    rows = [
        bytes([kind]) + ((whole - guesses[kind]) % 256)[y].astype(np.uint8).tobytes()
        for y in range(len(ids))
        for kind in [y % 5]
    ]
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return png.SIGNATURE + b"".join(png._chunk(name, data) for name, data in parts)


@pytest.mark.parametrize("classes", [2, 256, 257, 60_000])
@pytest.mark.parametrize("size", [(1, 1), (7, 1), (61, 83)])
def test_masks_as_the_server_writes_them_are_read_exactly(
    page: Any, classes: int, size: tuple[int, int]
) -> None:
    kind = np.uint8 if classes <= 256 else np.uint16
    ids = np.random.default_rng(1).integers(0, classes, size).astype(kind)
    seen, counts = read(page, png.encode(ids, ((1, 2, 3),) * classes))
    np.testing.assert_array_equal(seen, ids)
    np.testing.assert_array_equal(counts[:classes], np.bincount(ids.ravel(), minlength=classes))


def test_every_filter_of_png_is_undone(page: Any, toy: SimpleNamespace) -> None:
    ids = toy.photo(60, 90)[..., 0]
    data = by_every_filter(ids)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), ids)
    np.testing.assert_array_equal(read(page, data)[0], ids)


@pytest.mark.parametrize("data", [b"", b"hello, this is no PNG", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_mask_is_an_error_and_no_silence(page: Any, data: bytes) -> None:
    with pytest.raises(AssertionError, match="Error"):
        read(page, data)
