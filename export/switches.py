"""What TensorRT's builder can be told; the names are trtexec's, where it has one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.errors import UserError, one_of

LEVELS = range(6)
HARDWARE = {
    "none": "NONE",
    "ampere+": "AMPERE_PLUS",
    "sameComputeCapability": "SAME_COMPUTE_CAPABILITY",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the builder is told."""

    architectures: tuple[int, ...] = ()  # RTX alone builds for GPUs that are not there
    workspace: int | None = None  # MiB
    timing_cache: Path | None = None
    version_compatible: bool = False
    hardware_compatibility: str = "none"
    optimization_level: int | None = None

    def __post_init__(self) -> None:
        if self.hardware_compatibility not in HARDWARE:
            raise one_of("hardware compatibility level", self.hardware_compatibility, HARDWARE)
        if self.optimization_level not in (None, *LEVELS):
            raise UserError(
                f"--builderOptimizationLevel {self.optimization_level} is not 0 to {LEVELS[-1]}"
            )

    def plain(self) -> dict[str, Any]:
        """For the build facts."""
        return {
            "workspace_mib": self.workspace,
            "version_compatible": self.version_compatible,
            "hardware_compatibility": self.hardware_compatibility,
            "builder_optimization_level": self.optimization_level,
        }


def refuse_unknown_to_rtx(settings: Settings) -> None:
    """Raise for what TensorRT-RTX takes without doing anything, or fails at."""
    given = {
        "--timingCacheFile": settings.timing_cache is not None,
        "--versionCompatible": settings.version_compatible,
        "--hardwareCompatibilityLevel": settings.hardware_compatibility != "none",
    }
    unknown = [name for name, is_given in given.items() if is_given]
    if unknown:
        raise UserError(
            f"TensorRT-RTX does not know {' and '.join(unknown)}",
            hint="leave it out, or name several GPUs with --arch",
        )


def read_architectures(text: str) -> tuple[int, ...]:
    """'sm86,sm120' -> 86, 120."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(re.fullmatch(r"sm_?\d{2,3}", word) for word in words):
        raise UserError(f"--arch {text} is not a list of GPUs", hint="write sm86,sm89,sm120")
    return tuple(dict.fromkeys(int(word.removeprefix("sm").lstrip("_")) for word in words))


def read_workspace(text: str) -> int | None:
    """'workspace:2048' -> MiB."""
    if not text:
        return None
    match = re.fullmatch(r"workspace:(\d{1,7})", text)
    if match is None or int(match[1]) < 1:
        raise UserError(f"--memPoolSize {text} is not understood", hint="write workspace:2048")
    return int(match[1])
