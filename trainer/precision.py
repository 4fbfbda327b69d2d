"""The number format the network computes in, and what float16 wants besides."""

from __future__ import annotations

import torch

from kernels.errors import UserError

FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def refuse(precision: str, device: str) -> None:
    """Raise where `device` cannot train in `precision`."""
    if precision == "fp16" and not device.startswith("cuda"):
        raise UserError(
            f"--precision fp16 needs a CUDA device, and this is the {device}",
            hint="use --precision bf16 or fp32",
        )


def autocast(precision: str, device: str) -> torch.autocast:
    """Compute in `precision` where that is safe."""
    return torch.autocast(device, FORMATS.get(precision), enabled=precision in FORMATS)


def scaler(precision: str, device: str) -> torch.amp.GradScaler:
    """Keeps the gradients of float16 from vanishing; does nothing for the others."""
    return torch.amp.GradScaler(device, enabled=precision == "fp16")
