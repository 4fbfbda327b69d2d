"""What one server is told: the artefact, the address and the limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kernels.picture import MOST_PIXELS

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything `create_app` and the command line need; only `model` has no default."""

    model: Path
    host: str = "127.0.0.1"
    port: int = 8000
    max_pixels: int = MOST_PIXELS
    max_bytes: int = MOST_BYTES
    # JPEGs are reduced by their decoder where it can: faster, and not bit for bit the same mask.
    reduced_decode: bool = False
    # Of the network alone; the kernels take theirs from SOFTRES_THREADS.
    threads: int | None = None
