"""`make gpu`: all that needs an NVIDIA GPU, and at its end a table of what ran and what did not.

What is not installed is not run, and the table says so; only a failure makes the exit code 1.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export import flavour
from export.flavour import Flavour
from kernels.errors import UserError, reported

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("runs/gpu")
RAN, NOT_RUN, FAILED = "ran", "NOT RUN", "FAILED"
PACKAGES = ("torch", "triton", "onnxruntime-gpu", "pycuda")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the table: what, how often or for how many steps, and why not."""

    what: str
    outcome: str
    count: int = 1
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A program of ours; one that stands on another is not run where that failed."""

    title: str
    words: tuple[str, ...]
    after: str = ""


def main() -> None:
    """Run everything, and tell."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--out", type=Path, default=OUT, help="checkpoint, artefacts, test report")
    given, more = words.parse_known_args()
    with reported():
        about = facts()
        given.out.mkdir(parents=True, exist_ok=True)
        lines = [*tests(given.out / "tests.xml", more), *run(steps(given.out))]
    print(f"\n== what ran, and what did not: {about}\n\n{table(lines)}")
    raise SystemExit(any(line.outcome == FAILED for line in lines))


def facts() -> str:
    """The GPU and the packages, for whoever reads the table elsewhere."""
    architecture = flavour.gpu_architecture()
    if architecture is None:
        raise UserError(
            "there is no NVIDIA GPU here, or no driver for it: nothing was run",
            hint="make ahead checks what can be checked without one",
        )
    found = {"GPU": f"sm{architecture}", "driver": f"CUDA {_driver()}"}
    return ", ".join(f"{name} {told}" for name, told in (found | packages()).items())


def _driver() -> str:
    """The CUDA that the driver is for."""
    told = ctypes.c_int()
    ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(told))
    return f"{told.value // 1000}.{told.value % 1000 // 10}"


def packages() -> dict[str, str]:
    """The version of each, or that it is not there."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    for name in flavour.PACKAGES:
        present = flavour.find(name)
        found[name] = present.version if isinstance(present, Flavour) else "not installed"
    return found


def tests(report: Path, more: list[str]) -> list[Line]:
    """The tests marked gpu; `more` is for pytest."""
    report.unlink(missing_ok=True)
    words = ["-m", "pytest", "-m", "gpu", "-v", "-rs", f"--junitxml={report}", *more]
    code = called("parity, training, engines and serving on the GPU", words)
    # A crash of a library ends pytest before it writes anything.
    if not report.is_file():
        return [Line(what="tests", outcome=FAILED, why=f"pytest ended with {code}: see above")]
    lines = read(report)
    if code and not any(line.outcome == FAILED for line in lines):
        lines.append(Line(what="tests", outcome=FAILED, why=f"pytest ended with {code}"))
    return lines


def read(report: Path) -> list[Line]:
    """A line a file of tests and outcome, with as many as there were."""
    counted = Counter(
        (_file(case), *_outcome(case)) for case in ElementTree.parse(report).iter("testcase")
    )
    return [
        Line(what=what, outcome=outcome, count=count, why=why)
        for (what, outcome, why), count in sorted(counted.items())
    ]


def _file(case: ElementTree.Element) -> str:
    # Of a file that was skipped as a whole, the name is its only one.
    return (case.get("classname") or case.get("name") or "").replace(".", "/") + ".py"


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    skipped = case.find("skipped")
    if skipped is not None:
        # 'collection skipped', where only the text has the reason.
        whole = "Skipped: " in (skipped.text or "")
        told = (skipped.text or "").partition("Skipped: ")[2].rstrip("')")
        return NOT_RUN, told if whole else skipped.get("message", "")
    if case.find("failure") is not None or case.find("error") is not None:
        return FAILED, "see above"
    return RAN, ""


def steps(out: Path) -> tuple[Step, ...]:
    """What is measured; the artefacts are of a model that learned a little, here."""
    model, fp32, fp16 = (str(out / name) for name in ("m.ckpt", "m-fp32.onnx", "m-fp16.onnx"))
    fit = ("--recipe", "streets", "--factor", "1/4", "--steps", "200", "--device", "cuda")
    timed = ("--checkpoint", model, "--size", "512x1024", "--batch", "1,8")
    return (
        Step(title="kernels compiled ahead of time: registers/spills", words=("kernels.ahead",)),
        Step(
            title="kernels beside their alternatives",
            words=("kernels.bench", "--device", "cuda"),
        ),
        Step(
            title="a model to export",
            words=("trainer", "fit", *fit, "--out", model, "--runs", str(out / "runs")),
        ),
        Step(
            title="its artefact",
            words=("trainer", "export", "onnx", model, "--out", fp32),
            after="a model to export",
        ),
        Step(
            title="its artefact in fp16",
            words=("trainer", "export", "onnx", model, "--out", fp16, "--precision", "fp16"),
            after="its artefact",
        ),
        Step(
            title="artefacts on CUDA beside the CPU",
            words=("trainer", "export", "bench", fp32, fp16, *timed),
            after="its artefact in fp16",
        ),
    )


def run(steps: tuple[Step, ...]) -> Iterator[Line]:
    """A line a step, as each ends."""
    without: set[str] = set()
    for step in steps:
        if step.after in without:
            without.add(step.title)
            yield Line(what=step.title, outcome=NOT_RUN, why=f"it wants: {step.after}")
        elif code := called(step.title, ["-m", *step.words]):
            without.add(step.title)
            yield Line(what=step.title, outcome=FAILED, why=f"ended with {code}: see above")
        else:
            yield Line(what=step.title, outcome=RAN)


def called(title: str, words: list[str]) -> int:
    """The exit code; what it says goes where ours goes."""
    print(f"\n== {title}\n$ python {' '.join(words)}", flush=True)
    return subprocess.run([sys.executable, *words], cwd=ROOT, check=False).returncode


def table(lines: list[Line]) -> str:
    """Every line, and how many checks there were of each outcome."""
    rows = [f"| {line.what} | {line.outcome} | {line.count} | {line.why} |" for line in lines]
    total = Counter[str]()
    for line in lines:
        total[line.outcome] += line.count
    told = ", ".join(f"{total[outcome]} {outcome}" for outcome in (RAN, NOT_RUN, FAILED))
    return "\n".join(["| what | outcome | checks | why |", "|---|---|--:|---|", *rows, "", told])


if __name__ == "__main__":
    main()
