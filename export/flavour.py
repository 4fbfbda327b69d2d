"""Which TensorRT is at hand: the real one or the one for RTX GPUs, never one for the other."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from kernels.errors import UserError, one_of

# The package to import, and how to get it.
PACKAGES = {
    "tensorrt": ("tensorrt", "install NVIDIA's package tensorrt, 10.13 to 11"),
    "rtx": ("tensorrt_rtx", "install softres with its extra 'rtx'"),
}
AUTO = "auto"
OLDEST = {"tensorrt": (10, 13), "rtx": (1, 0)}


@dataclass(frozen=True, kw_only=True)
class Flavour:
    """A TensorRT that can be imported here."""

    name: str
    module: Any

    @property
    def version(self) -> str:
        """As the package says."""
        return str(self.module.__version__)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """The TensorRT that was wanted cannot be used here, and why."""

    flavour: str
    reason: str


def find(name: str) -> Flavour | Missing:
    """The flavour of that name; `auto` takes the only one there is."""
    if name != AUTO:
        if name not in PACKAGES:
            raise one_of("flavour", name, [AUTO, *PACKAGES])
        return _imported(name)
    present = [each for each in PACKAGES if importlib.util.find_spec(PACKAGES[each][0])]
    if len(present) > 1:
        raise UserError(
            "--flavour auto: tensorrt and tensorrt_rtx can both be imported here",
            hint="name one: --flavour tensorrt or --flavour rtx; neither loads the other's engines",
        )
    return _imported(present[0]) if present else _imported("tensorrt")


def _imported(name: str) -> Flavour | Missing:
    package, hint = PACKAGES[name]
    try:
        module = importlib.import_module(package)
    except ImportError:
        return Missing(flavour=name, reason=f"{package} cannot be imported here: {hint}")
    found = Flavour(name=name, module=module)
    release = tuple(int(part) for part in found.version.split(".")[:2])
    if release < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        return Missing(
            flavour=name, reason=f"{package} {found.version} is older than {oldest}: {hint}"
        )
    return found


def gpu_architecture() -> int | None:
    """What the first GPU of this machine is (90 for 9.0), asked of the driver alone."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    for attribute, part in ((75, major), (76, minor)):
        if driver.cuDeviceGetAttribute(ctypes.byref(part), attribute, device):
            return None
    return 10 * major.value + minor.value
