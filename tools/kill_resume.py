"""Kills a training run ten times at random moments, resumes it each time, and compares the weights.

`python tools/kill_resume.py [KILLS]`: two runs of the same recipe on generated streets in a
temporary folder; one is left alone, the other is ended with SIGKILL. Exit status 1 where a weight
differs.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

STEPS = 200
RECIPE = (
    "--recipe",
    "streets",
    "--data",
    "streets:64x128",
    "--factor",
    "1/2",
    "--batch",
    "2",
    "--ema",
    "0.99",
)
RUN = ("--steps", str(STEPS), "--save-every", "7", "--device", "cpu")


def start(*words: str, cwd: Path) -> subprocess.Popen[bytes]:
    """`trainer fit` in the background."""
    command = [sys.executable, "-m", "trainer", "fit", *words]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def undisturbed(place: Path) -> tuple[float, float]:
    """Train to the end in `place`; (seconds to the first state, seconds from there to the end)."""
    began = time.monotonic()
    process = start(*RECIPE, *RUN, cwd=place)
    while not any(place.glob("runs/*/last.ckpt")) and process.poll() is None:
        time.sleep(0.05)
    ready = time.monotonic()
    if process.wait():
        raise SystemExit("the run that was left alone failed")
    return ready - began, time.monotonic() - ready


def kill_and_resume(place: Path, kills: int, *, setup: float, training: float) -> int:
    """Train to the end in `place` across that many kills; how many there were."""
    killed = 0
    while True:
        begun = any(place.glob("runs/*/last.ckpt"))
        process = start(*(("--resume", "last") if begun else (*RECIPE, *RUN)), cwd=place)
        if killed == kills:
            process.wait()
        else:
            # From the middle of the imports to well into the training.
            time.sleep(random.uniform(0.5 * setup, setup + 1.2 * training / kills))
        if process.poll() is not None:
            if process.returncode:
                raise SystemExit(f"a run failed with {process.returncode}")
            return killed
        process.kill()
        process.wait()
        killed += 1
        print(f"kill {killed}", flush=True)


def weights(place: Path) -> dict[str, torch.Tensor]:
    """What the run published."""
    content = torch.load(place / "model.ckpt", weights_only=True)
    found: dict[str, torch.Tensor] = content["weights"]
    return found


def main() -> None:
    """Run one undisturbed and others across kills until there were enough, and compare."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    killed = differing = runs = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        whole.mkdir()
        setup, training = undisturbed(whole)
        expected = weights(whole)
        while killed < wanted:
            runs += 1
            parts = Path(folder) / f"parts-{runs}"
            parts.mkdir()
            killed += kill_and_resume(parts, wanted - killed, setup=setup, training=training)
            got = weights(parts)
            differing += sum(not value.equal(got[name]) for name, value in expected.items())
    print(f"{killed} kills in {runs} runs of {STEPS} steps: {differing} tensors differ")
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    main()
