"""Compiles GPU kernels ahead of time, and says how a compiled `paint` is launched.

Compiling needs triton, but no GPU; launching needs neither triton nor torch. `python -m
kernels.ahead` compiles every kernel for every architecture and prints registers and spills.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.errors import UserError, one_of
from kernels.view import Plan, View, plan

ARCHITECTURES = (75, 80, 86, 89, 90, 120)
WARPS = 4
# A mask has one byte per pixel as long as every class fits.
MOST_BYTE_CLASSES = 256
# Pixels a lane paints at once, and lanes of one program of `paint`.
PIXELS, LANES = 16, 128
POINTER = "*"
# The pointers Triton appends to every kernel's arguments; ours need no scratch memory.
SCRATCH = ("global_scratch", "profile_scratch")
LOGITS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
# Weights are quotients of numbers below this, so that float32 division rounds as float64's does.
MOST_PARTS = 2**24
MOST_LINES = 65535


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a kernel: its name, and '*u8', 'i32' and the like."""

    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Cubin:
    """A compiled kernel and what its launcher must know; all but `code` fits into JSON."""

    architecture: int
    name: str
    code: bytes
    arguments: tuple[Argument, ...]
    warps: int
    shared: int  # bytes
    registers: int
    spills: int  # bytes
    constants: dict[str, int]

    @property
    def threads(self) -> int:
        """Threads of one block."""
        return 32 * self.warps

    def runs_on(self, architecture: int) -> bool:
        """From 9.0 on Triton compiles for one architecture alone; before, for later minor ones."""
        if self.architecture >= 90:
            return architecture == self.architecture
        same = architecture // 10 == self.architecture // 10
        # 8.7 is Tegra, for which code is compiled apart.
        return same and architecture >= self.architecture and architecture != 87


def cubin_from(plain: dict[str, Any], code: bytes) -> Cubin:
    """The Cubin of which `dataclasses.asdict` gave `plain`, but for its code."""
    try:
        arguments = tuple(Argument(**argument) for argument in plain["arguments"])
        return Cubin(**{**plain, "arguments": arguments, "code": code})
    except (KeyError, TypeError) as error:
        raise UserError(f"the compiled kernel's facts are damaged ({error})") from None


@dataclass(frozen=True, kw_only=True)
class PaintLaunch:
    """One call of `paint`: what lies between its pointers and its scratch, and the grid."""

    numbers: tuple[int, ...]
    grid: tuple[int, int, int]
    shape: tuple[int, int]


def paint_launch(
    count: int,
    cells: tuple[int, int],
    size: tuple[int, int],
    window: tuple[int, int, int, int] | None = None,
) -> PaintLaunch:
    """How `paint` makes masks of `size`, or that window of them, from logits of `cells`."""
    top, left, height, width = window or (0, 0, *size)
    inside = min(top, left) >= 0 and top + height <= size[0] and left + width <= size[1]
    if min(count, *cells) < 1:
        raise UserError(f"{count} times {cells} logits: there must be some")
    if min(size) < 1:
        raise UserError(f"size must be (height, width) of at least 1, not {size}")
    if min(height, width) < 1 or not inside:
        raise UserError(f"window {window} does not lie within {size}")
    for pixels, logits in zip(size, cells, strict=True):
        if 2 * pixels > MOST_PARTS or (2 * pixels + 2) * (logits + 2) + pixels > 2**31 - 1:
            raise UserError(f"size {size} is too large for the GPU kernel")
    if max(count, height) > MOST_LINES:
        raise UserError(f"{count} masks of {height} rows: it takes {MOST_LINES} of each")
    first, last = (_cell(x, cells[1], size[1]) for x in (left, left + width - 1))
    runs = _ceil(_ceil(size[1], cells[1]), PIXELS)
    blocks = _ceil((last - first + 1) * runs, LANES)
    return PaintLaunch(
        numbers=(*cells, *size, top, left, height, width, first, runs),
        grid=(blocks, height, count),
        shape=(height, width),
    )


def _ceil(whole: int, part: int) -> int:
    return (whole + part - 1) // part


def _cell(pixel: int, cells: int, pixels: int) -> int:
    """The logit whose centre lies at or before the pixel's; -1 before all of them."""
    return ((2 * pixel + 1) * cells - pixels) // (2 * pixels)


def paint_constants(classes: int, *, margin: bool = False) -> dict[str, int]:
    """What `paint` is compiled for."""
    return {"classes": classes, "with_margin": margin, "pixels": PIXELS, "lanes": LANES}


