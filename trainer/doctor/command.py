"""What `trainer inspect` does: examine, draw, print, and say with a number how it went."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from kernels import threads
from trainer import talk
from trainer.doctor import sheet, tables
from trainer.doctor.report import examine

SHEET = "contact.png"


def inspect(data: str, out: Path | None, most: int | None, *, as_json: bool) -> int:
    """The exit status: 1 where there are errors."""
    start = time.perf_counter()
    report = examine(data, most)
    seconds = time.perf_counter() - start
    if any(look.pixels is not None for look in report.looks) and out is not None:
        sheet.draw(report.looks, report.dataset, out / SHEET)
        talk.say(f"{out / SHEET} shows some of the pairs")
    if as_json:
        json.dump(report.plain() | {"seconds": round(seconds, 3)}, sys.stdout)
        sys.stdout.write("\n")
    else:
        tables.show(report)
    talk.say(f"looked at {len(report.looks)} pairs in {seconds:.1f} s ({threads.count()} threads)")
    return int(report.has_errors)
