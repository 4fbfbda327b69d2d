"""`make demo`: one picture walks the whole road, fit -> export -> serve, and the result is counted.

Leaves demo/: the checkpoint, the artefact, and photo, truth, mask and overlay of a test picture.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from export.verify import changed_pixels
from kernels.paint import Mask
from serve.clock import STAGES
from trainer import checkpoint, data, pictures
from trainer.checkpoint import Checkpoint

DEMO = Path("demo")
STEPS = 250
POSTS = 11


def main() -> None:
    """Walk the road and print the table; the exit code says whether the masks agree."""
    DEMO.mkdir(exist_ok=True)
    model, artefact = DEMO / "model.ckpt", DEMO / "model.onnx"
    say("1. fit: learn street scenes at a quarter of their sides (shortened)")
    fit = ("fit", "--factor", "1/4", "--steps", str(STEPS), "--json")
    score = json.loads(run("trainer", *fit, "--out", str(model), "--runs", str(DEMO / "runs")))
    say("2. export: write an ONNX file and verify it against torch")
    run("trainer", "export", "onnx", str(model), "--out", str(artefact))
    say("3. serve: post a full-size test picture")
    pair = data.load("streets").split("test")[0]
    photo = DEMO / f"photo{pair.picture.suffix}"
    photo.write_bytes(pair.picture.read_bytes())
    with service(artefact) as address:
        content, timings = post(address, photo.read_bytes())
    (DEMO / "mask.png").write_bytes(content)
    mask = np.asarray(Image.open(BytesIO(content)))
    loaded = checkpoint.load(model)
    draw(loaded, photo, pair.read().labels, mask)
    changed, beyond = changed_pixels(loaded, data.read_for(loaded.contract, photo), mask)
    print(table(score, mask, changed, beyond, timings))
    raise SystemExit(1 if beyond else 0)


def say(text: str) -> None:
    """Tell the person at the terminal where we are."""
    print(f"\n== {text}", file=sys.stderr, flush=True)


def run(module: str, *words: str) -> str:
    """Run one of our programs as a user would; its talk goes to the terminal."""
    command = [sys.executable, "-m", module, *words]
    print("$", module, *words, file=sys.stderr, flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            # It heard the same Ctrl-C: let it keep what it has.
            process.wait()
            raise SystemExit(130) from None
    if process.returncode:
        raise SystemExit(process.returncode)
    return said


@contextmanager
def service(artefact: Path) -> Iterator[str]:
    """The service on a free loopback port, as long as the block lasts."""
    command = [sys.executable, "-m", "serve", str(artefact), "--port", "0"]
    print("$ serve", artefact, "--port 0", file=sys.stderr, flush=True)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield address_of(process)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def address_of(process: subprocess.Popen[str]) -> str:
    """Where the service says it listens."""
    for line in process.stderr or ():
        print(line, end="", file=sys.stderr)
        if line.startswith("serving "):
            return line.split()[-1]
    raise SystemExit("the service did not start")


def post(address: str, picture: bytes) -> tuple[bytes, dict[str, float]]:
    """The mask, and the median milliseconds of each stage."""
    seen: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(POSTS):
        answer = httpx.post(f"{address}/segment", content=picture, timeout=60, trust_env=False)
        answer.raise_for_status()
        for entry in answer.headers["Server-Timing"].split(","):
            stage, _, duration = entry.strip().partition(";dur=")
            seen[stage].append(float(duration))
    return answer.content, {stage: statistics.median(times) for stage, times in seen.items()}


def draw(loaded: Checkpoint, photo: Path, truth: Mask, mask: Mask) -> None:
    """Leave what a person wants to look at."""
    picture = data.read_picture(photo)
    painted = pictures.coloured(mask, loaded.contract)
    overlay = (picture * 0.5 + painted * 0.5).astype(np.uint8)
    Image.fromarray(overlay).save(DEMO / "overlay.png")
    pictures.write_mask(truth, loaded.contract, DEMO / "truth.png")
    row = [picture, pictures.coloured(truth, loaded.contract), painted]
    pictures.side_by_side([row], DEMO / "side-by-side.png")


def table(score: dict, mask: Mask, changed: int, beyond: int, timings: dict[str, float]) -> str:
    """What the walk came to."""
    agreement = 100 * (1 - changed / mask.size)
    rows = [
        ("mIoU at native size (test split)", f"{100 * score['miou']:.1f} %"),
        ("served mask equals torch's", f"{agreement:.4f} % of {mask.size} pixels"),
        ("pixels changed / beyond rounding", f"{changed} / {beyond}"),
        *((f"ms {stage}", f"{timings[stage]:.1f}") for stage in STAGES),
        ("ms in all", f"{sum(timings.values()):.1f}"),
    ]
    lines = [f"  {name:36}{value}" for name, value in rows]
    picture = f"{mask.shape[1]}x{mask.shape[0]}"
    return "\n".join(
        [
            f"\none {picture} picture, factor 1/4, medians of {POSTS} posts",
            *lines,
            f"\nlook at {DEMO}/side-by-side.png, overlay.png, mask.png",
        ]
    )


if __name__ == "__main__":
    main()