def compile_paint(
    architecture: int, classes: int, *, logits: str = "float32", margin: bool = False
) -> Cubin:
    """`paint` for one architecture (90 for 9.0), one number of classes and one type of logits."""
    if logits not in LOGITS:
        raise one_of("type of logits", logits, LOGITS)
    mask = "*u8" if classes <= MOST_BYTE_CLASSES else "*u16"
    pointers = {"logits": POINTER + LOGITS[logits], "mask": mask, "margin": "*u8"}
    constants = paint_constants(classes, margin=margin)
    return compile_kernel("paint", "paint_kernel", pointers, constants, architecture)


def compile_kernel(
    operator: str,
    kernel: str,
    pointers: dict[str, str],
    constants: dict[str, int],
    architecture: int,
    *,
    multiples: tuple[str, ...] = (),
) -> Cubin:
    """The kernel in `kernels/<operator>/triton.py`; what is no pointer or constant is an int32.

    `multiples` are the arguments known to be multiples of 16, which makes loads wide.
    """
    compiled, kinds = _compile(operator, kernel, pointers, constants, architecture, multiples)
    return _cubin(compiled, kinds, constants, architecture)


def _compile(
    operator: str,
    kernel: str,
    pointers: dict[str, str],
    constants: dict[str, int],
    architecture: int,
    multiples: tuple[str, ...],
) -> tuple[Any, dict[str, str]]:
    if architecture not in ARCHITECTURES:
        raise one_of("architecture", architecture, map(str, ARCHITECTURES))
    triton, targets = _library("triton"), _library("triton.backends.compiler")
    function = getattr(importlib.import_module(f"kernels.{operator}.triton"), kernel)
    kinds = {
        name: "constexpr" if name in constants else pointers.get(name, "i32")
        for name in function.arg_names
    }
    # Every pointer is an allocation of its own and so aligned; without knowing, loads are narrow.
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, (name, kind) in enumerate(kinds.items())
        if kind.startswith(POINTER) or (kind == "i32" and name in multiples)
    }
    source = triton.compiler.ASTSource(
        fn=function, signature=kinds, constexprs=constants, attrs=aligned
    )
    compiled = triton.compile(
        source,
        target=targets.GPUTarget("cuda", architecture, 32),
        # A fused multiply-add rounds once where the CPU rounds twice.
        options={"num_warps": WARPS, "enable_fp_fusion": False},
    )
    return compiled, kinds


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            "compiling for a GPU needs the package triton, which is not installed",
            hint="pip install triton; it needs no GPU",
        ) from None


def _cubin(
    compiled: Any, kinds: dict[str, str], constants: dict[str, int], architecture: int
) -> Cubin:
    arguments = [Argument(name=n, kind=k) for n, k in kinds.items() if k != "constexpr"]
    arguments += [Argument(name=name, kind="*u8") for name in SCRATCH]
    (entry,) = re.findall(r"\.entry\s+\w+\s*\((.*?)\n\)", compiled.asm["ptx"], re.DOTALL)
    declared = entry.count(".param ")
    needs = [getattr(compiled.metadata, f"{name}_size", 0) for name in SCRATCH]
    if declared != len(arguments) or any(needs):
        raise UserError(
            f"this triton gives {compiled.metadata.name} {declared} arguments, not"
            f" {len(arguments)}, and {sum(needs)} bytes of scratch, not 0",
            hint="use triton 3.6 to 3.9",
        )
    code = bytes(compiled.asm["cubin"])
    registers, spills = usage(code)
    return Cubin(
        architecture=architecture,
        name=compiled.metadata.name,
        code=code,
        arguments=tuple(arguments),
        warps=compiled.metadata.num_warps,
        shared=compiled.metadata.shared,
        registers=registers,
        spills=spills,
        constants=dict(constants),
    )


def usage(code: bytes) -> tuple[int, int]:
    """Registers of a thread, and the bytes of its stack, which is where spilled ones go."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        told = _run_tool("cuobjdump", "--dump-resource-usage", file.name)
    found = {name: re.search(rf"{name}:(\d+)", told) for name in ("REG", "STACK", "LOCAL")}
    register, stack, local = (int(hit.group(1)) if hit else -1 for hit in found.values())
    return register, stack + local


def _run_tool(name: str, *arguments: str) -> str:
    tool = Path(_library("triton").__file__).parent / "backends" / "nvidia" / "bin" / name
    if not tool.is_file():
        raise UserError(f"triton has no {name} at {tool}", hint="use the wheel from PyPI")
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A kernel as it is compiled to be looked at."""

    label: str
    operator: str
    kernel: str
    pointers: dict[str, str]
    constants: dict[str, int]
    multiples: tuple[str, ...] = ()

    def compile(self, architecture: int) -> Cubin:
        """This kernel for one architecture."""
        return compile_kernel(
            *(self.operator, self.kernel, self.pointers, self.constants, architecture),
            multiples=self.multiples,
        )


