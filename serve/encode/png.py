"""PNG: the pixel value is the class id, the colours are the contract's."""

from kernels.png import encode

__all__ = ["MEDIA_TYPE", "encode"]

MEDIA_TYPE = "image/png"
