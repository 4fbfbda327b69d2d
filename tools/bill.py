"""What one model costs at inference beside another: stage by stage, the same picture in turns.

`python tools/bill.py plain.onnx chosen.onnx --size 1024x2048`: from the bytes of a JPEG to those of
its mask on one core, medians of milliseconds, and each total as a multiple of the first one's.
Each artefact was compared with its checkpoint when it was exported; here only time is looked at.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path

from kernels.errors import reported
from serve.bench import pictures
from serve.clock import STAGES
from serve.segment import Segmenter
from trainer.comparison.table import pipes

WARM_UP = 3


def main() -> None:
    """Measure in turns, and print a column an artefact."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("artefacts", nargs="+", type=Path, metavar="ARTEFACT")
    words.add_argument("--size", default="1024x2048", help="of the made-up picture")
    words.add_argument("--turns", type=int, default=40)
    given = words.parse_args()
    height, width = map(int, given.size.split("x"))
    jpeg = pictures.made_up((height, width))
    with reported():
        servers = [Segmenter(path, threads=1) for path in given.artefacts]
    took = [defaultdict(list) for _ in servers]
    for turn in range(given.turns + WARM_UP):
        for segmenter, found in zip(servers, took, strict=True):
            begin = time.process_time()
            answer = segmenter.answer(jpeg)
            if turn >= WARM_UP:
                found["a core, all together"].append(1000 * (time.process_time() - begin))
                for stage, milliseconds in answer.milliseconds.items():
                    found[stage].append(milliseconds)
    print(table([path.name for path in given.artefacts], took))


def table(names: list[str], took: list[dict[str, list[float]]]) -> str:
    """A row a stage, and what the last one costs beside the first."""
    whole = "a core, all together"
    stages = [stage for stage in (*STAGES, whole) if all(stage in found for found in took)]
    medians = [{stage: statistics.median(found[stage]) for stage in stages} for found in took]
    rows = [(stage, *(f"{each[stage]:.1f}" for each in medians)) for stage in stages]
    ratios = ("beside the first", *(f"{each[whole] / medians[0][whole]:.2f} x" for each in medians))
    return pipes([("ms, median", *names), *rows, ratios])


if __name__ == "__main__":
    main()