def compile_text(one: Variant, architecture: int) -> str:
    """The PTX of a kernel, to look at."""
    compiled, _ = _compile(
        *(one.operator, one.kernel, one.pointers, one.constants, architecture, one.multiples)
    )
    return str(compiled.asm["ptx"])


def variants() -> list[Variant]:
    """Every kernel, with the types and cells that matter."""
    return [*_paints(), *_shrinks(), *_softens()]


def _paints() -> list[Variant]:
    cases = [(19, dtype, False) for dtype in LOGITS]
    cases += [(19, "float32", True), (1, "float32", False), (150, "float16", False)]
    cases += [(300, "float32", True)]
    return [
        Variant(
            label=f"paint {classes} {dtype}{' margin' if margin else ''}",
            operator="paint",
            kernel="paint_kernel",
            pointers={
                "logits": POINTER + LOGITS[dtype],
                "mask": "*u8" if classes <= MOST_BYTE_CLASSES else "*u16",
                "margin": "*u8",
            },
            constants=paint_constants(classes, margin=margin),
        )
        for classes, dtype, margin in cases
    ]


# Windows of a picture and the small size they come out as: 1/4, 1/8, 2/5, and a zoomed view.
GEOMETRIES = {
    "1/2": ((1024, 2048), (512, 1024)),
    "1/4": ((1024, 2048), (256, 512)),
    "1/8": ((1024, 2048), (128, 256)),
    "2/5": ((1025, 2050), (410, 820)),
    "1/500": ((1000, 2000), (2, 4)),
}


def _shrinks() -> list[Variant]:
    module = importlib.import_module("kernels.shrink.triton")
    return [
        Variant(
            label=f"shrink {name}{' views' if each else ''}",
            operator="shrink",
            kernel="shrink_kernel",
            pointers={"source": "*u8", "small": "*u8", "views": "*i32" if each else "*u8"},
            constants=module.constants(_planned(name), each=each),
            multiples=_multiples(name),
        )
        for name in GEOMETRIES
        for each in (False, True)
    ]


def _softens() -> list[Variant]:
    module = importlib.import_module("kernels.soften.triton")
    cases = [(name, 19, "u8", "fp32", each) for name in GEOMETRIES for each in (False, True)]
    cases += [("1/4", 19, "u8", share, False) for share in ("fp16", "bf16", "u8")]
    cases += [("2/5", 19, "u8", share, True) for share in ("fp16", "bf16", "u8")]
    cases += [("1/4", 300, labels, "fp32", True) for labels in ("i16", "u16", "i32")]
    made = []
    for name, classes, labels, shares, each in cases:
        whole = module.whole_constants(_planned(name), classes, each=each)
        kind = f"*{labels}"
        made.append(
            Variant(
                label=f"soften {name} {classes} {labels} {shares}{' views' if each else ''}",
                operator="soften",
                kernel="whole_kernel" if whole else "parts_kernel",
                pointers={
                    "labels": kind,
                    "shares": f"*{shares}",
                    "views": "*i32" if each else kind,
                },
                constants=whole or module.parts_constants(_planned(name), classes, each=each),
                multiples=_multiples(name),
            )
        )
    return made


def _planned(name: str) -> Plan:
    (height, width), small = GEOMETRIES[name]
    return plan([View(top=0, left=0, height=height, width=width)], small)


def _multiples(name: str) -> tuple[str, ...]:
    """As Triton itself finds out at a call: which of the sizes are multiples of 16."""
    (height, width), (rows, columns) = GEOMETRIES[name]
    sizes = {"height": height, "width": width, "rows": rows, "columns": columns}
    return tuple(side for side, pixels in sizes.items() if pixels % 16 == 0)


def main() -> None:
    """Compile everything and print a table of registers and spilled bytes."""
    _say("kernel", *(f"sm_{architecture}" for architecture in ARCHITECTURES))
    for one in variants():
        cubins = [one.compile(architecture) for architecture in ARCHITECTURES]
        _say(one.label, *(f"{cubin.registers}/{cubin.spills}" for cubin in cubins))
    version = _library("triton").__version__
    _say(f"registers of a thread / bytes of its stack, where spilled ones go; triton {version}")


def _say(first: str, *others: str) -> None:
    line = first.ljust(36 if others else 0) + "".join(text.rjust(9) for text in others)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
