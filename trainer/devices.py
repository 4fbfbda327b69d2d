"""Which device `--device` means."""

from __future__ import annotations

import torch

from kernels.errors import UserError, one_of


def choose(name: str) -> str:
    """A device torch can use here, or an error that says which there are."""
    kind, colon, index = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (colon and kind != "cuda"):
        hint = "an NVIDIA GPU is called cuda" if kind == "gpu" else ""
        raise one_of("device", name, ["auto", "cpu", "cuda"], hint=hint)
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device here", hint="use --device cpu or auto")
    if colon and not (index.isdecimal() and int(index) < torch.cuda.device_count()):
        raise UserError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices")
    return name
